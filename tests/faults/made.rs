//! The calls of a run, read from its trace, and what can go wrong with each.

use crate::harness::Rlab;
use serde_json::Value;
use std::collections::BTreeMap;

/// One call that a run made.
#[derive(Clone, Debug)]
pub struct Made {
    pub stage: String,
    pub call: String,
    /// The how-manieth of this call in this stage, over all processes.
    pub nth: usize,
    /// Its arguments, without what differs from run to run.
    arguments: String,
    /// Whether a program beside the container made it, before it was that program.
    beside: bool,
    /// Whether init was there already, and not yet waited for.
    pub init_lives: bool,
}

/// Which process is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    /// `rlab` itself: engine, parent and shim.
    Rlab,
    /// The process inside.
    Init,
}

/// Runs rlab once and reads what calls it made.
pub fn calls(rlab: &Rlab, arguments: &[&str]) -> Vec<Made> {
    let file = rlab.folder().join("calls.jsonl");
    let path = file.to_str().unwrap();
    rlab.run(&[&["run", "--rm", "--trace-out", path], arguments].concat()).succeeded();
    let told = rlab.run(&["explain", path, "--view", "json", "--stable"]).succeeded().stdout;
    let mut rlab_pid = None;
    let (mut counts, mut init_lives) = (BTreeMap::<(String, String), usize>::new(), false);
    let mut made = vec![];
    let real = std::fs::read_to_string(&file).unwrap();
    // The masked trace leaves out calls that differ from run to run; what is counted is the real one.
    let masked: BTreeMap<u64, String> = told.lines().filter_map(masked_arguments).collect();
    for event in real.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        if event["kind"] != "call" {
            continue;
        }
        let text = |name: &str| event[name].as_str().unwrap().to_owned();
        let (stage, call) = (text("stage"), text("call"));
        let beside = event["actor"] == "engine" && event["pid"] != *rlab_pid.get_or_insert(event["pid"].clone());
        let nth = counts.entry((stage.clone(), call.clone())).or_default();
        *nth += 1;
        init_lives = (init_lives || call == "clone3" && stage == "namespaces") && call != "wait4";
        let arguments = masked.get(&event["seq"].as_u64().unwrap()).cloned().unwrap_or_default();
        made.push(Made { stage, call, nth: *nth, arguments, beside, init_lives });
    }
    std::fs::remove_file(file).unwrap();
    made
}

fn masked_arguments(line: &str) -> Option<(u64, String)> {
    let event: Value = serde_json::from_str(line).ok()?;
    Some((event["seq"].as_u64()?, event["args"].to_string()))
}

impl Made {
    /// What makes two calls of two runs the same.
    pub fn kind(&self) -> String {
        match self.arguments.as_str() {
            "" => format!("{} {} {}", self.stage, self.call, self.nth),
            arguments => format!("{} {} {arguments}", self.stage, self.call),
        }
    }

    /// What is typed after `--inject` to mean this very call.
    pub fn rule(&self, fault: &str) -> String {
        format!("{}/{}={fault}:when={}", self.stage, self.call, self.nth)
    }

    /// Who can be killed right after it.
    pub fn victims(&self) -> &'static [Victim] {
        if self.call == "execve" || self.beside {
            &[] // there is no "right after": the process is the program by then, or is about to be
        } else if self.init_lives {
            &[Victim::Rlab, Victim::Init]
        } else {
            &[Victim::Rlab]
        }
    }

    /// Errors that its man page has for it and that a host can have reasons for. Not those that say that there was nothing to
    /// be done (`ENOENT` of an unlink): of a call that was not made they would be a lie.
    pub fn errors(&self) -> &'static [&'static str] {
        match self.call.as_str() {
            "mount" | "open_tree" | "move_mount" | "mount_setattr" => &["EPERM", "EINVAL", "ENOMEM"],
            "umount2" => &["EPERM", "EBUSY"],
            "clone3" | "clone" => &["EPERM", "EAGAIN", "ENOSPC"],
            "unshare" | "setns" => &["EPERM", "ENOMEM", "ENOSPC"],
            "mkdir" | "mkdirat" | "mknodat" | "symlinkat" => &["EACCES", "ENOSPC"],
            "rmdir" => &["EBUSY", "EPERM"],
            "openat" | "openat2" => &["EACCES", "EMFILE"],
            "write" => &["EACCES", "EINVAL", "EBUSY"],
            "sendto" => &["EPERM", "ENOBUFS"],
            "seccomp" | "prctl" => &["EINVAL", "EACCES"],
            "capset" | "setresuid" | "setresgid" | "setgroups" => &["EPERM", "EAGAIN"],
            "pivot_root" => &["EINVAL", "EBUSY"],
            "execve" => &["EACCES", "ENOEXEC", "ENOMEM"],
            "wait4" => &["ECHILD"],
            _ => &["EPERM", "ENOMEM"],
        }
    }
}
