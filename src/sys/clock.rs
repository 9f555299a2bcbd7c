//! `clock_gettime(2)` on the coarse clocks: the time of the last timer tick.
//!
//! Coarse is what a server wants: a few milliseconds are precise enough for deadlines and dates,
//! and these clocks are read without entering the kernel on every machine, whatever its clock
//! source, where the fine ones are not.

/// Milliseconds of a clock that only goes forward, and stands still while the machine sleeps.
pub fn monotonic_ms() -> u64 {
    read_ms(libc::CLOCK_MONOTONIC_COARSE)
}

/// Milliseconds since 1970; 0 for a clock set before that.
pub fn realtime_ms() -> u64 {
    read_ms(libc::CLOCK_REALTIME_COARSE)
}

fn read_ms(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the kernel writes to the local `time` alone. It fails only for a clock that does
    // not exist, and Linux has had both since 2.6.32; `time` would then stay 0.
    unsafe { libc::clock_gettime(clock, &mut time) };
    u64::try_from(time.tv_sec).unwrap_or(0) * 1000 + time.tv_nsec as u64 / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_run_forward_and_agree_with_std() {
        let (a, b) = (monotonic_ms(), monotonic_ms());
        assert!(a > 0 && b >= a);
        let std = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
        assert!(std.abs_diff(realtime_ms()) < 1_000);
    }
}
