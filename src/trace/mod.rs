//! strace, plus the why: what rlab did to the kernel, told as events that anyone can read back.
//!
//! One append-only file of JSON lines per container. Every process of a run writes whole lines into it; only the
//! foreground `rlab` renders them. This module imports nothing else of rlab, so that everything else may use it.

mod event;
mod follow;
pub mod probe;
mod schema;
mod signature;
mod sink;
mod stable;
mod stage;
mod texts;
mod view;

/// Names in the environment the folder into which every rlab writes its trace; the check of a lab sets it for its scripts.
pub const TRACE_DIR: &str = "RLAB_TRACE_DIR";

pub use event::{Actor, Call, Event, Kind};
pub use follow::{Follower, Replay, events};
pub use probe::{Probe, observe};
pub use schema::json_schema;
pub use signature::{is_told, man_page};
pub use sink::{
    acting, become_actor, call, call_of, change, current_stage, descriptor, elapsed, enabled, finish, injected, leave,
    note, open, own_number, pump, resume, silence, skip, stage, take_in, witnessed, work,
};
pub use stage::Stage;
pub use texts::english;
pub use view::{PLAYER_CSS, PLAYER_JS, Style, View, call_line, player, player_page};
