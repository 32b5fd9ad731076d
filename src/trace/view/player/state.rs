//! What a container has after each event, as far as the events say: rows that come, change and go.
//!
//! Only what was observed counts: changes that were read from the kernel, and calls that the kernel answered without an
//! error. A row never comes from what a stage is supposed to do.

use super::super::layout::shortened;
use super::changes;
use super::tree::Tree;
use crate::trace::event::{Actor, Call, Event, Kind};
use serde_json::Value;

/// What the state is shown in. Their order is the order on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Panel {
    /// Who is there, and who made whom.
    Processes,
    /// Those of the container's process.
    Namespaces,
    /// Those in view of the container's process; before it is there, the host's.
    Mounts,
    /// Its control group: directories, limits, what was counted.
    Cgroup,
    /// What the kernel knows about the process beside: names, numbers, rights.
    Rights,
    /// Links, addresses, routes.
    Network,
    /// A machine's registers and exits.
    Machine,
}

impl Panel {
    /// Every panel, in order.
    pub const ALL: [Panel; 7] = [
        Panel::Processes,
        Panel::Namespaces,
        Panel::Mounts,
        Panel::Cgroup,
        Panel::Rights,
        Panel::Network,
        Panel::Machine,
    ];

    /// Its heading.
    pub const fn title(self) -> &'static str {
        match self {
            Panel::Processes => "Processes",
            Panel::Namespaces => "Namespaces",
            Panel::Mounts => "Mounts",
            Panel::Cgroup => "Control group",
            Panel::Rights => "Name, user, rights",
            Panel::Network => "Network",
            Panel::Machine => "Machine",
        }
    }
}

/// A place of a panel that something can be in. It has the same label all the time.
#[derive(Clone, Debug)]
pub struct Row {
    /// The panel it is in.
    pub panel: Panel,
    /// What it is found by.
    pub key: String,
    /// What stands before its value.
    pub label: String,
    /// The row of the process that made this one.
    pub parent: Option<usize>,
    /// Whether it is gone when the container's process is: nobody has these namespaces then, or sees these mounts.
    pub with_process: bool,
    /// Whether it is gone when the network namespace is that rlab made.
    pub with_network: bool,
}

/// What is in a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// The value.
    pub text: String,
    /// What is said beside it.
    pub note: String,
}

/// What one event did to one row: what is in it now, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The row, by its place in [`State::rows`].
    pub row: usize,
    /// What is in it from now on.
    pub cell: Option<Cell>,
}

/// The state so far, and every row that was ever used.
#[derive(Default)]
pub struct State {
    /// All rows, in the order in which they were first used.
    pub rows: Vec<Row>,
    cells: Vec<Option<Cell>>,
    differences: Vec<Difference>,
    pub(super) tree: Tree,
    /// Whether the engine is in the network namespace that it made, and looks at that one's links.
    pub(super) in_network: bool,
}

impl State {
    /// Takes the next event. Gives the row of the process that it comes from, when that is known, and what differs now.
    pub fn take(&mut self, event: &Event) -> (Option<usize>, Vec<Difference>) {
        let by = self.acting(event);
        match &event.kind {
            Kind::Call { call, ret: Some(ret), errno: None, .. } => self.call(event, call, *ret),
            Kind::Work { work, with } if work == "port_proxy" => self.name_role(with, "the port's proxy"),
            Kind::Note { note, with } => match note.as_ref() {
                "process_is" => self.name_program(with),
                "machine_is" => self.name_machine(with),
                "namespaces_shared" => self.shared(with.get("kinds").and_then(Value::as_str).unwrap_or_default()),
                _ => {}
            },
            Kind::Change { object, key, before, after } => changes::take(self, event, (object, key), before, after),
            _ => {}
        }
        (by, std::mem::take(&mut self.differences))
    }

    fn call(&mut self, event: &Event, call: &Call, ret: i64) {
        let text = |name: &str| call.args.get(name).and_then(Value::as_str).unwrap_or_default();
        match call.name.as_ref() {
            "clone" | "clone3" => self.made(event, ret),
            "execve" | "execveat" => self.became(event, call),
            "wait4" if text("status").starts_with("WIFEXITED") || text("status").starts_with("WIFSIGNALED") => {
                self.ended(event, ret);
            }
            "mkdir" => changes::directory(self, text("pathname"), true),
            "rmdir" => changes::directory(self, text("pathname"), false),
            "write" => changes::written(self, text("path"), text("text")),
            "umount2" => changes::unmounted(self, text("target")),
            "unshare" | "setns" if event.actor == Actor::Engine => self.moved(text("flags"), text("fd")),
            _ => {}
        }
    }

    /// The engine went into the network namespace it made, or back. By a path it goes in, by what it had open before out.
    fn moved(&mut self, flags: &str, to: &str) {
        if flags.contains("CLONE_NEWNET") || !to.is_empty() {
            self.in_network = !to.starts_with("net:");
        }
    }

    /// Kinds of namespaces that were read and found to be the host's.
    fn shared(&mut self, kinds: &str) {
        for kind in kinds.split(", ").filter(|kind| !kind.is_empty()) {
            self.put(Panel::Namespaces, kind, kind, "the host's", "shared");
        }
    }

    /// The row of a key, made when there is none yet.
    pub(super) fn row(&mut self, panel: Panel, key: &str, label: &str) -> usize {
        if let Some(at) = self.rows.iter().position(|row| row.panel == panel && row.key == key) {
            return at;
        }
        let with_process = matches!(panel, Panel::Namespaces | Panel::Mounts | Panel::Rights);
        self.rows.push(Row {
            panel,
            key: key.to_owned(),
            label: shortened(label),
            parent: None,
            with_process,
            with_network: false,
        });
        self.cells.push(None);
        self.rows.len() - 1
    }

    /// Puts something into a row of a panel.
    pub(super) fn put(&mut self, panel: Panel, key: &str, label: &str, text: &str, note: &str) -> usize {
        let row = self.row(panel, key, label);
        self.set(row, Cell { text: shortened(text), note: note.to_owned() });
        row
    }

    pub(super) fn set(&mut self, row: usize, cell: Cell) {
        if self.cells[row].as_ref() != Some(&cell) {
            self.cells[row] = Some(cell.clone());
            self.tell(row, Some(cell));
        }
    }

    pub(super) fn clear(&mut self, row: usize) {
        if self.cells[row].take().is_some() {
            self.tell(row, None);
        }
    }

    /// One difference a row: an event that changes a row twice shows the last.
    fn tell(&mut self, row: usize, cell: Option<Cell>) {
        self.differences.retain(|other| other.row != row);
        self.differences.push(Difference { row, cell });
    }

    pub(super) fn cell(&self, row: usize) -> Option<&Cell> {
        self.cells[row].as_ref()
    }
}
