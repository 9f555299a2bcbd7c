//! `clock_gettime(2)`: the monotonic clock and the wall clock.
//!
//! Durations and deadlines are measured with the fine clock: an answer takes microseconds, and the
//! coarse one lags by up to four milliseconds. Dates are whole seconds, so they come from the
//! coarse one, which costs next to nothing. On all but odd machines neither enters the kernel
//! (vdso(7)).

/// Microseconds of a clock that only goes forward, and stands still while the machine sleeps.
pub fn monotonic_us() -> u64 {
    let time = read(libc::CLOCK_MONOTONIC);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000 + time.tv_nsec as u64 / 1_000
}

/// Milliseconds of the same clock.
pub fn monotonic_ms() -> u64 {
    monotonic_us() / 1_000
}

/// Milliseconds since 1970; 0 for a clock set before that.
pub fn realtime_ms() -> u64 {
    let time = read(libc::CLOCK_REALTIME_COARSE);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000 + time.tv_nsec as u64 / 1_000_000
}

fn read(clock: libc::clockid_t) -> libc::timespec {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the kernel writes to the local `time` alone. It fails only for a clock that does
    // not exist, and Linux has had both since 2.6.32; `time` would then stay 0.
    unsafe { libc::clock_gettime(clock, &mut time) };
    time
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
