//! dockerd's part: names, defaults and policy, and the recipe that makes a container of them.

pub mod config;
pub mod container;
pub mod doctor;
mod error;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
mod home;
mod idmap;
pub mod image_config;
mod images;
mod journal;
mod look;
pub mod options;
mod run;
mod snapshot;
mod spec;
mod sweep;
mod user;

pub use error::Error;
pub use home::Home;
pub use images::{Sources, obtain};
pub use journal::Made;
pub use run::{Telling, command, go_on, heeding, listed, listen, make_source, run, trace_path};
pub use spec::{env, workdir};
pub use sweep::{in_use, sweep};
pub use user::resolve as resolve_user;

/// How this host's control groups are laid out: v1, v2 or hybrid.
pub fn cgroup_layout() -> Option<&'static str> {
    crate::shim::cgroup_layout()
}
