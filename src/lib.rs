//! rlab: a Linux container runtime whose every step can be watched.
//!
//! The modules mirror the parts of the Docker world, see the table in the README; each may use only those after it.

mod book;
mod cgroup;
mod cli;
mod engine;
mod image;
mod lab;
mod network;
mod runtime;
mod shim;
mod sys;
mod trace;
mod vm;

#[cfg(any(fuzzing, test))]
pub mod fuzzing;

#[cfg(test)]
#[path = "../tests/skip.rs"]
mod skip;

pub use cli::main;
