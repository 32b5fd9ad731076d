//! One process as the host's /proc shows it: its numbers, namespaces, rights, signals, and who is there with it.
//!
//! Sources: proc_pid_status(5), proc_pid_stat(5), proc_pid_limits(5), namespaces(7).

use super::{cgroup, mounts, network};
use crate::sys;
use crate::trace::probe;
use serde_json::{Map, Value, json};
use std::fs;

/// Everything that is known of it. Of a process that is gone, little or nothing.
pub fn of_process(pid: i32) -> Map<String, Value> {
    let mut facts = Map::new();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    facts.insert("pid".to_owned(), json!(pid));
    facts.extend(identity(pid, &status));
    facts.insert("ns".to_owned(), namespaces(pid));
    facts.insert("caps".to_owned(), capabilities(&status));
    facts.insert("signals".to_owned(), signals(&status));
    facts.insert("rlimits".to_owned(), limits(&fs::read_to_string(format!("/proc/{pid}/limits")).unwrap_or_default()));
    facts.insert("root".to_owned(), json!(root(pid)));
    facts.extend(mounts::of(pid));
    facts.insert("cgroup".to_owned(), cgroup::of(pid));
    facts.insert("net".to_owned(), network::of(pid));
    facts.extend(company(pid));
    facts
}

fn field<'a>(status: &'a str, key: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).map(str::trim)
}

fn number(status: &str, key: &str, at: usize) -> Option<i64> {
    field(status, key)?.split_whitespace().nth(at)?.parse().ok()
}

fn identity(pid: i32, status: &str) -> Map<String, Value> {
    let link = |name: &str| fs::read_link(format!("/proc/{pid}/{name}")).ok().map(|path| path.display().to_string());
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let map = |name: &str| -> Vec<String> {
        let text = fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    };
    let groups: Vec<i64> =
        field(status, "Groups").unwrap_or_default().split_whitespace().filter_map(|group| group.parse().ok()).collect();
    // The last of its numbers is the one in its own PID namespace.
    let inside = field(status, "NSpid").and_then(|numbers| numbers.split_whitespace().next_back()?.parse::<i64>().ok());
    let facts = json!({
        "inside_pid": inside,
        "comm": field(status, "Name"),
        "cmdline": String::from_utf8_lossy(&words).trim_end_matches('\0').replace('\0', " "),
        "exe": link("exe"),
        "cwd": link("cwd"),
        "uid": number(status, "Uid", 1),
        "gid": number(status, "Gid", 1),
        "groups": groups,
        "uid_map": map("uid_map"),
        "gid_map": map("gid_map"),
        "no_new_privs": number(status, "NoNewPrivs", 0),
        "seccomp": number(status, "Seccomp", 0),
        "filters": number(status, "Seccomp_filters", 0),
    });
    facts.as_object().cloned().unwrap_or_default()
}

/// The same namespace has the same inode; compared is with our own.
fn namespaces(pid: i32) -> Value {
    let own = probe::namespaces(sys::getpid());
    let told = probe::namespaces(pid).into_iter().map(|(kind, inode)| {
        let shared = own.iter().any(|(other, number)| *other == kind && *number == inode);
        (kind.to_owned(), json!(if shared { "host" } else { "own" }))
    });
    Value::Object(told.collect())
}

fn capabilities(status: &str) -> Value {
    let sets = [
        ("effective", "CapEff"),
        ("permitted", "CapPrm"),
        ("bounding", "CapBnd"),
        ("inheritable", "CapInh"),
        ("ambient", "CapAmb"),
    ];
    let told = sets.into_iter().filter_map(|(name, key)| {
        let mask = u64::from_str_radix(field(status, key)?, 16).ok()?;
        let names = sys::CAPABILITIES.iter().enumerate().filter(|(bit, _)| mask >> bit & 1 == 1).map(|(_, name)| *name);
        Some((name.to_owned(), json!(names.collect::<Vec<_>>())))
    });
    Value::Object(told.collect())
}

