//! What can go wrong in the runtime, by kind.

use super::plan::PlanError;
use crate::cgroup;
use crate::sys;
use crate::trace;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

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
    },
    /// The command is there, but the kernel can't run it.
    #[error("exec: {path:?}: {reason}")]
    CommandNotRunnable {
        /// The file.
        path: String,
        /// Why not.
        reason: String,
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
#[derive(Debug, Clone, Serialize, Deserialize)]
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
    },
    /// See [`Error::CommandNotRunnable`].
    NotRunnable {
        /// The file.
        path: String,
        /// Why not.
        reason: String,
    },
}

impl From<cgroup::Error> for Error {
    fn from(error: cgroup::Error) -> Error {
        Error::Cgroup(trace::current_stage().id(), error)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        match failure {
            Failure::Call { stage, error } => Error::Stage { stage, error },
            Failure::Refused { stage, reason } => Error::Refused { stage, reason },
            Failure::NotFound { name, reason } => Error::CommandNotFound { name, reason },
            Failure::NotRunnable { path, reason } => Error::CommandNotRunnable { path, reason },
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

/// The likeliest cause of a refusal, with the fact of this host that shows it.
fn stage_hint(stage: &str, error: &sys::Error) -> Option<String> {
    let errno = sys::errno_name(error.errno);
    match (stage, error.call.name.as_ref(), errno) {
        ("namespaces", "clone3", "EPERM") => {
            Some(format!("rlab runs as user {}, and new namespaces take CAP_SYS_ADMIN: try sudo rlab …", sys::geteuid()))
        }
        ("namespaces", "clone3", "ENOSPC" | "EUSERS") => {
            Some("a limit of namespaces is reached: see the files in /proc/sys/user/".to_owned())
        }
        ("pivot_root", "pivot_root", "EINVAL") => Some(
            "the new root must be a mount point, and no mount above it shared: grep shared: /proc/self/mountinfo".to_owned(),
        ),
        ("rlimits", _, "EPERM") => Some(
            "raising a hard limit takes CAP_SYS_RESOURCE, which rlab itself was not given: grep CapEff /proc/self/status; \
             ask for no more than `ulimit -H` shows"
                .to_owned(),
        ),
        ("mounts", _, "ENOENT") => Some("the source of a mount is not there: look at the -v options".to_owned()),
        ("mounts", _, "EPERM") => Some(
            "a mount may be refused because rlab runs inside another container or a user namespace: rlab run --explain \
             shows which one"
                .to_owned(),
        ),
        ("sysctl", _, "EACCES" | "EPERM" | "EROFS") => {
            Some("only settings of the container's own namespaces may be set".to_owned())
        }
        ("seccomp", _, "EINVAL") => Some("the kernel refused the filter: grep SECCOMP /boot/config-$(uname -r)".to_owned()),
        _ => None,
    }
}
