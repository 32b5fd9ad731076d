//! What the player makes of a trace, without a browser: small traces by hand, and the whole one that the snapshots have.

use super::player;
use super::state::{Cell, Panel};
use super::steps::Steps;
use crate::trace::event::{Actor, Call, Event, Kind, SCHEMA_VERSION};
use crate::trace::follow::events;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The trace that a test of rlab itself compares with; the lines before it are the snapshot's own.
const LAB: &str = include_str!("../../../../tests/snapshots/lab-json.snap");

fn event(actor: Actor, pid: i32, kind: Kind) -> Event {
    Event { v: SCHEMA_VERSION, seq: 1, t_ns: 1, actor, pid, stage: "exec".into(), kind }
}

fn call(actor: Actor, pid: i32, call: Call, ret: i64) -> Event {
    event(actor, pid, Kind::Call { call, ret: Some(ret), errno: None, injected: false, dur_ns: 0 })
}

fn change(actor: Actor, object: &'static str, key: &str, after: Value) -> Event {
    let before = Value::Null;
    event(actor, 7, Kind::Change { object: object.into(), key: key.to_owned(), before, after })
}

fn clone() -> Call {
    Call::new("clone").arg("flags", "SIGCHLD")
}

fn execve(program: &str) -> Call {
    Call::new("execve").path("pathname", program).arg("argv", json!([program, "-x"]))
}

fn ended(pid: impl Into<Value>) -> Call {
    Call::new("wait4").arg("pid", pid).arg("status", "WIFEXITED, WEXITSTATUS=0")
}

/// What is in a panel after so many steps, by label.
fn after(steps: &Steps<'_>, count: usize, panel: Panel) -> BTreeMap<String, Cell> {
    let mut cells: BTreeMap<usize, Cell> = BTreeMap::new();
    let all = steps.sections.iter().flat_map(|section| &section.steps);
    for difference in all.take(count).flat_map(|step| &step.differences) {
        match &difference.cell {
            Some(cell) => drop(cells.insert(difference.row, cell.clone())),
            None => assert!(cells.remove(&difference.row).is_some(), "what goes was there: {difference:?}"),
        }
    }
    let of_panel = cells.into_iter().filter(|(row, _)| steps.rows[*row].panel == panel);
    of_panel.map(|(row, cell)| (steps.rows[row].label.clone(), cell)).collect()
}

fn processes(events: &[Event]) -> Vec<Vec<String>> {
    let steps = Steps::of(events);
    let told = |count| {
        let rows = after(&steps, count, Panel::Processes);
        rows.into_iter().map(|(label, cell)| format!("{label} {} {}", cell.text, cell.note).trim().to_owned()).collect()
    };
    (1..=events.len()).map(told).collect()
}

#[test]
fn a_process_is_made_becomes_a_program_and_ends() {
    use Actor::Engine;
    let told =
        processes(&[call(Engine, 7, clone(), 8), call(Engine, 8, execve("nft"), 0), call(Engine, 7, ended(8), 8)]);
    assert_eq!(told, [vec!["7 rlab engine", "8 rlab"], vec!["7 rlab engine", "8 nft -x"], vec!["7 rlab engine"]]);
}

#[test]
fn where_numbers_are_masked_the_same_is_told() {
    use Actor::{Engine, Init, Parent, Shim};
    let told = processes(&[
        call(Engine, 0, clone(), 1),
        call(Engine, 0, Call::new("chdir").path("path", "/"), 0),
        call(Engine, 0, execve("nft"), 0),
        call(Engine, 0, ended("pid:1"), 1),
        call(Parent, 0, Call::new("clone3").arg("flags", "CLONE_NEWPID"), 2),
        call(Init, 0, Call::new("chdir").path("path", "/"), 0),
        call(Init, 0, execve("/bin/id"), 0),
        call(Shim, 0, ended("pid:2"), 2),
    ]);
    assert_eq!(told[2], ["pid:1 nft -x", "rlab  engine"]);
    assert_eq!(told[3], ["rlab  engine"]);
    assert_eq!(told[5], ["pid:2 rlab init", "rlab  engine, parent"]);
    assert_eq!(told[6], ["pid:2 /bin/id -x the container's program", "rlab  engine, parent"]);
    assert_eq!(told[7], ["rlab  engine, parent, shim"]);
}

