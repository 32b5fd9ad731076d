//! What the host sees of a running side: its processes, and the memory that is theirs, by PSS.
//!
//! PSS, the proportional set size, counts a page that one process has as a whole, and of a page that ten processes share a
//! tenth for each (proc(5), /proc/PID/smaps): so the sum over all processes is what memory they really take, which the sum of
//! their RSS is not. What it leaves out: memory of the kernel itself (page tables, sockets, a cgroup's own accounting), and
//! the page cache of files that nobody has mapped.

use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Whose process it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// rlab itself: the command that waits, the proxy of a published port.
    Rlab,
    /// A process of the container: in another PID namespace than ours.
    Program,
    /// The emulator, in whose memory the guest's lies.
    Qemu,
}

/// A process as the host lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Process {
    /// Its number here.
    pub pid: i32,
    /// Its name, at most fifteen bytes of it.
    pub name: String,
    /// Whose.
    pub role: Role,
    /// Bytes of memory that are its own, and its part of those that it shares.
    pub pss_bytes: u64,
}

/// The processes of one side at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Snapshot(pub Vec<Process>);

impl Snapshot {
    /// Of an rlab and all that descends from it.
    pub fn below(rlab: i32) -> Snapshot {
        let parents: Vec<(i32, i32)> = all().into_iter().filter_map(|pid| Some((pid, parent(pid)?))).collect();
        let ours = namespace("self");
        let look = |pid: i32| {
            let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?.trim().to_owned();
            // A proxy is run by a link to rlab's file, whose name it then has: /proc/self/exe.
            let name = if name == "exe" { "rlab".to_owned() } else { name };
            let role = match namespace(&pid.to_string()) {
                // The program's first process is made in it, and leaves no trace of ours.
                found if found != ours && pid != rlab => Role::Program,
                _ if name.starts_with("qemu") => Role::Qemu,
                _ => Role::Rlab,
            };
            let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"));
            Some(Process { pid, name, role, pss_bytes: pss_bytes(&rollup.ok()?)? })
        };
        Snapshot(family(rlab, &parents).into_iter().filter_map(look).collect())
    }

    /// Bytes of the processes of these roles.
    pub fn bytes(&self, wanted: impl Fn(Role) -> bool) -> u64 {
        self.0.iter().filter(|process| wanted(process.role)).map(|process| process.pss_bytes).sum()
    }

    /// `nginx ×3, rlab ×2`, the most first.
    pub fn names(&self) -> String {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for process in &self.0 {
            *counts.entry(&process.name).or_default() += 1;
        }
        let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
        counts.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), *name));
        let named =
            |(name, count): (&str, usize)| if count == 1 { name.to_owned() } else { format!("{name} ×{count}") };
        counts.into_iter().map(named).collect::<Vec<_>>().join(", ")
    }

    /// What the emulator holds of the guest's own memory: the mapping that is as large as the guest was given.
    pub fn guest_bytes(&self, memory_bytes: u64) -> Option<u64> {
        let qemu = self.0.iter().find(|process| process.role == Role::Qemu)?;
        mapping_pss(&std::fs::read_to_string(format!("/proc/{}/smaps", qemu.pid)).ok()?, memory_bytes)
    }

    /// The emulator's command line, if there is an emulator.
    pub fn qemu_command_line(&self) -> Option<Vec<String>> {
        let qemu = self.0.iter().find(|process| process.role == Role::Qemu)?;
        Some(command_line(qemu.pid))
    }
}

/// The arguments of a process, beginning with its name.
pub fn command_line(pid: i32) -> Vec<String> {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    bytes.split(|byte| *byte == 0).map(|part| String::from_utf8_lossy(part).into_owned()).collect()
}

/// The numbers of all processes that this /proc shows.
pub fn all() -> Vec<i32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn parent(pid: i32) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in parentheses, which may itself hold spaces and parentheses.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn namespace(pid: &str) -> Option<std::path::PathBuf> {
    std::fs::read_link(Path::new("/proc").join(pid).join("ns/pid")).ok()
}

/// A process and its descendants.
fn family(first: i32, parents: &[(i32, i32)]) -> Vec<i32> {
    let mut found = vec![first];
    let mut at = 0;
    while at < found.len() {
        let above = found[at];
        found.extend(parents.iter().filter(|(_, parent)| *parent == above).map(|(pid, _)| *pid));
        at += 1;
    }
    found
}

/// The Pss of the first mapping of a size.
fn mapping_pss(smaps: &str, size_bytes: u64) -> Option<u64> {
    let size = format!("{} kB", size_bytes / 1024);
    let of_size = |line: &str| line.strip_prefix("Size:").is_some_and(|found| found.trim() == size);
    let rest = smaps.lines().skip_while(|line| !of_size(line));
    // Its own lines follow at once; a mapping has no more than thirty.
    rest.take(30).find_map(|line| kibibytes(line, "Pss"))
}

fn pss_bytes(smaps_rollup: &str) -> Option<u64> {
    kibibytes(smaps_rollup, "Pss")
}

/// The memory that a new program could take without swapping, as the kernel reckons: MemAvailable of proc(5).
pub fn memory_available_bytes() -> Option<u64> {
    kibibytes(&std::fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable")
}

/// A line such as `MemTotal:   24684032 kB`, in bytes.
pub fn kibibytes(text: &str, key: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descendants_are_found_in_any_order() {
        let parents = [(9, 7), (5, 1), (7, 5), (6, 5), (2, 1), (8, 2)];
        assert_eq!(family(5, &parents), [5, 7, 6, 9]);
        assert_eq!(family(4, &parents), [4]);
    }

    #[test]
    fn pss_is_told_from_its_parts() {
        let rollup = "55d0-7ffc ---p 00000000 00:00 0   [rollup]\nRss:   4096 kB\nPss:   1234 kB\nPss_Dirty:  99 kB\n";
        assert_eq!(pss_bytes(rollup), Some(1234 * 1024));
        assert_eq!(pss_bytes("Pss: many kB\n"), None);
    }

    #[test]
    fn the_guests_memory_is_told_from_the_emulators_own() {
        let smaps = "7f00-7f10 rw-p 0 00:00 0\nSize:   1024 kB\nPss:   10 kB\n\
                     7f20-7f30 rw-p 0 00:00 0\nSize: 524288 kB\nRss: 9 kB\nPss: 30000 kB\n";
        assert_eq!(mapping_pss(smaps, 512 << 20), Some(30_000 << 10));
        assert_eq!(mapping_pss(smaps, 256 << 20), None);
    }

    #[test]
    fn names_are_counted() {
        let process = |name: &str, role| Process { pid: 1, name: name.to_owned(), role, pss_bytes: 10 };
        let snapshot = Snapshot(vec![
            process("rlab", Role::Rlab),
            process("nginx", Role::Program),
            process("nginx", Role::Program),
            process("proxy", Role::Rlab),
        ]);
        assert_eq!(snapshot.names(), "nginx ×2, proxy, rlab");
        assert_eq!(snapshot.bytes(|role| role == Role::Rlab), 20);
        assert_eq!(snapshot.qemu_command_line(), None);
    }

    #[test]
    fn this_test_is_a_process_of_its_own_namespace() {
        let snapshot = Snapshot::below(std::process::id().cast_signed());
        assert!(snapshot.0.iter().any(|process| process.role == Role::Rlab && process.pss_bytes > 0));
    }
}
