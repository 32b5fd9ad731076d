//! A test that can't run here says so, and why; where nothing may be skipped, it fails instead.
//!
//! Shared by the tests beside the code and those that drive the binary.

use std::fmt::Display;
use std::io::Write;

/// Set by whoever has installed all that the tests need: then a skip is a failure.
const NO_SKIP: &str = "RLAB_NO_SKIP";

/// Says on standard error that the running test is skipped, past the test runner's capture: a skip must be seen.
pub fn aloud(reason: impl Display) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    assert!(std::env::var_os(NO_SKIP).is_none(), "{test} may not be skipped ({NO_SKIP} is set): {reason}");
    let _nobody_reads = writeln!(std::io::stderr(), "skipped {test}: {reason}");
}
