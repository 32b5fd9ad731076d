//! What can go wrong while comparing. That one side cannot be measured is no error: it stands in the report, with its reason.

use super::side::Side;
use std::path::PathBuf;
use std::time::Duration;

/// Why nothing could be compared, or why one run was no measurement.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The memory of other users' processes is not to be read.
    #[error("comparing reads the memory of every process of both sides, which takes root")]
    NotRoot,
    /// Ctrl-C.
    #[error("ended by a signal; both sides were ended too")]
    Interrupted,
    /// rlab could not be started.
    #[error("`{command}` could not be started: {error}")]
    Start {
        /// What was typed, so to say.
        command: String,
        /// What happened.
        error: std::io::Error,
    },
    /// It ended before it had done what was waited for.
    #[error("`{command}` ended with {status}{}", said(.stderr))]
    Ended {
        /// What was typed, so to say.
        command: String,
        /// How it ended.
        status: String,
        /// The end of what it wrote to standard error.
        stderr: String,
    },
    /// It did not do it in time.
    #[error("`{command}` did not {what} within {} s{}", .limit.as_secs(), said(.stderr))]
    TooLong {
        /// What was typed, so to say.
        command: String,
        /// What was waited for.
        what: &'static str,
        /// How long.
        limit: Duration,
        /// The end of what it wrote to standard error.
        stderr: String,
    },
    /// A tool inside said something else than it does.
    #[error("`{command}` was expected to say {expected}, and said {found:?}")]
    Answer {
        /// What was typed, so to say.
        command: String,
        /// What was expected.
        expected: &'static str,
        /// What came.
        found: String,
    },
    /// A file of the host.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// What happened.
        error: std::io::Error,
    },
    /// A call of the kernel.
    #[error("{0}")]
    Call(#[from] crate::sys::Error),
    /// Both sides failed.
    #[error("neither side could be measured; the container: {container}; the virtual machine: {machine}")]
    Neither {
        /// Why.
        container: String,
        /// Why.
        machine: String,
    },
}

/// What the command said, on one line; nothing where it said nothing.
fn said(stderr: &str) -> String {
    let lines: Vec<&str> = stderr.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() { String::new() } else { format!(": {}", lines.join(" | ")) }
}

impl Error {
    /// Whether it ends the whole comparison, not one side's part in it.
    pub fn ends_all(&self) -> bool {
        matches!(self, Error::Interrupted | Error::NotRoot | Error::Neither { .. })
    }

    /// The next step.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::NotRoot => Some("sudo rlab compare …".to_owned()),
            Error::Ended { command, .. } | Error::TooLong { command, .. } => {
                Some(format!("{command}  (alone, to see all that it says)"))
            }
            Error::Neither { .. } => Some("rlab doctor".to_owned()),
            Error::Interrupted | Error::Start { .. } | Error::Answer { .. } | Error::File { .. } | Error::Call(_) => {
                None
            }
        }
    }
}

impl Side {
    /// How it is called in a sentence.
    pub fn word(self) -> &'static str {
        match self {
            Side::Container => "container",
            Side::Machine => "virtual machine",
        }
    }
}
