//! Four ways to look at one stream of events.

mod brief;
mod calls;
mod layout;
mod machine;
mod player;
mod story;
mod value;
mod work;

pub use player::{PLAYER_CSS, PLAYER_JS, player, player_page};
pub use value::call_line;

use super::event::Event;
use std::borrow::Cow;

/// Which view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// A block a stage: why it is there, what was called, what changed.
    Story,
    /// A line a stage.
    Brief,
    /// A line a call, shaped like strace's.
    Calls,
    /// The events themselves.
    Json,
}

/// How wide, and whether coloured.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Columns of the terminal.
    pub width: usize,
    /// Whether escape sequences may be used.
    pub colour: bool,
    /// Whether times and counts are to be left out, because they differ from run to run.
    pub stable: bool,
}

/// The events of one stage.
pub struct Block {
    /// Counts the stages of the run from 1, in the order in which they ended.
    pub number: usize,
    /// The stage's id.
    pub stage: Cow<'static, str>,
    /// Its events in order.
    pub events: Vec<Event>,
    /// False when the run ended before the stage did.
    pub complete: bool,
    /// Whether it belongs to a machine's run.
    pub of_machine: bool,
}

impl View {
    /// What this view shows of an event at once.
    pub(super) fn line(self, event: &Event, style: &Style) -> String {
        match self {
            View::Calls => calls::line(event),
            View::Json => json_line(event),
            View::Story => story::running(event, style),
            View::Brief => String::new(),
        }
    }

    /// What this view shows of a stage that has ended.
    pub(super) fn block(self, block: &Block, style: &Style) -> String {
        match self {
            View::Story => story::block(block, style),
            View::Brief => brief::block(block, style),
            View::Calls | View::Json => String::new(),
        }
    }
}

fn json_line(event: &Event) -> String {
    serde_json::to_string(event).map(|line| line + "\n").unwrap_or_default()
}
