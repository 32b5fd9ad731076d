//! Control groups: the processes of a container, counted and limited together.
//!
//! A group is a directory of a filesystem whose files the kernel answers; to set a limit is to write a number into one.
//! There are two versions, and a host can have both at once, so each controller is looked up for itself:
//!
//! 1. [`Layout::detect`] finds out which controllers are mounted where,
//! 2. [`plan`] makes of config.json's `resources` a list of files to write, without touching anything,
//! 3. [`Plan::create`] makes the directories and writes,
//! 4. [`Cgroup`] is what then exists: to be entered, read, emptied and removed.
//!
//! A limit that can't be set is an error. A container that runs without a limit someone relied on is worse than one that
//! does not run.

mod create;
mod devices;
mod error;
mod group;
mod layout;
mod plan;
mod probe;
mod survey;
mod v1;
mod v2;
mod value;
mod view;

#[cfg(test)]
mod live;

pub use error::Error;
#[cfg(test)]
pub use error::Lack;
pub use group::Cgroup;
pub use layout::Layout;
#[cfg(test)]
pub use layout::Version;
pub use plan::{Plan, plan};
pub use probe::Counters;
pub use survey::{Obstacle, Standing, survey};
pub use view::ContainerMount;

/// The group above all of rlab's own, in each hierarchy.
pub const PARENT: &str = "rlab";
