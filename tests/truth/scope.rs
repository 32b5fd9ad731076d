//! Which of the processes that strace saw are rlab's, and up to where.

use super::strace::{Process, Seen};
use std::collections::BTreeMap;

/// rlab's own part in a process: from its birth until it becomes another program.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its calls.
    pub process: Process,
    /// What it became, if it became anything: the arguments of its execve.
    pub became: Option<Vec<String>>,
}

/// The first process and, of those that came from it, all that had not yet become another program.
///
/// A program's own children are the program's: what the container does is no part of the story.
pub fn parts(mut all: BTreeMap<i32, Process>) -> Vec<Part> {
    let began = |process: &Process| process.calls.first().map_or(u64::MAX, |seen| seen.at);
    let Some(first) = all.values().min_by_key(|process| began(process)).map(|process| process.pid) else {
        return Vec::new();
    };
    let (mut waiting, mut parts) = (vec![first], Vec::new());
    while let Some(pid) = waiting.pop() {
        let Some(mut process) = all.remove(&pid) else { continue };
        with_threads(&mut process, &mut all);
        // rlab runs itself anew before it begins; whatever its children run is another program.
        let end = process.calls.iter().position(|seen| pid != first && became(seen));
        let became = end.map(|end| process.calls[end].args.clone());
        process.calls.truncate(end.map_or(usize::MAX, |end| end + 1));
        waiting.extend(process.calls.iter().filter_map(child));
        parts.push(Part { process, became });
    }
    parts.sort_by_key(|part| began(&part.process));
    parts
}

/// A thread's calls are those of its process.
fn with_threads(process: &mut Process, all: &mut BTreeMap<i32, Process>) {
    let threads: Vec<i32> = process.calls.iter().filter(|seen| is_thread(seen)).filter_map(child).collect();
    for pid in threads {
        let Some(mut thread) = all.remove(&pid) else { continue };
        with_threads(&mut thread, all);
        process.calls.append(&mut thread.calls);
    }
    process.calls.sort_by_key(|seen| seen.at);
}

fn became(seen: &Seen) -> bool {
    seen.name.starts_with("execve") && seen.result == "0"
}

/// Whether a call made a thread.
pub fn is_thread(seen: &Seen) -> bool {
    seen.name.starts_with("clone") && seen.args.iter().any(|arg| arg.contains("CLONE_THREAD"))
}

/// The process that a call made, by its number outside: `2 /* 31752 in strace's PID NS */`.
fn child(seen: &Seen) -> Option<i32> {
    if !["clone", "clone3", "fork", "vfork"].contains(&seen.name.as_str()) {
        return None;
    }
    let (inner, outer) = seen.result.split_once(" /* ").unwrap_or((&seen.result, &seen.result));
    outer.split(' ').next().unwrap_or(inner).parse().ok().filter(|pid| *pid > 0)
}
