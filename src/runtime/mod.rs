//! runc's part: a bundle becomes a running process.
//!
//! Nothing here knows of images, names or networks. A caller hands over an id, a directory with `config.json`, and gets a
//! process that waits at the threshold of its program ([`create`]), then is let over it ([`start`]).

mod cgroup_view;
mod command;
mod create;
mod delete;
mod error;
mod executable;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
mod init;
mod over_proc;
mod parent;
pub mod plain;
mod plan;
mod reaper;
pub mod seccomp;
mod stage;
mod start;
mod state;
mod sync;
mod way_back;

pub use create::{CreateOptions, Created, EnterRoot, Stdio, create};
pub use delete::delete;
pub use error::{Error, Failure};
pub use start::start;
