//! What the tests stand on: rlab with a root of its own, the host's state before and after, a terminal, a web client.
//!
//! The parts that a test needs are the real ones. Where one is absent the test says so and is skipped; with
//! `RLAB_NO_SKIP=1` in the environment that is a failure.

pub mod browser;
pub mod host;
pub mod lab;
pub mod need;
mod program;
mod rlab;
pub mod terminal;
pub mod web;

pub(crate) use need::need;
pub use program::{Output, Running};
pub use rlab::Rlab;

/// Says something past the test runner's capture: figures are for every log, not only for that of a failure.
pub fn tell(text: &str) {
    use std::io::Write;
    let _nobody_reads = std::io::stderr().write_all(format!("{text}\n").as_bytes());
}
