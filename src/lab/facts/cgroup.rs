//! The limits and counters of a process's control groups, under one name for v1 and v2.
//!
//! Sources: cgroups(7), kernel Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst, scheduler/sched-bwc.rst.

use serde_json::{Map, Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// v1 says "none" with the largest multiple of a page that a signed 64-bit number holds.
const V1_NO_LIMIT: u64 = i64::MAX as u64 - 0xfff;

/// `path CONTROLLER`, the limits, the counters.
pub fn of(pid: i32) -> Value {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mut paths = Map::new();
    let mut folders = Vec::new();
    for (controllers, path) in groups.lines().filter_map(group) {
        let name = if controllers.is_empty() { "v2" } else { controllers };
        for controller in name.split(',') {
            paths.insert(controller.to_owned(), json!(path));
        }
        if let Some(folder) = folder(&mounts, controllers, path) {
            folders.push((name.to_owned(), folder));
        }
    }
    let read = |controller: &str, v1: &str, v2: &str| {
        let of = |wanted: &str| folders.iter().find(|(name, _)| name.split(',').any(|one| one == wanted));
        let v1 = of(controller).and_then(|(_, folder)| fs::read_to_string(folder.join(v1)).ok());
        v1.or_else(|| fs::read_to_string(of("v2")?.1.join(v2)).ok())
    };
    json!({
        "path": paths,
        "memory_bytes": read("memory", "memory.limit_in_bytes", "memory.max").and_then(|text| limit(&text)),
        "memory_peak_bytes": read("memory", "memory.max_usage_in_bytes", "memory.peak").and_then(|text| number(&text)),
        "oom_kills": read("memory", "memory.oom_control", "memory.events").and_then(|text| line(&text, "oom_kill")),
        "pids_max": read("pids", "pids.max", "pids.max").and_then(|text| limit(&text)),
        "pids_now": read("pids", "pids.current", "pids.current").and_then(|text| number(&text)),
        "throttled_periods": read("cpu", "cpu.stat", "cpu.stat").and_then(|text| line(&text, "nr_throttled")),
        "cpu_millis": cpu(&read),
    })
}

/// One line of /proc/PID/cgroup: the controllers and the path.
fn group(line: &str) -> Option<(&str, &str)> {
    let mut fields = line.splitn(3, ':').skip(1);
    Some((fields.next()?, fields.next()?))
}

/// Where the directory of a group is: below the mount that has its controllers.
fn folder(mountinfo: &str, controllers: &str, path: &str) -> Option<PathBuf> {
    let wanted = controllers.split(',').next()?;
    mountinfo.lines().find_map(|line| {
        let (mount, filesystem) = line.split_once(" - ")?;
        let fields: Vec<&str> = mount.split(' ').collect();
        let (kind, rest) = filesystem.split_once(' ')?;
        let is_it = match kind {
            "cgroup2" => controllers.is_empty(),
            "cgroup" => !controllers.is_empty() && rest.split([',', ' ']).any(|option| option == wanted),
            _ => false,
        };
        // The mount may show a part of the hierarchy only, which is then its root.
        let below = Path::new(path).strip_prefix(fields.get(3)?).ok()?;
        is_it.then(|| Path::new(fields[4]).join(below))
    })
}

fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// A limit; nothing when there is none.
fn limit(text: &str) -> Option<u64> {
    number(text).filter(|bytes| *bytes < V1_NO_LIMIT)
}

fn line(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}

/// Thousandths of a processor: quota by period.
fn cpu(read: &dyn Fn(&str, &str, &str) -> Option<String>) -> Option<u64> {
    let quota = read("cpu", "cpu.cfs_quota_us", "cpu.max")?;
    let period = read("cpu", "cpu.cfs_period_us", "cpu.max")?;
    let quota: u64 = quota.split_whitespace().next()?.parse().ok()?; // "-1" and "max" are no limit
    let period: u64 = period.split_whitespace().next_back()?.parse().ok()?;
    (quota * 1000).checked_div(period)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_found_below_its_mount() {
        let mounts = "1 0 0:1 / /cg/memory rw - cgroup cgroup rw,memory\n2 0 0:2 /part /cg/u rw - cgroup2 cgroup2 rw\n";
        assert_eq!(folder(mounts, "memory", "/rlab/a"), Some("/cg/memory/rlab/a".into()));
        assert_eq!(folder(mounts, "", "/part/b"), Some("/cg/u/b".into()));
        assert_eq!(folder(mounts, "pids", "/x"), None);
        assert_eq!(group("4:cpu,cpuacct:/rlab/a"), Some(("cpu,cpuacct", "/rlab/a")));
    }

    #[test]
    fn both_versions_say_the_same() {
        assert_eq!((limit("9223372036854771712\n"), limit("max\n"), limit("67108864\n")), (None, None, Some(67108864)));
        let v1 = |_: &str, v1: &str, _: &str| Some(if v1.contains("quota") { "50000" } else { "100000" }.to_owned());
        let v2 = |_: &str, _: &str, _: &str| Some("50000 100000\n".to_owned());
        let none = |_: &str, _: &str, _: &str| Some("max 100000\n".to_owned());
        assert_eq!((cpu(&v1), cpu(&v2), cpu(&none)), (Some(500), Some(500), None));
        assert_eq!(line("low 0\noom_kill 3\n", "oom_kill"), Some(3));
    }
}
