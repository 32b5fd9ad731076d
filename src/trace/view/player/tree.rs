//! Who made whom: the processes that a trace tells of, by the calls that make, turn and end them.
//!
//! A real trace has the number of the process that wrote each event. A stable one has not: there only the part of rlab is
//! known, and where two processes could have written an event nobody is named.

use super::changes;
use super::state::{Cell, Panel, State};
use crate::trace::event::{Actor, Call, Event, Kind};
use serde_json::{Map, Value};

/// rlab itself, where a stable trace keeps its number to itself.
const NAMELESS: &str = "rlab";
/// How many letters of a command line are shown.
const LONGEST: usize = 60;

/// The processes so far.
#[derive(Default)]
pub struct Tree {
    processes: Vec<Process>,
    /// The one that the runtime made in new namespaces.
    container: Option<usize>,
    /// The one that a machine is, on the host.
    machine: Option<usize>,
}

struct Process {
    /// Its number, as the events that tell of it have it.
    number: String,
    guest: bool,
    row: usize,
    parent: Option<usize>,
    /// The part of rlab that made it, and whether it is still a copy of that part.
    made_by: Option<Actor>,
    is_copy: bool,
    alive: bool,
    roles: Vec<&'static str>,
}

impl Tree {
    fn find(&self, guest: bool, number: &str) -> Option<usize> {
        self.processes.iter().rposition(|one| one.alive && one.guest == guest && one.number == number)
    }

    /// The newest process that this part made and that has not become a program yet.
    fn copy_of(&self, actor: Actor) -> Option<usize> {
        let parts = |one: Actor| matches!(one, Actor::Init | Actor::Guest).then_some(one);
        self.processes
            .iter()
            .rposition(|one| one.alive && one.is_copy && one.made_by.is_some_and(|by| parts(by) == parts(actor)))
            .filter(|at| Some(*at) != self.container)
    }
}

/// The number of a process as events have it: by name in a stable trace.
fn number(event: &Event, number: i64) -> String {
    match (event.pid, event.actor) {
        (0, Actor::Guest) => format!("guest-pid:{number}"),
        (0, _) => format!("pid:{number}"),
        _ => number.to_string(),
    }
}

fn role(actor: Actor) -> &'static str {
    match actor {
        Actor::Engine => "engine",
        Actor::Parent => "parent",
        Actor::Init => "init",
        Actor::Shim => "shim",
        Actor::Vm => "vm",
        Actor::Guest => "the guest's first process",
    }
}

impl State {
    /// The row of the process that an event comes from.
    pub(super) fn acting(&mut self, event: &Event) -> Option<usize> {
        let process = self.writer(event)?;
        let (row, role) = (self.tree.processes[process].row, role(event.actor));
        // A process that has become another program writes no more; a copy of the engine is not the engine.
        let is_part = !self.tree.processes[process].is_copy || event.actor == Actor::Init;
        let is_program = self.cell(row).is_some_and(|cell| cell.note == PROGRAM);
        if is_part && !is_program && !self.tree.processes[process].roles.contains(&role) {
            self.tree.processes[process].roles.push(role);
            let note = self.tree.processes[process].roles.join(", ");
            let text = self.cell(row).map_or_else(String::new, |cell| cell.text.clone());
            self.set(row, Cell { text, note });
        }
        Some(row)
    }

    fn writer(&mut self, event: &Event) -> Option<usize> {
        let guest = event.actor == Actor::Guest;
        if event.pid == 0 {
            return self.writer_by_part(event, guest);
        }
        let known = self.tree.find(guest, &event.pid.to_string());
        let inside = || self.tree.copy_of(event.actor).filter(|_| event.actor == Actor::Init);
        match known.or_else(inside) {
            Some(at) => {
                self.call_it(at, &event.pid.to_string());
                Some(at)
            }
            None => Some(self.first(event, event.pid.to_string())),
        }
    }

    fn writer_by_part(&mut self, event: &Event, guest: bool) -> Option<usize> {
        let is_exec = matches!(&event.kind, Kind::Call { call, .. } if call.name.starts_with("execve"));
        let first = match event.actor {
            Actor::Init => self.tree.container,
            _ => self.tree.processes.iter().position(|one| one.parent.is_none() && !guest || one.guest && guest),
        };
        match (self.tree.copy_of(event.actor), first) {
            (Some(copy), _) if is_exec => Some(copy),
            // Two could have written it. What only the one that waits does is its own.
            (Some(_), Some(at)) if !is_call(&event.kind, "clone") && matches!(event.kind, Kind::Call { .. }) => {
                is_call(&event.kind, "wait4").then_some(at)
            }
            (_, Some(at)) => Some(at),
            (_, None) => Some(self.first(event, if guest { "guest" } else { NAMELESS }.to_owned())),
        }
    }

    /// A process that nobody told of before: rlab itself, or the first of a machine.
    fn first(&mut self, event: &Event, number: String) -> usize {
        let guest = event.actor == Actor::Guest;
        let parent = self.tree.machine.filter(|_| guest);
        // Without a number the name stands in its place.
        let name = if number == NAMELESS { "" } else { "rlab" };
        self.new_process(number, name, parent, (guest, None))
    }

