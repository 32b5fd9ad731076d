//! A trace as steps: what each event says, in words, and what it did to the state.

use super::state::{Difference, Row, State};
use crate::trace::event::{Actor, Event, Kind};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// One event, and what differs after it.
pub struct Step<'a> {
    /// The event.
    pub event: &'a Event,
    /// The row of the process that it comes from, where that is known.
    pub by: Option<usize>,
    /// What differs after it.
    pub differences: Vec<Difference>,
}

/// A stage, from its first event to the next stage's.
pub struct Section<'a> {
    /// The stage's id.
    pub stage: Cow<'static, str>,
    /// Whether it had begun before and another came between.
    pub again: bool,
    /// Its steps in order.
    pub steps: Vec<Step<'a>>,
    /// How long it took, in nanoseconds; 0 when that is not told.
    pub took: u64,
    /// Whether it ended with an error.
    pub failed: bool,
}

/// A whole trace.
pub struct Steps<'a> {
    /// Its stages in order.
    pub sections: Vec<Section<'a>>,
    /// Every row of the state that any step uses.
    pub rows: Vec<Row>,
    /// Whether it is a machine's run: told by who writes the first event.
    pub of_machine: bool,
    /// Whether what differs from run to run was replaced by names.
    pub stable: bool,
}

impl<'a> Steps<'a> {
    /// The steps of a trace's events, in the order in which they were written.
    pub fn of(events: &'a [Event]) -> Steps<'a> {
        let mut state = State::default();
        let mut sections: Vec<Section<'a>> = Vec::new();
        let mut before: Vec<Difference> = Vec::new();
        for event in events {
            let (by, mut differences) = state.take(event);
            if sections.last().is_none_or(|section| section.stage != event.stage) {
                let again = sections.iter().any(|section| section.stage == event.stage);
                let stage = event.stage.clone();
                sections.push(Section { stage, again, steps: Vec::new(), took: 0, failed: false });
            }
            let Some(section) = sections.last_mut() else { continue };
            match &event.kind {
                Kind::Leave { dur_ns, failed } => (section.took, section.failed) = (*dur_ns, *failed),
                Kind::Enter => {}
                // Where rlab keeps its files is for stable mode alone.
                Kind::Work { work, .. } if work == "home" => {}
                _ => {
                    // What is known by an event that is no step shows at the next.
                    before.retain(|one| differences.iter().all(|other| other.row != one.row));
                    differences.splice(0..0, before.drain(..));
                    section.steps.push(Step { event, by, differences });
                    continue;
                }
            }
            before.extend(differences);
        }
        let of_machine = events.first().is_some_and(|event| event.actor == Actor::Vm);
        let stable = events.iter().all(|event| event.pid == 0);
        Steps { sections, rows: state.rows, of_machine, stable }
    }

    /// The rows in which the state is shown: a process below the one that made it.
    pub fn order(&self) -> Vec<(usize, usize)> {
        let mut children: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
        for (row, told) in self.rows.iter().enumerate() {
            children.entry(told.parent).or_default().push(row);
        }
        // Not by calling itself: how deep the processes of a trace go is not for us to say.
        let mut order = Vec::new();
        let mut next: Vec<(usize, usize)> = vec![];
        let mut put = |next: &mut Vec<_>, parent, depth| {
            next.extend(children.remove(&parent).into_iter().flatten().rev().map(|row| (row, depth)));
        };
        put(&mut next, None, 0);
        while let Some((row, depth)) = next.pop() {
            order.push((row, depth));
            put(&mut next, Some(row), depth + 1);
        }
        order
    }

    /// What ran, when the events tell.
    pub fn title(&self) -> String {
        let steps = self.sections.iter().flat_map(|section| &section.steps);
        let told = steps.filter_map(|step| match &step.event.kind {
            Kind::Work { work, with } if work == "bundle" => with.get("args")?.as_str(),
            Kind::Note { note, with } if note.starts_with("running") => with.get("program")?.as_str(),
            _ => None,
        });
        told.map(str::to_owned).next().unwrap_or_else(|| "a run of rlab".to_owned())
    }
}