fn signals(status: &str) -> Value {
    let sets = [("caught", "SigCgt"), ("ignored", "SigIgn"), ("blocked", "SigBlk")];
    let told = sets.into_iter().filter_map(|(name, key)| {
        let mask = u64::from_str_radix(field(status, key)?, 16).ok()?;
        let names = (1..=64).filter(|signal| mask >> (signal - 1) & 1 == 1).map(sys::signal_name);
        Some((name.to_owned(), json!(names.collect::<Vec<_>>())))
    });
    Value::Object(told.collect())
}

/// Columns of fixed width: 26 for the name, then the soft limit.
fn limits(text: &str) -> Value {
    let read = |line: &str| {
        let (name, soft) = (line.get(..26)?.trim(), line.get(26..47)?.trim());
        let value = soft.parse::<u64>().map_or_else(|_| json!(soft), |number| json!(number));
        Some((name.to_owned(), value))
    };
    Value::Object(text.lines().skip(1).filter_map(read).collect())
}

/// Whether its `/` is the same directory as ours.
fn root(pid: i32) -> Option<&'static str> {
    use std::os::unix::fs::MetadataExt;
    let (theirs, ours) = (fs::metadata(format!("/proc/{pid}/root/")).ok()?, fs::metadata("/").ok()?);
    Some(if (theirs.dev(), theirs.ino()) == (ours.dev(), ours.ino()) { "host" } else { "own" })
}

/// The processes of its PID namespace, unless that is ours.
fn company(pid: i32) -> Map<String, Value> {
    let link = |pid: i32| fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    let (theirs, ours) = (link(pid), link(sys::getpid()));
    if theirs.is_none() || theirs == ours {
        return Map::new();
    }
    let mut all: Vec<Value> =
        every_process().into_iter().filter(|other| link(*other) == theirs).filter_map(entry).collect();
    all.sort_by_key(|process| process["pid"].as_i64());
    let zombies = all.iter().filter(|process| process["state"] == "Z").count();
    let facts = json!({ "process_count": all.len(), "zombies": zombies, "processes": all });
    facts.as_object().cloned().unwrap_or_default()
}

/// The numbers of all processes.
pub fn every_process() -> Vec<i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn entry(pid: i32) -> Option<Value> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let inside = field(&status, "NSpid")?.split_whitespace().next_back()?.parse::<i64>().ok()?;
    Some(json!({
        "pid": inside,
        "host_pid": pid,
        "ppid": number(&status, "PPid", 0),
        "comm": field(&status, "Name"),
        "state": field(&status, "State")?.split_whitespace().next(),
        "uid": number(&status, "Uid", 1),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_told_as_it_is() {
        let facts = Value::Object(of_process(sys::getpid()));
        assert_eq!(facts["ns"]["pid"], "host");
        assert_eq!((&facts["root"], &facts["pid"]), (&json!("host"), &json!(std::process::id())));
        assert_eq!(facts["uid"], json!(sys::geteuid()));
        assert!(facts["mounts"]["/proc"]["type"] == "proc" && facts["net"]["links"].is_array());
        assert!(facts["rlimits"]["Max open files"].is_number());
    }

    #[test]
    fn masks_are_named() {
        let status = "CapEff:\t0000000000000021\nSigCgt:\t0000000000004002\nNoNewPrivs:\t1\nSeccomp:\t2\n";
        assert_eq!(capabilities(status)["effective"], json!(["CAP_CHOWN", "CAP_KILL"]));
        assert_eq!(signals(status)["caught"], json!(["SIGINT", "SIGTERM"]));
        assert_eq!(number(status, "Seccomp", 0), Some(2));
    }

    #[test]
    fn a_process_that_is_gone_is_no_failure() {
        let facts = Value::Object(of_process(i32::MAX));
        assert_eq!((&facts["comm"], &facts["ns"]), (&Value::Null, &json!({})));
    }
}