#[test]
fn who_wrote_an_event_is_named_only_where_that_is_known() {
    use Actor::Engine;
    let chdir = || call(Engine, 0, Call::new("chdir").path("path", "/"), 0);
    let events = [chdir(), call(Engine, 0, clone(), 1), chdir(), call(Engine, 0, execve("proxy"), 0), chdir()];
    let steps = Steps::of(&events);
    let label = |row: usize| steps.rows[row].label.as_str();
    let named: Vec<Option<&str>> = steps.sections[0].steps.iter().map(|step| step.by.map(label)).collect();
    assert_eq!(named, [Some("rlab"), Some("rlab"), None, Some("pid:1"), Some("rlab")]);
}

#[test]
fn with_an_init_the_program_is_its_child_by_the_host_s_number() {
    let note = event(Actor::Parent, 7, Kind::Note { note: "process_is".into(), with: json_map(json!({"pid": 9})) });
    let told = processes(&[
        call(Actor::Parent, 7, Call::new("clone3").arg("flags", "CLONE_NEWPID"), 8),
        call(Actor::Init, 8, clone(), 2),
        call(Actor::Init, 9, execve("id"), 0),
        note,
        call(Actor::Shim, 7, ended(8), 8),
    ]);
    assert_eq!(told[3], ["7 rlab parent", "8 rlab init", "9 (2 inside) id -x the container's program"]);
    // Its own init waited for it, and told nobody.
    assert_eq!(told[4], ["7 rlab parent, shim"]);
}

fn json_map(value: Value) -> serde_json::Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

#[test]
fn what_the_kernel_refused_changes_nothing() {
    let refused = |call: Call| {
        let errno = Some("EPERM".into());
        event(Actor::Engine, 7, Kind::Call { call, ret: None, errno, injected: false, dur_ns: 0 })
    };
    let group = "/sys/fs/cgroup/memory/rlab/x";
    let events = [
        refused(clone()),
        refused(Call::new("mkdir").path("pathname", group)),
        refused(Call::new("write").path("path", format!("{group}/memory.limit_in_bytes")).arg("text", "1")),
    ];
    let steps = Steps::of(&events);
    assert_eq!(steps.rows.iter().map(|row| row.label.as_str()).collect::<Vec<_>>(), ["7"]);
}

#[test]
fn a_group_is_made_limited_joined_left_and_removed() {
    let group = "/sys/fs/cgroup/memory/rlab/x";
    let make = |name: &'static str| call(Actor::Parent, 7, Call::new(name).path("pathname", group), 0);
    let write = |file: &str, text: &str| {
        call(Actor::Parent, 7, Call::new("write").path("path", format!("{group}/{file}")).arg("text", text), 0)
    };
    let events = [
        make("mkdir"),
        write("memory.limit_in_bytes", "4096"),
        write("cgroup.procs", "8"),
        change(Actor::Parent, "limit", "memory.limit_in_bytes", json!("4096")),
        call(Actor::Parent, 7, Call::new("clone3").arg("flags", "CLONE_NEWPID"), 8),
        change(Actor::Parent, "cgroup", "memory", json!("/rlab/x")),
        call(Actor::Shim, 7, ended(8), 8),
        make("rmdir"),
    ];
    let steps = Steps::of(&events);
    let told = |count| {
        let rows = after(&steps, count, Panel::Cgroup).into_iter();
        rows.map(|(label, cell)| format!("{label} {} {}", cell.text, cell.note)).collect::<Vec<_>>()
    };
    assert_eq!(told(1), ["memory /rlab/x made"]);
    assert_eq!(told(3), ["memory /rlab/x made", "memory.limit_in_bytes 4096 written"]);
    assert_eq!(told(6), ["memory /rlab/x joined", "memory.limit_in_bytes 4096 read back"]);
    assert_eq!(told(7)[0], "memory /rlab/x made");
    assert_eq!(told(8), [""; 0]);
}

/// What was read of an object up to an event, by key.
fn read(events: &[Event], wanted: &[&str], by: fn(Actor) -> bool) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for event in events {
        if let Kind::Change { object, key, after, .. } = &event.kind
            && wanted.contains(&object.as_ref())
            && by(event.actor)
        {
            found.insert(key.clone(), after.as_str().map_or_else(|| after.to_string(), str::to_owned));
        }
    }
    found
}

