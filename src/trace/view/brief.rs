//! The view for a second look: a line a stage, with its time and how much it did.

use super::value::span;
use super::{Block, Style};
use crate::trace::event::Kind;
use crate::trace::texts::english;

/// One line for a stage.
pub fn block(block: &Block, style: &Style) -> String {
    let (mut calls, mut changes, mut took, mut failed, mut skipped) = (0, 0, None, !block.complete, false);
    for event in &block.events {
        match &event.kind {
            Kind::Call { .. } => calls += 1,
            Kind::Change { .. } => changes += 1,
            Kind::Skip { .. } => skipped = true,
            Kind::Leave { dur_ns, failed: leaves_failed } => (took, failed) = (Some(*dur_ns), *leaves_failed),
            _ => {}
        }
    }
    let what = english().stage(&block.stage).map_or("", |text| text.brief.as_str());
    let end = match (failed, skipped && calls == 0, took) {
        (true, ..) => "failed".to_owned(),
        (_, true, _) => "nothing to do".to_owned(),
        (_, _, Some(nanos)) if !style.stable => span(nanos),
        _ => String::new(),
    };
    let line = format!(
        "{:>2} {:<13} {:<46} {:>3} calls {:>3} changes  {end}",
        block.number, block.stage, what, calls, changes
    );
    format!("{}\n", line.trim_end())
}
