//! Which of the calls that strace saw have to be told: what changes nothing need not be, and a short list of exceptions is not.

use super::change::Change;
use super::rtnetlink;
use super::scope::{Part, is_thread};
use super::strace::{Seen, descriptor, unquoted};
use super::table::STATE;
use std::path::Path;

/// What the story owes to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// It has to be told.
    Owed,
    /// It changed nothing: it may be told, where the story needs it.
    Optional,
    /// It changed something, is not told, and this is why: a name in [`EXCEPTIONS`].
    Excepted(&'static str),
}

/// What changes state and is not told, and why.
pub static EXCEPTIONS: &[(&str, &str)] = &[
    (
        "begin",
        "before it looks at its flags rlab runs itself anew from a read-only mount of its own; no trace is open yet",
    ),
    (
        "records",
        "files that rlab keeps for itself under its own root: images, the container's directory with its records and its \
         writable layer, leases. Images are told in bulk, and none of it is state of the kernel's",
    ),
    ("threads", "a thread of rlab's own, gone before the container is made: it listens for signals during a download"),
    (
        "streams",
        "the standard streams of a program that rlab runs beside the container are pipes to rlab: that is part of running it",
    ),
    ("names", "the C library's getent, which looks up a registry's address before there is a container"),
    (
        "reaper",
        "with --init process 1 stays rlab, has closed the trace, and is part of the container's life from then on",
    ),
];

/// Where rlab keeps what is its own, and how to tell.
pub struct Own<'a> {
    /// Its root.
    pub root: &'a Path,
    /// The file of `--trace-out`.
    pub trace: &'a Path,
}

/// What is owed to each call of a part. None for a call that only helps to read others.
pub fn weigh(part: &Part, at: usize, change: &Change, own: &Own<'_>) -> Option<Weight> {
    let calls = &part.process.calls;
    let seen = &calls[at];
    let first = calls.first().is_some_and(|seen| seen.name == "execve" && seen.result == "0");
    let begun = calls.iter().position(|seen| seen.name == "execveat" && seen.result == "0");
    if first && begun.is_some_and(|begun| at <= begun) {
        return Some(Weight::Excepted("begin"));
    }
    if is_thread(seen) {
        return Some(Weight::Excepted("threads"));
    }
    if seen.name == "dup3" && part.became.is_some() && !is_init(part) {
        return Some(Weight::Excepted("streams"));
    }
    if is_reapers(part, at) {
        return Some(Weight::Excepted("reaper"));
    }
    if !changes_something(seen, change)? {
        return Some(Weight::Optional);
    }
    let is_record = names_files(seen)
        && !paths(seen).is_empty()
        && paths(seen).iter().all(|path| own.is_record(path, seen.name == "unlinkat"));
    Some(if is_record { Weight::Excepted("records") } else { Weight::Owed })
}

/// Whether a call asked for a change. None for those that are only there to read others by.
fn changes_something(seen: &Seen, change: &Change) -> Option<bool> {
    let argument = |at: usize| seen.args.get(at).map_or("", String::as_str);
    Some(match seen.name.as_str() {
        name if !STATE.iter().any(|family| family.calls.contains(&name)) => return None,
        "open" | "openat" => seen.args.iter().any(|arg| arg.contains("O_CREAT") || arg.contains("O_TRUNC")),
        // What is in a file is no state of the kernel's, unless the file is the kernel's.
        "write" | "pwrite64" | "writev" | "pwritev" => {
            let path = change.args.first().map_or("", |(_, path)| path.as_str());
            path.starts_with("/proc/") || path.starts_with("/sys/")
        }
        "sendto" | "sendmsg" | "sendmmsg" => {
            argument(1).trim_start_matches('[').starts_with("{nlmsg_") && rtnetlink::changes(&seen.bytes)
        }
        // The names of questions: TIOCGWINSZ, TCGETS, SIOCGIFNAME; and of what is a matter of one descriptor.
        "ioctl" => !["TIOCG", "TCGETS", "SIOCG", "FIO"].iter().any(|prefix| argument(1).starts_with(prefix)),
        "prctl" => {
            !argument(0).starts_with("PR_GET_") && !argument(0).ends_with("_READ") && argument(0) != "PR_SET_NAME"
        }
        "prlimit64" => argument(2) != "NULL",
        // Nobody was collected.
        "wait4" | "waitid" => !seen.result.starts_with("-1") && seen.result != "0",
        _ => true,
    })
}

fn is_reapers(part: &Part, at: usize) -> bool {
    let calls = &part.process.calls;
    let forked =
        calls.iter().position(|seen| seen.name == "clone" && seen.args.iter().any(|arg| arg == "flags=SIGCHLD"));
    is_init(part)
        && forked.is_some_and(|forked| at > forked)
        && ["close_range", "wait4", "kill"].contains(&calls[at].name.as_str())
}

/// Whether it went into a container's tree.
fn is_init(part: &Part) -> bool {
    part.process.calls.iter().any(|seen| ["pivot_root", "chroot"].contains(&seen.name.as_str()))
}

fn names_files(seen: &Seen) -> bool {
    let of = |name: &str| STATE.iter().any(|family| family.name == name && family.calls.contains(&seen.name.as_str()));
    of("nodes and links") || of("owners and modes")
}

/// The files that a call names: by a path, by a name beneath a descriptor, or by a descriptor alone.
fn paths(seen: &Seen) -> Vec<String> {
    let mut folder: Option<&str> = None;
    let mut found = Vec::new();
    // What a symbolic link says is text.
    let text = usize::from(seen.name.starts_with("symlink"));
    for argument in &seen.args[text.min(seen.args.len())..] {
        if let Some(name) = unquoted(argument) {
            found.push(Path::new(folder.take().unwrap_or("/")).join(name).to_string_lossy().into_owned());
        } else if let (_, Some(path)) = descriptor(argument) {
            folder = Some(path);
        }
    }
    found.extend(folder.map(str::to_owned));
    found
}

/// What lies in a container's directory in `run/containers/ID`, beside the fifo.
const RECORDS: [&str; 14] = [
    "record.json",
    "record.json.new",
    "runtime.json",
    "runtime.json.new",
    "undo.jsonl",
    "undo.jsonl.new",
    "trace.jsonl",
    "alive",
    "config.json",
    "hosts",
    "hostname",
    "resolv.conf",
    "rootfs",
    "",
];

impl Own<'_> {
    fn is_record(&self, path: &str, removes: bool) -> bool {
        if Path::new(path) == self.trace || path == "/run/rlab-forwarding.json" {
            return true;
        }
        let Ok(rest) = Path::new(path).strip_prefix(self.root) else { return false };
        let parts: Vec<&str> = rest.iter().filter_map(|part| part.to_str()).collect();
        match parts[..] {
            [] | ["run" | "containers"] | ["run", "containers" | "network.json"] => true,
            ["image" | "classroom" | "containers", ..] => true,
            ["run", "containers", _id] | ["run", "containers", _id, "layers", ..] => true,
            // What lies deep is moved up to be removed.
            ["run", "containers", _id, moved, ..] if moved.starts_with(".moved-") => true,
            // Where a run has failed it is still there, and goes with the directory.
            ["run", "containers", _id, "exec.fifo"] => removes,
            ["run", "containers", _id, file] => RECORDS.contains(&file),
            _ => false,
        }
    }
}
