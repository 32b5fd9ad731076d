//! Reading the kernel's state, before and after: what changed is observed, not claimed.
//!
//! Nothing here decides anything. A reading that can't be had gives no change, never a guessed one.

use super::sink::{change, enabled};
use serde_json::{Value, json};
use std::path::Path;

/// What is read around a stage or a call.
#[derive(Clone, Copy)]
pub enum Probe<'a> {
    /// The mounts below a directory, named as seen from it.
    Mounts(&'a Path),
    /// What `/` is, and how many mounts are in view.
    Root,
    /// The host and domain name.
    Names,
    /// Users, groups and supplementary groups of this process.
    Credentials,
    /// The capability sets of this process.
    Capabilities,
    /// no_new_privs and the seccomp mode of this process.
    Filter,
    /// The resource limits of this process.
    Limits,
    /// The values of files such as sysctls.
    Files(&'a [std::path::PathBuf]),
    /// The id maps of a process.
    IdMaps(i32),
    /// The control groups of a process.
    Groups(i32),
}

/// A reading: what sort of thing, which one, its value.
type Reading = Vec<(&'static str, String, Value)>;

/// Runs `body`, reading the state before and after it, and tells what differs.
pub fn observe<T>(probe: Probe<'_>, body: impl FnOnce() -> T) -> T {
    if !enabled() {
        return body();
    }
    let before = probe.read();
    let result = body();
    if let (Some(before), Some(after)) = (before, probe.read()) {
        tell(&before, &after);
    }
    result
}

fn tell(before: &Reading, after: &Reading) {
    let find = |reading: &Reading, object: &str, key: &str| {
        reading.iter().find(|(other, name, _)| *other == object && name == key).map(|(_, _, value)| value.clone())
    };
    for (object, key, value) in after {
        change(object, key, find(before, object, key).unwrap_or(Value::Null), value.clone());
    }
    for (object, key, value) in before {
        if find(after, object, key).is_none() {
            change(object, key, value.clone(), Value::Null);
        }
    }
}

impl Probe<'_> {
    fn read(self) -> Option<Reading> {
        match self {
            Probe::Mounts(below) => mounts(&std::fs::read_to_string("/proc/self/mountinfo").ok()?, below),
            Probe::Root => root(&std::fs::read_to_string("/proc/self/mountinfo").ok()?),
            Probe::Names => Some(vec![
                ("hostname", "host name".to_owned(), kernel_text("/proc/sys/kernel/hostname")?),
                ("hostname", "domain name".to_owned(), kernel_text("/proc/sys/kernel/domainname")?),
            ]),
            Probe::Credentials => status(&[("Uid", "user"), ("Gid", "group"), ("Groups", "more groups")], "credential"),
            Probe::Capabilities => capabilities(),
            Probe::Filter => status(
                &[("NoNewPrivs", "no_new_privs"), ("Seccomp", "seccomp mode"), ("Seccomp_filters", "filters")],
                "seccomp",
            ),
            Probe::Limits => limits(&std::fs::read_to_string("/proc/self/limits").ok()?),
            Probe::Files(paths) => Some(
                paths
                    .iter()
                    .map(|path| ("file", path.display().to_string(), kernel_text(path).unwrap_or(Value::Null)))
                    .collect(),
            ),
            Probe::IdMaps(pid) => Some(vec![
                ("idmap", "uid_map".to_owned(), id_map(pid, "uid_map")?),
                ("idmap", "gid_map".to_owned(), id_map(pid, "gid_map")?),
            ]),
            Probe::Groups(pid) => groups(&std::fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?),
        }
    }
}

/// The inode numbers of a process's namespaces, by the names in /proc/PID/ns: equal numbers, same namespace.
pub fn namespaces(pid: i32) -> Vec<(&'static str, u64)> {
    let kinds = ["user", "pid", "mnt", "uts", "ipc", "net", "cgroup", "time"];
    let read = |kind: &'static str| {
        let link = std::fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok()?;
        let text = link.to_str()?;
        let inode = text.strip_prefix(kind)?.strip_prefix(":[")?.strip_suffix(']')?;
        Some((kind, inode.parse().ok()?))
    };
    kinds.into_iter().filter_map(read).collect()
}

/// A process's name, which stays readable until its parent has waited for it.
pub fn command(pid: i32) -> Option<Value> {
    kernel_text(format!("/proc/{pid}/comm"))
}

/// Whether a signal reaches a process that is number 1 of its PID namespace, from the masks in /proc/PID/status.
pub fn takes(pid: i32, signal: i32) -> Option<bool> {
    takes_by(&std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?, signal)
}

/// It does when there is a handler for it; and when it is blocked, because then it waits, for sigwait(3) or a signalfd. It
/// does not reach any other number 1, but any other process with whatever it does by default, unless that ignores it.
fn takes_by(status: &str, signal: i32) -> Option<bool> {
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
    let holds = |name: &str| {
        let mask = u64::from_str_radix(field(name)?.trim(), 16).ok()?;
        Some(mask & (1 << (signal - 1)) != 0)
    };
    // Its numbers from our PID namespace inwards: the last is the one it knows itself by.
    let first = field("NSpid:")?.split_whitespace().next_back() == Some("1");
    Some(!first || holds("SigCgt:")? || holds("SigBlk:")?)
}

fn kernel_text(path: impl AsRef<Path>) -> Option<Value> {
    Some(json!(std::fs::read_to_string(path).ok()?.trim_end()))
}