#[test]
fn a_whole_run_has_what_was_read_and_leaves_nothing() {
    let events = events(LAB, false).unwrap();
    assert!(events.len() > 300);
    let steps = Steps::of(&events);
    let is_exec = |kind: &Kind| matches!(kind, Kind::Call { call, .. } if call.name == "execve");
    let exec = events.iter().rposition(|event| event.actor == Actor::Init && is_exec(&event.kind)).unwrap();
    let all: Vec<_> = steps.sections.iter().flat_map(|section| &section.steps).collect();
    let count = all.iter().position(|step| std::ptr::eq(step.event, &raw const events[exec])).unwrap() + 1;
    let texts = |panel, note: &str| -> BTreeMap<String, String> {
        let rows = after(&steps, count, panel).into_iter();
        rows.filter(|(_, cell)| cell.note.starts_with(note)).map(|(label, cell)| (label, cell.text)).collect()
    };
    let upto = &events[..=exec];
    assert_eq!(texts(Panel::Namespaces, "its own"), read(upto, &["namespace"], |_| true));
    assert_eq!(texts(Panel::Namespaces, "shared").into_keys().collect::<Vec<_>>(), ["time", "user"]);
    let mut mounts = texts(Panel::Mounts, "");
    mounts.retain(|point, _| point.starts_with('/'));
    assert_eq!(mounts, read(upto, &["mount", "root"], |actor| actor == Actor::Init));
    assert_eq!(texts(Panel::Cgroup, "joined"), read(upto, &["cgroup"], |_| true));
    assert_eq!(texts(Panel::Cgroup, "read back"), read(upto, &["limit"], |_| true));
    let tree = after(&steps, count, Panel::Processes);
    assert_eq!(tree["pid:6"], Cell { text: "id".to_owned(), note: "the container's program".to_owned() });
    // Two run: the proxy of the port and the program.
    assert_eq!(tree.len(), 3, "{tree:?}");
    for panel in Panel::ALL {
        let left: Vec<String> = after(&steps, all.len(), panel).into_keys().collect();
        let expected: &[&str] = match panel {
            Panel::Processes => &["rlab"],
            Panel::Network => &["net.ipv4.ip_forward"],
            _ => &[],
        };
        assert_eq!(left, expected, "{panel:?}");
    }
}

#[test]
fn every_event_is_a_step_once_and_in_order() {
    let events = events(LAB, false).unwrap();
    let steps = Steps::of(&events);
    let shown = steps.sections.iter().flat_map(|section| &section.steps).map(|step| step.event.seq);
    let is_step = |event: &&Event| {
        !matches!(&event.kind, Kind::Enter | Kind::Leave { .. })
            && !matches!(&event.kind, Kind::Work { work, .. } if work == "home")
    };
    assert_eq!(shown.collect::<Vec<_>>(), events.iter().filter(is_step).map(|event| event.seq).collect::<Vec<_>>());
}

#[test]
fn a_figure_can_stand_in_a_page_of_markdown() {
    let hostile = "</li><script>alert('x')</script>\n\n&\"";
    let mut told = vec![change(Actor::Init, "hostname", "host name", json!(hostile))];
    told.push(call(Actor::Init, 7, execve(hostile), 0));
    let figure = player(&told, "a\"b");
    assert!(figure.starts_with("<figure ") && figure.trim_end().ends_with("</figure>"), "{figure}");
    assert!(figure.lines().all(|line| !line.trim().is_empty()), "a blank line ends a block of HTML: {figure}");
    assert!(["<script", "<h", "<code"].iter().all(|tag| !figure.contains(tag)), "{figure}");
    assert!(figure.contains("id=\"a&quot;b\"") && figure.contains("&lt;/li&gt;&lt;script&gt;"), "{figure}");
    // In the attribute the quote that ends it is escaped, and what is left is JSON.
    let data = figure.split("data-d='").nth(1).and_then(|rest| rest.split('\'').next()).unwrap();
    let data = data.replace("&#39;", "'").replace("&lt;", "<").replace("&amp;", "&");
    let data: Value = serde_json::from_str(&data).unwrap();
    assert!(data.as_array().unwrap().iter().any(|one| one[1] == hostile), "{data}");
}

#[test]
fn a_stage_that_comes_back_is_told_to_go_on() {
    let mut told: Vec<Event> = (0..3).map(|_| call(Actor::Engine, 7, clone(), 8)).collect();
    told[1].stage = "wait".into();
    let steps = Steps::of(&told);
    let found: Vec<_> = steps.sections.iter().map(|section| (section.stage.as_ref(), section.again)).collect();
    assert_eq!(found, [("exec", false), ("wait", false), ("exec", true)]);
}