    fn new_process(&mut self, number: String, name: &str, parent: Option<usize>, of: (bool, Option<Actor>)) -> usize {
        let at = self.tree.processes.len();
        let label = if of.0 { format!("{number} in the guest") } else { number.clone() };
        let row = self.put(Panel::Processes, &format!("{at}"), &label, name, "");
        self.rows[row].parent = parent.map(|parent| self.tree.processes[parent].row);
        let (guest, made_by) = of;
        let is_copy = made_by.is_some();
        let roles = Vec::new();
        self.tree.processes.push(Process { number, guest, row, parent, made_by, is_copy, alive: true, roles });
        at
    }

    /// What a process made inside a PID namespace is called outside, once that is told.
    fn call_it(&mut self, at: usize, outside: &str) {
        let process = &mut self.tree.processes[at];
        if process.number != outside {
            self.rows[process.row].label = format!("{outside} ({} inside)", process.number);
            outside.clone_into(&mut process.number);
        }
    }

    /// clone(2) or clone3(2) returned.
    pub(super) fn made(&mut self, event: &Event, ret: i64) {
        let parent = self.writer(event);
        let name = parent.and_then(|at| self.cell(self.tree.processes[at].row)).map_or("", |cell| &cell.text);
        let (name, guest) = (if name.is_empty() { "rlab" } else { name }.to_owned(), event.actor == Actor::Guest);
        let at = self.new_process(number(event, ret), &name, parent, (guest, Some(event.actor)));
        if event.actor == Actor::Parent {
            self.tree.container = Some(at);
        }
    }

    /// execve(2) returned, which it does only by starting the program.
    pub(super) fn became(&mut self, event: &Event, call: &Call) {
        let Some(at) = self.writer(event) else { return };
        let words = |argv: &Vec<Value>| argv.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ");
        let argv = call.args.get("argv").and_then(Value::as_array).map(words).filter(|argv| !argv.is_empty());
        let path = call.args.get("pathname").or(call.args.get("path")).and_then(Value::as_str);
        let text = argv.or(path.map(str::to_owned)).unwrap_or_default();
        let is_program = matches!(event.actor, Actor::Init | Actor::Guest);
        self.tree.processes[at].is_copy = false;
        let note = if is_program { PROGRAM } else { "" }.to_owned();
        self.set(self.tree.processes[at].row, Cell { text: super::super::layout::cut(&text, LONGEST), note });
    }

    /// wait4(2) gave a process back that has ended. What it made and nobody waited for goes with it.
    pub(super) fn ended(&mut self, event: &Event, ret: i64) {
        let Some(at) = self.tree.find(event.actor == Actor::Guest, &number(event, ret)) else { return };
        let mut gone = vec![at];
        while let Some(at) = gone.pop() {
            self.tree.processes[at].alive = false;
            self.clear(self.tree.processes[at].row);
            gone.extend((0..self.tree.processes.len()).filter(|other| self.tree.processes[*other].parent == Some(at)));
        }
        if self.tree.container == Some(at) {
            (0..self.rows.len()).for_each(|row| {
                if self.rows[row].with_process {
                    self.clear(row)
                }
            });
            changes::left(self);
        }
    }

    fn told_process(&mut self, with: &Map<String, Value>) -> Option<usize> {
        let number = with.get("pid").map(|pid| pid.as_str().map_or_else(|| pid.to_string(), str::to_owned))?;
        self.tree.find(false, &number)
    }

    pub(super) fn name_role(&mut self, with: &Map<String, Value>, role: &str) {
        let Some(at) = self.told_process(with) else { return };
        let row = self.tree.processes[at].row;
        let text = self.cell(row).map_or_else(String::new, |cell| cell.text.clone());
        self.set(row, Cell { text, note: role.to_owned() });
    }

    /// The note that tells which process the container's program is in.
    pub(super) fn name_program(&mut self, with: &Map<String, Value>) {
        if self.told_process(with).is_none()
            && let Some(number) = with.get("pid").and_then(Value::as_str).map(str::to_owned)
            && let Some(at) = self.program()
        {
            self.call_it(at, &number);
        }
        self.name_role(with, PROGRAM);
    }

    pub(super) fn name_machine(&mut self, with: &Map<String, Value>) {
        self.tree.machine = self.told_process(with);
        self.name_role(with, "the machine");
    }

    /// The process that the container's program is in.
    fn program(&self) -> Option<usize> {
        let is_program = |one: &Process| self.cell(one.row).is_some_and(|cell| cell.note == PROGRAM);
        self.tree.processes.iter().rposition(|one| one.alive && is_program(one))
    }

    /// The program's name as the kernel has it, when it is not what it was called by.
    pub(super) fn command(&mut self, name: &str) {
        let Some(row) = self.program().map(|at| self.tree.processes[at].row) else { return };
        let text = self.cell(row).map_or_else(String::new, |cell| cell.text.clone());
        let called = text.split(' ').next().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
        // The kernel keeps 15 letters of a name, see proc(5).
        if !called.starts_with(name) {
            self.set(row, Cell { text: name.to_owned(), note: PROGRAM.to_owned() });
        }
    }
}

/// What is said beside the process that runs what the container was made for.
const PROGRAM: &str = "the container's program";

fn is_call(kind: &Kind, begin: &str) -> bool {
    matches!(kind, Kind::Call { call, .. } if call.name.starts_with(begin))
}
