//! What can go wrong in the runtime, by kind.

use super::plan::PlanError;
use crate::cgroup;
use crate::sys;
use crate::sys::cause::{self, Cause};
use crate::trace;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A failure of the runtime.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bundle has no readable config.json.
    #[error("bundle {bundle}: {reason}")]
    Bundle {
        /// The bundle's directory.
        bundle: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// config.json asks for something that can't be.
    #[error("config.json: {0}")]
    Plan(#[from] PlanError),
    /// A stage was refused by the kernel, here or in init.
    #[error("{stage}: {error}")]
    Stage {
        /// The stage's id.
        stage: String,
        /// The call and the errno.
        error: sys::Error,
    },
    /// A stage found something that it must not go on with.
    #[error("{stage}: {reason}")]
    Refused {
        /// The stage's id.
        stage: String,
        /// What it found.
        reason: String,
    },
    /// The control group refused, in that stage.
    #[error("{0}: {1}")]
    Cgroup(&'static str, #[source] cgroup::Error),
    /// The command is not in the image.
    #[error("exec: {name:?}: {reason}")]
    CommandNotFound {
        /// As it was given.
        name: String,
        /// Where it was looked for.
        reason: String,
        /// How that is seen.
        look: Box<Look>,
    },
    /// The command is there, but the kernel can't run it.
    #[error("exec: {path:?}: {reason}")]
    CommandNotRunnable {
        /// The file.
        path: String,
        /// Why not.
        reason: String,
        /// How that is seen.
        look: Box<Look>,
    },
    /// This process has threads, and a clone would copy their locks.
    #[error("{0} threads are running, but a container must be made from a process with one")]
    Threads(usize),
    /// The user asked rlab to end while init prepared itself.
    #[error("ended by {0} before the container ran")]
    Interrupted(String),
    /// Init ended without a word.
    #[error("init ended before the program was started: {0}")]
    InitDied(String),
    /// The runtime's own files.
    #[error("{path}: {error}")]
    State {
        /// The file.
        path: PathBuf,
        /// What happened.
        error: std::io::Error,
    },
}

/// A failure inside init, as it travels over the socket to the parent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Failure {
    /// See [`Error::Stage`].
    Call {
        /// The stage's id.
        stage: String,
        /// The call and the errno.
        error: sys::Error,
    },
    /// See [`Error::Refused`].
    Refused {
        /// The stage's id.
        stage: String,
        /// What was found.
        reason: String,
    },
    /// See [`Error::CommandNotFound`].
    NotFound {
        /// As it was given.
        name: String,
        /// Where it was looked for.
        reason: String,
        /// How that is seen.
        look: Box<Look>,
    },
    /// See [`Error::CommandNotRunnable`].
    NotRunnable {
        /// The file.
        path: String,
        /// Why not.
        reason: String,
        /// How that is seen.
        look: Box<Look>,
    },
}

impl From<cgroup::Error> for Error {
    fn from(error: cgroup::Error) -> Error {
        Error::Cgroup(trace::current_stage().id(), error)
    }
}

/// A look at a file of the container's, which shows why it can't be run. Where that file is on the host is not for the
/// runtime to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// The command, with `{}` where the file's path goes.
    pub command: String,
    /// The file's path in the container.
    pub file: PathBuf,
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        match failure {
            Failure::Call { stage, error } => Error::Stage { stage, error },
            Failure::Refused { stage, reason } => Error::Refused { stage, reason },
            Failure::NotFound { name, reason, look } => Error::CommandNotFound { name, reason, look },
            Failure::NotRunnable { path, reason, look } => Error::CommandNotRunnable { path, reason, look },
        }
    }
}

impl Error {
    /// Docker's exit code: 127 when the command is not there, 126 when it can't be run, 125 for everything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::CommandNotFound { .. } => 127,
            Error::CommandNotRunnable { .. } => 126,
            _ => 125,
        }
    }

    /// The likeliest cause, by this host's facts. `root` is where rlab keeps things.
    pub fn cause(&self, root: &Path) -> Option<Cause> {
        match self {
            Error::Stage { error, .. } => cause::of_call(error, root),
            Error::Cgroup(_, error) => error.cause(root),
            Error::State { path, error } => cause::of_file(path, error),
            _ => None,
        }
    }

    /// The file to look at, when the command could not be run.
    pub fn look(&self) -> Option<&Look> {
        match self {
            Error::CommandNotFound { look, .. } | Error::CommandNotRunnable { look, .. } => Some(look),
            _ => None,
        }
    }

    /// The next step.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Stage { stage, error } => stage_hint(stage, error),
            Error::Cgroup(_, error) => error.hint(),
            Error::CommandNotFound { .. } => {
                Some("look at what the image holds: rlab run --rm -it --entrypoint sh IMAGE".to_owned())
            }
            Error::Plan(PlanError::Seccomp(error)) => error.hint(),
            Error::Plan(_) | Error::Bundle { .. } => Some("compare with the OCI runtime-spec, config.md".to_owned()),
            _ => None,
        }
    }
}

/// The next step after a refusal whose cause is clear from the stage alone.
fn stage_hint(stage: &str, error: &sys::Error) -> Option<String> {
    let hint = match (stage, error.call.name.as_ref(), sys::errno_name(error.errno)) {
        ("pivot_root", "pivot_root", "EINVAL") => {
            "the new root must be a mount point, and no mount above it shared: grep shared: /proc/self/mountinfo"
        }
        ("mounts", _, "ENOENT") => "the source of a mount is not there: look at the -v options",
        ("mounts", _, "EPERM") => {
            "a mount may be refused because rlab runs inside another container or a user namespace: rlab run --explain \
             shows which one"
        }
        ("sysctl", _, "EACCES" | "EPERM" | "EROFS") => "only settings of the container's own namespaces may be set",
        ("seccomp", _, "EINVAL") => "the kernel refused the filter: grep SECCOMP /boot/config-$(uname -r)",
        _ => return None,
    };
    Some(hint.to_owned())
}
