//! What the player has to show after each event, worked out from the trace alone and not by the code under test.

use serde_json::Value;
use std::collections::BTreeMap;

/// Rows by label.
pub type Rows = BTreeMap<String, String>;

/// What is there after an event, by the calls and changes up to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The numbers of the processes.
    pub processes: Vec<String>,
    /// The container's namespaces that are its own.
    pub namespaces: Rows,
    /// The mounts in its view.
    pub mounts: Rows,
    /// The groups it is in, by controller.
    pub groups: Rows,
    /// The limits that were read back.
    pub limits: Rows,
}

/// One step of the player: its kind, its call's line when it is one, and the state after it.
pub struct Expected {
    /// `call`, `change` and so on.
    pub kind: String,
    /// What stands before the line in the player.
    pub actor: String,
    /// The line as `--explain=calls` spells it.
    pub line: Option<String>,
    /// The state.
    pub shown: Shown,
}

/// The steps of a trace, with the lines of its calls.
pub fn steps(trace: &str, calls: &str) -> Vec<Expected> {
    let mut lines = calls.lines().filter(|line| line.starts_with('[') && !line.contains("] # "));
    let mut shown = Shown::default();
    let mut container = None;
    let mut steps = vec![];
    for event in trace.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        let kind = event["kind"].as_str().unwrap();
        take(&mut shown, &mut container, &event);
        if matches!(kind, "enter" | "leave") || event["work"] == "home" {
            continue;
        }
        let line = (kind == "call").then(|| {
            let line = lines.next().unwrap().split_once("] ").unwrap().1;
            // The time it took is another one in every run.
            let end = line.rfind(" <").filter(|_| line.ends_with('>')).unwrap_or(line.len());
            line[..end].to_owned()
        });
        let actor = event["actor"].as_str().unwrap().to_owned();
        steps.push(Expected { kind: kind.to_owned(), actor, line, shown: shown.clone() });
    }
    assert!(lines.next().is_none(), "every line is an event's");
    steps
}

fn take(shown: &mut Shown, container: &mut Option<String>, event: &Value) {
    let pid = event["pid"].to_string();
    if shown.processes.is_empty() {
        shown.processes.push(pid);
    }
    if event["kind"] == "call" && event["errno"].is_null() {
        let ret = event["ret"].to_string();
        match event["call"].as_str().unwrap() {
            "clone" => shown.processes.push(ret),
            "clone3" => {
                shown.processes.push(ret.clone());
                *container = Some(ret);
            }
            "wait4" => {
                shown.processes.retain(|process| *process != ret);
                if *container == Some(ret) {
                    // What was its own is nobody's now. Its groups are there without it.
                    shown.namespaces.clear();
                    shown.mounts.clear();
                    shown.groups.clear();
                }
            }
            "rmdir" => {
                let folder = event["args"]["pathname"].as_str().unwrap();
                // The limits are files of the memory controller's directory.
                if folder.contains("/memory/") || folder.starts_with("/sys/fs/cgroup/rlab") {
                    shown.limits.clear();
                }
            }
            _ => {}
        }
    }
    if event["kind"] == "change" {
        let key = event["key"].as_str().unwrap().to_owned();
        let after = event["after"].as_str().map_or_else(|| event["after"].to_string(), str::to_owned);
        match event["object"].as_str().unwrap() {
            "namespace" => shown.namespaces.insert(key, after),
            "mount" | "root" if event["actor"] == "init" => shown.mounts.insert(key, after),
            "cgroup" => shown.groups.insert(key, shortened(&after)),
            "limit" => shown.limits.insert(key, after),
            _ => None,
        };
    }
}

/// The player shows twelve digits of a container's id.
fn shortened(path: &str) -> String {
    let (before, id) = path.rsplit_once('/').unwrap_or(("", path));
    if id.len() == 64 { format!("{before}/{}…", &id[..12]) } else { path.to_owned() }
}
