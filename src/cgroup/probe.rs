//! What the kernel says of a group: its limits as they are, and what it counted. Only reads.

use super::group::{Cgroup, Directory};
use super::layout::Version;
use serde::Serialize;

/// What the kernel counted. `None` where this host counts no such thing.
#[derive(Serialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// The most memory that was in use at once.
    pub memory_peak_bytes: Option<u64>,
    /// The memory in use.
    pub memory_usage_bytes: Option<u64>,
    /// Processes the kernel killed for want of memory.
    pub oom_kills: Option<u64>,
    /// How often the limit of memory was hit, so that some had to be taken back first.
    pub memory_failures: Option<u64>,
    /// How often a process or thread was refused because of the limit on their number.
    pub pids_refused: Option<u64>,
    /// Processor time used.
    pub cpu_used_us: Option<u64>,
    /// Periods in which the group ran.
    pub cpu_periods: Option<u64>,
    /// Periods in which it had used up its quota and was made to wait.
    pub cpu_throttled_periods: Option<u64>,
    /// How long it was made to wait, summed up over the processors.
    pub cpu_throttled_us: Option<u64>,
}

/// Files with a limit, and what stands in them when there is none.
const LIMITS_V1: [(&str, &str); 13] = [
    ("memory.limit_in_bytes", NO_LIMIT_V1),
    ("memory.memsw.limit_in_bytes", NO_LIMIT_V1),
    ("memory.soft_limit_in_bytes", NO_LIMIT_V1),
    ("memory.kmem.tcp.limit_in_bytes", NO_LIMIT_V1),
    ("cpu.cfs_quota_us", "-1"),
    ("cpu.cfs_period_us", ""),
    ("cpu.cfs_burst_us", "0"),
    ("cpu.shares", "1024"),
    ("cpu.idle", "0"),
    ("cpuset.cpus", ""),
    ("cpuset.mems", ""),
    ("pids.max", "max"),
    ("blkio.bfq.weight", "100"),
];

const LIMITS_V2: [(&str, &str); 12] = [
    ("memory.max", "max"),
    ("memory.swap.max", "max"),
    ("memory.low", "0"),
    ("memory.high", "max"),
    ("cpu.max", "max 100000"),
    ("cpu.max.burst", "0"),
    ("cpu.weight", "100"),
    ("cpu.idle", "0"),
    ("cpuset.cpus", ""),
    ("cpuset.mems", ""),
    ("pids.max", "max"),
    ("io.max", ""),
];

/// The largest number of pages that fits, in bytes: how v1 spells that there is no limit.
const NO_LIMIT_V1: &str = "9223372036854771712";

impl Cgroup {
    /// The limits in force, as file and value. A file that says "no limit" is left out: a new group begins so.
    pub fn limits(&self) -> Vec<(String, String)> {
        let mut limits = Vec::new();
        for directory in &self.directories {
            let files: &[(&str, &str)] = if directory.version == Version::V1 { &LIMITS_V1 } else { &LIMITS_V2 };
            let mut quota = false;
            for (file, none) in files {
                let Some(text) = directory.read(file).filter(|text| text != none) else { continue };
                // A period alone limits nothing.
                if *file == "cpu.cfs_period_us" && !quota {
                    continue;
                }
                quota |= *file == "cpu.cfs_quota_us";
                limits.push(((*file).to_owned(), text));
            }
        }
        limits
    }

    /// What was counted up to now.
    pub fn counters(&self) -> Counters {
        let mut counters = Counters::default();
        for directory in &self.directories {
            match directory.version {
                Version::V1 => directory.count_v1(&mut counters),
                Version::V2 => directory.count_v2(&mut counters),
            }
        }
        counters
    }
}

impl Directory {
    fn read(&self, file: &str) -> Option<String> {
        Some(std::fs::read_to_string(self.path.join(file)).ok()?.trim().to_owned())
    }

    fn number(&self, file: &str) -> Option<u64> {
        self.read(file)?.parse().ok()
    }

    fn field(&self, file: &str, name: &str) -> Option<u64> {
        field(&self.read(file)?, name)
    }

