//! The memory for request bodies, by the limit of the control group.

use std::fs;

/// How much each worker has where memory is plenty, in bytes.
const BODIES: u64 = 64 * 1024 * 1024;

/// How much each of so many workers has for request bodies, in bytes: all of them together at most
/// half of the limit of the control group.
pub fn for_bodies(workers: usize) -> u64 {
    let limits = paths()
        .into_iter()
        .filter_map(|path| limit(&fs::read_to_string(path).ok()?));
    share(limits.min(), workers)
}

fn share(limit: Option<u64>, workers: usize) -> u64 {
    limit.map_or(BODIES, |limit| {
        BODIES.min(limit / 2 / workers.max(1) as u64)
    })
}

/// Files that may have the limit of this process: of cgroup v2 and v1 (cgroups(7)), as a container
/// sees them and as the machine does.
fn paths() -> Vec<String> {
    const MOUNT: &str = "/sys/fs/cgroup";
    let mut paths = vec![
        format!("{MOUNT}/memory.max"),
        format!("{MOUNT}/memory/memory.limit_in_bytes"),
    ];
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    if let Some(path) = groups.lines().find_map(|line| line.strip_prefix("0::")) {
        paths.push(format!("{MOUNT}{path}/memory.max"));
    }
    paths
}

/// A limit in bytes; `None` for `max`.
fn limit(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_workers_together_have_half_of_the_limit() {
        const MIB: u64 = 1024 * 1024;
        for (limit, workers, want) in [
            (None, 4, 64),
            (Some(64 * MIB), 2, 16),
            (Some(64 * MIB), 1, 32),
            (Some(1024 * MIB), 4, 64),
        ] {
            assert_eq!(share(limit, workers), want * MIB, "{limit:?} {workers}");
        }
        assert_eq!(
            (limit("max\n"), limit("67108864\n")),
            (None, Some(64 * MIB))
        );
    }
}
