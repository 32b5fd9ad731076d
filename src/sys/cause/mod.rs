//! From a refusal to its likeliest cause on this host, and the command that shows it.
//!
//! An errno says little: EPERM on a mount may be a capability that was taken, a seccomp filter, a user namespace, or a
//! /proc that is covered. Which it is, the host's own facts tell, and they are read only when something was refused.

mod host;
mod judge;

pub use host::Host;

use serde::{Deserialize, Serialize};
use std::path::Path;

/// Why something was refused, as far as this host's facts tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// In words.
    pub why: String,
    /// The command whose output shows it.
    pub check: String,
    /// What to do; empty where the error's own hint says it.
    pub fix: String,
}

impl Cause {
    /// All three.
    pub fn new(why: impl Into<String>, check: impl Into<String>, fix: impl Into<String>) -> Cause {
        Cause { why: why.into(), check: check.into(), fix: fix.into() }
    }
}

/// The likeliest cause of a refused call. `root` is where rlab keeps things, for a call that names no place on the host.
pub fn of_call(error: &super::Error, root: &Path) -> Option<Cause> {
    if error.injected {
        let why = "the error was asked for with --inject: the kernel has not been asked";
        return Some(Cause::new(why, "", "the same without --inject"));
    }
    judge::call(&error.call, error.errno, root, &Host::read())
}

/// The likeliest cause of a refusal that std met at a path.
pub fn of_file(path: &Path, error: &std::io::Error) -> Option<Cause> {
    judge::file(path, error.raw_os_error()?, &Host::read())
}