    fn count_v1(&self, counters: &mut Counters) {
        if self.has("memory") {
            counters.memory_peak_bytes = self.number("memory.max_usage_in_bytes");
            counters.memory_usage_bytes = self.number("memory.usage_in_bytes");
            counters.oom_kills = self.field("memory.oom_control", "oom_kill");
            // Memory and swap together are charged first: where they have the same limit, only that one is ever hit.
            let (memory, with_swap) = (self.number("memory.failcnt"), self.number("memory.memsw.failcnt"));
            counters.memory_failures = memory.map(|count| count + with_swap.unwrap_or_default());
        }
        if self.has("pids") {
            counters.pids_refused = self.field("pids.events", "max");
        }
        if self.has("cpuacct") {
            counters.cpu_used_us = self.number("cpuacct.usage").map(|nanos| nanos / 1000);
        }
        if self.has("cpu") {
            counters.cpu_periods = self.field("cpu.stat", "nr_periods");
            counters.cpu_throttled_periods = self.field("cpu.stat", "nr_throttled");
            counters.cpu_throttled_us = self.field("cpu.stat", "throttled_time").map(|nanos| nanos / 1000);
        }
    }

    /// A controller can be in a v1 hierarchy instead, so what isn't to be found here is left as it is.
    fn count_v2(&self, counters: &mut Counters) {
        let mut keep = |place: fn(&mut Counters) -> &mut Option<u64>, found: Option<u64>| {
            let place = place(counters);
            *place = place.or(found);
        };
        keep(|counters| &mut counters.memory_peak_bytes, self.number("memory.peak"));
        keep(|counters| &mut counters.memory_usage_bytes, self.number("memory.current"));
        keep(|counters| &mut counters.oom_kills, self.field("memory.events", "oom_kill"));
        keep(|counters| &mut counters.memory_failures, self.field("memory.events", "max"));
        keep(|counters| &mut counters.pids_refused, self.field("pids.events", "max"));
        keep(|counters| &mut counters.cpu_used_us, self.field("cpu.stat", "usage_usec"));
        keep(|counters| &mut counters.cpu_periods, self.field("cpu.stat", "nr_periods"));
        keep(|counters| &mut counters.cpu_throttled_periods, self.field("cpu.stat", "nr_throttled"));
        keep(|counters| &mut counters.cpu_throttled_us, self.field("cpu.stat", "throttled_usec"));
    }
}

/// The number behind a name in a file of lines `name number`.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::PathBuf;

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let text = "oom_kill_disable 0\nunder_oom 1\noom_kill 3\n";
        assert_eq!(field(text, "oom_kill"), Some(3));
        assert_eq!(field(text, "oom"), None);
    }

    /// A directory of v2 files, for there is no host at hand whose memory is in v2.
    #[test]
    fn the_files_of_v2_are_understood() {
        let place = tempfile::tempdir().unwrap();
        for (file, text) in [
            ("memory.max", "67108864\n"),
            ("memory.swap.max", "max\n"),
            ("cpu.max", "50000 100000\n"),
            ("pids.max", "max\n"),
            ("memory.peak", "67108864\n"),
            ("memory.current", "4096\n"),
            ("memory.events", "low 0\nhigh 0\nmax 12\noom 1\noom_kill 1\noom_group_kill 0\n"),
            ("pids.events", "max 7\n"),
            ("cpu.stat", "usage_usec 900\nuser_usec 800\nnr_periods 10\nnr_throttled 9\nthrottled_usec 450000\n"),
        ] {
            std::fs::File::create(place.path().join(file))
                .and_then(|mut f| std::io::Write::write_all(&mut f, text.as_bytes()))
                .unwrap();
        }
        let path = place.path().to_owned();
        let directory = Directory { version: Version::V2, controllers: vec![], base: PathBuf::new(), path };
        let cgroup = Cgroup { path: PathBuf::from("rlab/x"), directories: vec![directory] };
        let limits: Vec<String> = cgroup.limits().into_iter().map(|(file, value)| format!("{file}={value}")).collect();
        assert_eq!(limits, ["memory.max=67108864", "cpu.max=50000 100000"]);
        assert_eq!(
            cgroup.counters(),
            Counters {
                memory_peak_bytes: Some(67108864),
                memory_usage_bytes: Some(4096),
                oom_kills: Some(1),
                memory_failures: Some(12),
                pids_refused: Some(7),
                cpu_used_us: Some(900),
                cpu_periods: Some(10),
                cpu_throttled_periods: Some(9),
                cpu_throttled_us: Some(450000),
            }
        );
    }

    proptest! {
        #[test]
        fn any_file_is_read_without_harm(text in "((max|min)[ 0-9a-z]{0,24}\n|[^\n]{0,9}){0,4}") {
            field(&text, "max");
        }
    }
}
