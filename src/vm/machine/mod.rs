//! The machine: QEMU's command line, its process, and the channel into it.

mod answer;
pub mod command;
mod console;
mod input;
mod outcome;
mod output;
mod session;
pub mod start;

pub use answer::Answer;
pub use outcome::{Outcome, Reached};
pub use session::Session;
