//! A trace as steps: what each event says, in words, and what it did to the state.

use super::state::{Difference, Row, State};
use crate::trace::event::{Actor, Event, Kind};
use std::borrow::Cow;

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
        let mut order = Vec::new();
        let roots = (0..self.rows.len()).filter(|row| self.rows[*row].parent.is_none());
        roots.for_each(|row| self.below(row, 0, &mut order));
        order
    }

    fn below(&self, row: usize, depth: usize, order: &mut Vec<(usize, usize)>) {
        order.push((row, depth));
        for child in (0..self.rows.len()).filter(|child| self.rows[*child].parent == Some(row)) {
            self.below(child, depth + 1, order);
        }
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
