//! [`OomKills`]: whether the kernel has killed a process of this control group for want of memory.
//!
//! A worker that is killed so dies of SIGKILL like any other. The control group that it lived in
//! counts such deaths: `oom_kill` in `memory.events` (cgroup v2), or in `memory.oom_control` (v1).

use std::fs;
use std::path::PathBuf;

/// Where control groups are mounted.
const MOUNT: &str = "/sys/fs/cgroup";

/// The counter of our control group.
#[derive(Debug)]
pub struct OomKills {
    /// Where it is, if there is one.
    path: Option<PathBuf>,
    seen: u64,
}

impl OomKills {
    /// From now on.
    pub fn new() -> OomKills {
        let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let found = candidates(&groups)
            .into_iter()
            .find_map(|path| Some((count(&fs::read_to_string(&path).ok()?)?, path)));
        match found {
            Some((seen, path)) => OomKills {
                path: Some(path),
                seen,
            },
            None => OomKills {
                path: None,
                seen: 0,
            },
        }
    }

    /// Whether there was one since the last look.
    pub fn look(&mut self) -> bool {
        let text = self.path.as_ref().map(fs::read_to_string);
        let Some(kills) = text.and_then(Result::ok).as_deref().and_then(count) else {
            return false;
        };
        kills > std::mem::replace(&mut self.seen, kills)
    }
}

/// Files that may have the counter, by what `/proc/self/cgroup` says.
fn candidates(groups: &str) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for line in groups.lines() {
        // Number, controllers, path (cgroups(7)).
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
            continue;
        };
        let (root, file) = match controllers {
            "" => (MOUNT.to_string(), "memory.events"),
            list if list.split(',').any(|c| c == "memory") => {
                (format!("{MOUNT}/memory"), "memory.oom_control")
            }
            _ => continue,
        };
        paths.push(format!("{root}{path}/{file}").into());
        // In a container the path may be that of the host, where we see only our own part.
        paths.push(format!("{root}/{file}").into());
    }
    paths
}

/// The number behind `oom_kill`.
fn count(text: &str) -> Option<u64> {
    text.lines()
        .find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_is_found_in_both_versions() {
        let v2 = "low 0\nhigh 0\nmax 7\noom 2\noom_kill 3\noom_group_kill 0\n";
        let v1 = "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n";
        assert_eq!((count(v2), count(v1)), (Some(3), Some(5)));
        assert_eq!((count("oom_kill x\n"), count("")), (None, None));
    }

    #[test]
    fn the_group_says_where_to_look() {
        let paths = |groups| -> Vec<String> {
            let paths = candidates(groups);
            paths.iter().map(|p| p.display().to_string()).collect()
        };
        assert_eq!(
            paths("0::/a/b\n"),
            [
                "/sys/fs/cgroup/a/b/memory.events",
                "/sys/fs/cgroup/memory.events"
            ]
        );
        assert_eq!(
            paths("5:devices:/\n4:cpu,memory:/x:y\nnonsense\n"),
            [
                "/sys/fs/cgroup/memory/x:y/memory.oom_control",
                "/sys/fs/cgroup/memory/memory.oom_control"
            ]
        );
    }

    #[test]
    fn nothing_is_claimed_where_nothing_happened() {
        let mut kills = OomKills::new();
        assert!(!kills.look());
        let mut none = OomKills {
            path: None,
            seen: 0,
        };
        assert!(!none.look());
    }
}
