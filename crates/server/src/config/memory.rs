//! How much memory there is for this process: the machine's, or less where a container has a limit (cgroups of both
//! versions). What cannot be read says nothing.

use std::fs;
use std::path::{Path, PathBuf};

/// What is assumed where nothing says how much there is.
const ASSUMED_BYTES: u64 = 2 << 30;

/// The memory that this process may take, in bytes.
pub(super) fn available_bytes() -> u64 {
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    let machine = of_machine(&read(Path::new("/proc/meminfo")));
    let groups = limit_files(&read(Path::new("/proc/self/cgroup")));
    let limits = groups.iter().filter_map(|path| read(path).trim().parse().ok());
    machine.into_iter().chain(limits).min().unwrap_or(ASSUMED_BYTES)
}

/// `MemTotal` of `/proc/meminfo`, which is in KiB.
fn of_machine(meminfo: &str) -> Option<u64> {
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    total.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// The files that may hold a limit for the groups that `/proc/self/cgroup` lists (cgroups(7)), their parents
/// among them. In a container its own group is often the root of what it sees.
fn limit_files(groups: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(group)) = (fields.next(), fields.next()) else { continue };
        let (root, name) = if controllers.is_empty() {
            (Path::new("/sys/fs/cgroup"), "memory.max")
        } else if controllers.split(',').any(|controller| controller == "memory") {
            (Path::new("/sys/fs/cgroup/memory"), "memory.limit_in_bytes")
        } else {
            continue;
        };
        let group = Path::new(group.trim_start_matches('/'));
        files.extend(group.ancestors().map(|group| root.join(group).join(name)));
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_is_read() {
        assert_eq!(of_machine("MemTotal:       24579372 kB\nMemFree: 1 kB\n"), Some(24_579_372 * 1024));
        assert_eq!(of_machine("MemFree: 1 kB\n"), None);
        assert!(available_bytes() > 1 << 20);
    }

    #[test]
    fn limits_are_looked_for_in_a_group_and_in_those_around_it() {
        let files = |groups| {
            let files = limit_files(groups);
            files.iter().map(|path| path.to_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(
            files("0::/system.slice/brain.service\n"),
            [
                "/sys/fs/cgroup/system.slice/brain.service/memory.max",
                "/sys/fs/cgroup/system.slice/memory.max",
                "/sys/fs/cgroup/memory.max",
            ]
        );
        assert_eq!(files("0::/\n"), ["/sys/fs/cgroup/memory.max"]);
        assert_eq!(
            files("5:cpu,cpuacct:/a\n4:memory:/a\n"),
            ["/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        );
        assert!(files("nonsense").is_empty());
    }
}