fn id_map(pid: i32, name: &str) -> Option<Value> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/{name}")).ok()?;
    let lines: Vec<String> = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    Some(json!(lines.join(", ")))
}

/// One line of /proc/self/mountinfo: mount point, and filesystem with the options of mount and superblock.
fn mount_line(line: &str) -> Option<(&str, String)> {
    let (mount, filesystem) = line.split_once(" - ")?;
    let mut fields = mount.split(' ').skip(4);
    let (point, options) = (fields.next()?, fields.next()?);
    Some((point, format!("{} {options}", filesystem.split(' ').next()?)))
}

fn mounts(mountinfo: &str, below: &Path) -> Option<Reading> {
    let found = mountinfo.lines().filter_map(mount_line).filter_map(|(point, what)| {
        let inside = Path::new(point).strip_prefix(below).ok()?;
        Some(("mount", Path::new("/").join(inside).display().to_string(), json!(what)))
    });
    // Two mounts on one point: only the upper one is in view, and it is the later line.
    let mut seen: Reading = Vec::new();
    for reading in found {
        match seen.iter_mut().find(|(_, point, _)| *point == reading.1) {
            Some(earlier) => *earlier = reading,
            None => seen.push(reading),
        }
    }
    Some(seen)
}

fn root(mountinfo: &str) -> Option<Reading> {
    let lines: Vec<&str> = mountinfo.lines().collect();
    let what = lines.iter().filter_map(|line| mount_line(line)).rfind(|(point, _)| *point == "/").map(|(_, what)| what);
    Some(vec![("root", "/".to_owned(), json!(what)), ("counter", "mounts in view".to_owned(), json!(lines.len()))])
}

fn status(fields: &[(&str, &str)], object: &'static str) -> Option<Reading> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let read = |(name, key): &(&str, &str)| {
        let value = field(name)?.split_whitespace().collect::<Vec<_>>().join(" ");
        Some((object, (*key).to_owned(), json!(value)))
    };
    Some(fields.iter().filter_map(read).collect())
}

/// The sets as a number of capabilities and their mask: a student counts, an instructor decodes.
fn capabilities() -> Option<Reading> {
    let sets = [
        ("CapBnd", "bounding"),
        ("CapPrm", "permitted"),
        ("CapEff", "effective"),
        ("CapInh", "inheritable"),
        ("CapAmb", "ambient"),
    ];
    let read = status(&sets, "capability")?;
    let told = read.into_iter().map(|(object, key, value)| {
        let mask = value.as_str().and_then(|mask| u64::from_str_radix(mask, 16).ok()).unwrap_or_default();
        (object, key, json!(format!("{} of 41  {mask:#x}", mask.count_ones())))
    });
    Some(told.collect())
}

fn limits(text: &str) -> Option<Reading> {
    let read = |line: &str| {
        // Columns of fixed width: 26 for the name, 21 for each limit.
        let (name, rest) = (line.get(..26)?.trim(), line.get(26..)?);
        let (soft, hard) = (rest.get(..21)?.trim(), rest.get(21..42)?.trim());
        Some(("rlimit", name.to_owned(), json!(format!("{soft} (hard {hard})"))))
    };
    Some(text.lines().skip(1).filter_map(read).collect())
}

fn groups(text: &str) -> Option<Reading> {
    let read = |line: &str| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        let name = if controllers.is_empty() { "v2" } else { controllers };
        Some(("cgroup", name.to_owned(), json!(path)))
    };
    Some(text.lines().filter_map(read).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTINFO: &str = "22 27 0:21 / /r/proc rw,relatime shared:5 - proc proc rw\n\
        27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n\
        30 22 0:9 / /r/proc ro - tmpfs tmpfs rw\n";

    #[test]
    fn mounts_are_named_from_the_directory_and_the_upper_one_counts() {
        let read = mounts(MOUNTINFO, Path::new("/r")).unwrap();
        assert_eq!(read, vec![("mount", "/proc".to_owned(), json!("tmpfs ro"))]);
    }

    #[test]
    fn the_root_is_what_is_mounted_there() {
        let read = root(MOUNTINFO).unwrap();
        assert_eq!(read[0].2, json!("ext4 rw,relatime"));
        assert_eq!(read[1].2, json!(3));
    }

    #[test]
    fn a_signal_reaches_process_1_only_if_caught_or_waited_for() {
        let status = |nspid: &str, blocked: u64, caught: u64| {
            format!("NSpid:\t{nspid}\nSigBlk:\t{blocked:016x}\nSigIgn:\t0\nSigCgt:\t{caught:016x}\n")
        };
        assert_eq!(takes_by(&status("70\t1", 0, 0), 15), Some(false));
        assert_eq!(takes_by(&status("70\t1", 0, 1 << 14), 15), Some(true));
        assert_eq!(takes_by(&status("70\t1", 1 << 14, 0), 15), Some(true));
        assert_eq!(takes_by(&status("70", 0, 0), 15), Some(true));
        assert_eq!(takes_by("", 15), None);
    }

    #[test]
    fn limits_are_read_by_column() {
        let text = "Limit                     Soft Limit           Hard Limit           Units     \n\
                    Max open files            1024                 4096                 files     \n";
        assert_eq!(limits(text).unwrap(), vec![("rlimit", "Max open files".to_owned(), json!("1024 (hard 4096)"))]);
    }
}
