//! The view for a second look: a line a stage, with its time and how much it did.

use super::value::span;
use super::{Block, Style};
use crate::trace::event::Kind;
use crate::trace::texts::english;

/// One line for a stage.
pub fn block(block: &Block, style: &Style) -> String {
    let (mut calls, mut took, mut failed, mut skipped) = (0, None, !block.complete, false);
    for event in &block.events {
        match &event.kind {
            Kind::Call { .. } => calls += 1,
            Kind::Skip { .. } => skipped = true,
            Kind::Leave { dur_ns, failed: leaves_failed } => (took, failed) = (Some(*dur_ns), *leaves_failed),
            _ => {}
        }
    }
    let what = english().stage(&block.stage).map_or("", |text| text.brief.as_str());
    let made = match calls {
        0 => String::new(),
        1 => "1 call".to_owned(),
        many => format!("{many} calls"),
    };
    let end = match (failed, took) {
        (true, _) => format!("{made:>8}  failed"),
        (false, _) if skipped && calls == 0 => " nothing to do".to_owned(),
        (false, Some(nanos)) if !style.stable => format!("{made:>8}  {:>8}", span(nanos)),
        _ => format!("{made:>8}"),
    };
    format!("{}\n", format!("{:>2} {:<12} {what:<42}{end}", block.number, block.stage).trim_end())
}
