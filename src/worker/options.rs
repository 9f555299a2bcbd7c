//! [`SocketOptions`]: how many connections a worker takes, how long it waits for them, and how long
//! it lives.

use super::link::slow_reader::SlowReaderLimits;

/// What a program may say of a worker of its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketOptions {
    /// Connections of one worker at most.
    pub max_connections: usize,
    /// How fast a client must read.
    pub slow_reader: SlowReaderLimits,
    /// How many connections may wait to be accepted.
    pub backlog: u32,
    /// How long a worker lives.
    pub recycling: Recycling,
}

/// After how many requests a worker asks for a successor. Code that loses memory a little at a time
/// can be lived with so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recycling {
    /// So many; 0 for any number.
    pub requests: u64,
    /// Up to so many percent fewer, so that workers that began together do not leave together.
    pub jitter: u8,
}

impl Recycling {
    /// How many for this worker; `None` for any number. `salt` is another one for each.
    pub fn of(self, salt: u64) -> Option<u64> {
        if self.requests == 0 {
            return None;
        }
        let most = self.requests / 100 * u64::from(self.jitter)
            + self.requests % 100 * u64::from(self.jitter) / 100;
        // Multiplication spreads what differs by one (Knuth).
        let dice = salt.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        Some((self.requests - dice % (most + 1)).max(1))
    }
}

impl Default for SocketOptions {
    fn default() -> SocketOptions {
        SocketOptions {
            max_connections: 1024,
            slow_reader: SlowReaderLimits {
                write_timeout_ms: 60_000,
                min_rate: 64,
            },
            backlog: 1024,
            recycling: Recycling::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_that_begin_together_do_not_leave_together() {
        for (requests, jitter, least) in [
            (1_000, 10, 900),
            (1_000, 0, 1_000),
            (1_000, 100, 1),
            (1, 10, 1),
            (55, 10, 50),
        ] {
            let recycling = Recycling { requests, jitter };
            let all: Vec<u64> = (1..500).filter_map(|pid| recycling.of(pid)).collect();
            assert_eq!(all.len(), 499);
            assert!(
                all.iter().all(|n| (least..=requests).contains(n)),
                "{requests}"
            );
            let spread = all.iter().any(|n| *n != all[0]);
            assert_eq!(spread, least < requests, "{requests} {jitter}");
        }
        assert_eq!(Recycling::default().of(7), None);
    }
}
