//! Which row a change goes into that was read from the kernel, and what calls say of files and directories of a control group.

use super::state::{Cell, Panel, State};
use crate::trace::event::{Actor, Event};
use crate::trace::signature::object_type;
use crate::trace::view::story::reading;
use serde_json::Value;

const CGROUPS: &str = "/sys/fs/cgroup/";

/// What is said beside a group that the container's process was read to be in.
const MEMBER: &str = "joined";

/// What is said beside a link of the network namespace that was made for the container.
const INSIDE: &str = "inside";

/// What cgroup v1 has a directory each for, see cgroups(7).
const V1: &[&str] = &[
    "blkio",
    "cpu",
    "cpuacct",
    "cpuset",
    "devices",
    "freezer",
    "hugetlb",
    "memory",
    "misc",
    "net_cls",
    "net_prio",
    "perf_event",
    "pids",
    "rdma",
    "systemd",
];

/// A piece of kernel state, read before and after.
pub fn take(state: &mut State, event: &Event, what: (&str, &str), before: &Value, after: &Value) {
    let (object, key) = what;
    let told = |value: &Value| reading(object_type(object, key), value);
    let text = told(after);
    let (panel, label, note) = match object {
        "command" => return state.command(after.as_str().unwrap_or_default()),
        "namespace" => (Panel::Namespaces, key.to_owned(), format!("its own; the host's is {}", told(before))),
        "mount" if event.actor != Actor::Init => (Panel::Mounts, key.to_owned(), "on the host".to_owned()),
        "mount" | "root" => (Panel::Mounts, key.to_owned(), String::new()),
        "counter" if key == "mounts in view" => (Panel::Mounts, key.to_owned(), String::new()),
        "cgroup" => return joined(state, key, after),
        "limit" => return limit(state, key, after),
        "counter" => (Panel::Cgroup, key.to_owned(), String::new()),
        "capability" => (Panel::Rights, format!("capabilities, {key}"), String::new()),
        "link" | "address" | "route" if state.in_network => (Panel::Network, key.to_owned(), INSIDE.to_owned()),
        "link" | "address" | "route" | "sysctl" => (Panel::Network, key.to_owned(), String::new()),
        "register" | "exit" => (Panel::Machine, key.to_owned(), String::new()),
        _ if key.is_empty() => (Panel::Rights, object.to_owned(), String::new()),
        _ => (Panel::Rights, key.to_owned(), String::new()),
    };
    let id = format!("{}{object} {key}", if note == "on the host" { "host " } else { "" });
    if after.is_null() {
        let row = state.row(panel, &id, &label);
        return state.clear(row);
    }
    // A namespace is found by its kind alone: it may have been told as shared before.
    let id = if panel == Panel::Namespaces { key.to_owned() } else { id };
    let row = state.put(panel, &id, &label, &text, &note);
    if note == "on the host" {
        state.rows[row].with_process = false;
    }
    state.rows[row].with_network |= note == INSIDE;
}

/// A group's directory by its controller and its path below that, as /proc/PID/cgroup tells it.
fn group(path: &str) -> Option<(String, String)> {
    let inside = path.strip_prefix(CGROUPS)?;
    let (first, rest) = inside.split_once('/')?;
    Some(match first {
        "unified" => ("v2".to_owned(), format!("/{rest}")),
        "systemd" => ("name=systemd".to_owned(), format!("/{rest}")),
        _ if first.split(',').all(|name| V1.contains(&name)) => (first.to_owned(), format!("/{rest}")),
        _ => ("v2".to_owned(), format!("/{inside}")),
    })
}

/// mkdir(2) or rmdir(2) of a group. Its files come and go with it.
pub fn directory(state: &mut State, path: &str, made: bool) {
    let Some((controller, below)) = group(path) else { return };
    let key = format!("{controller} {below}");
    if made {
        state.put(Panel::Cgroup, &key, &controller, &below, "made");
        return;
    }
    let is_of = |row: &super::state::Row| {
        row.panel == Panel::Cgroup && (row.key == key || row.key.starts_with(&format!("{path}/")))
    };
    for row in (0..state.rows.len()).filter(|row| is_of(&state.rows[*row])).collect::<Vec<_>>() {
        state.clear(row);
    }
    // What was counted was read from these directories.
    let is_left = |row: &usize| state.cell(*row).is_some_and(|cell| cell.note == "made" || cell.note == MEMBER);
    let rows = (0..state.rows.len()).filter(|row| state.rows[*row].panel == Panel::Cgroup).collect::<Vec<_>>();
    if !rows.iter().any(is_left) {
        rows.into_iter().for_each(|row| state.clear(row));
    }
}

/// The process is in a group now.
fn joined(state: &mut State, controller: &str, after: &Value) {
    if let Some(below) = after.as_str() {
        state.put(Panel::Cgroup, &format!("{controller} {below}"), controller, below, MEMBER);
    }
}

/// The process has ended: its groups have it no longer.
pub fn left(state: &mut State) {
    for row in 0..state.rows.len() {
        if let Some(Cell { text, note }) = state.cell(row).cloned().filter(|_| state.rows[row].panel == Panel::Cgroup)
            && note == MEMBER
        {
            state.set(row, Cell { text, note: "made".to_owned() });
        }
    }
}

/// A limit that was read back. Where it was written, it is in the row of that file already.
fn limit(state: &mut State, name: &str, after: &Value) {
    let text = reading(object_type("limit", name), after);
    let end = format!("/{name}");
    let written = state.rows.iter().find(|row| row.panel == Panel::Cgroup && row.key.ends_with(&end));
    let key = written.map_or_else(|| name.to_owned(), |row| row.key.clone());
    state.put(Panel::Cgroup, &key, name, &text, "read back");
}

/// write(2) to a file of a group. What lets devices in is a list that grows; a process that joins is read afterwards.
pub fn written(state: &mut State, path: &str, text: &str) {
    let Some((_, name)) = path.rsplit_once('/').filter(|_| path.starts_with(CGROUPS)) else { return };
    if matches!(name, "cgroup.procs" | "cgroup.subtree_control" | "tasks") {
        return;
    }
    let row = state.row(Panel::Cgroup, path, name);
    let before = state.cell(row).map(|cell| cell.text.clone()).filter(|_| name.starts_with("devices."));
    let text = before.map_or_else(|| text.to_owned(), |before| format!("{before}, {text}"));
    state.set(row, Cell { text, note: "written".to_owned() });
}

/// umount2(2) of what was mounted on the host, or of what held the network namespace when no process did any more.
pub fn unmounted(state: &mut State, target: &str) {
    if target.contains("/netns/") {
        (0..state.rows.len()).for_each(|row| {
            if state.rows[row].with_network {
                state.clear(row)
            }
        });
    }
    let key = format!("host mount {target}");
    if let Some(row) = state.rows.iter().position(|row| row.panel == Panel::Mounts && row.key == key) {
        state.clear(row);
    }
}
