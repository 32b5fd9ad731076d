//! One file a stage, one stage a lesson. Each says why it is there and what must come before it.

pub mod capabilities;
pub mod cgroup;
pub mod chroot;
pub mod devices;
pub mod exec;
pub mod hostname;
pub mod id_mappings;
pub mod masked_paths;
pub mod mounts;
pub mod namespaces;
pub mod pivot_root;
pub mod rlimits;
pub mod seccomp;
pub mod sysctl;
pub mod user;

use super::error::Failure;
use crate::sys;
use crate::trace::{self, Stage};
use serde_json::json;

/// What a stage gives back: a refusal by the kernel, or a reason of its own not to go on.
pub enum Refusal {
    /// The kernel said no.
    Call(sys::Error),
    /// The stage itself did.
    Reason(String),
    /// The command can't be run; see [`Failure`].
    Command(Failure),
}

impl Refusal {
    /// What went wrong, in words.
    fn reason(&self) -> String {
        match self {
            Refusal::Call(error) => {
                let (text, name) = (sys::errno_text(error.errno), sys::errno_name(error.errno));
                format!("{} was refused: {text} ({name})", error.call.name)
            }
            Refusal::Reason(reason) => reason.clone(),
            Refusal::Command(failure) => crate::runtime::Error::from(failure.clone()).to_string(),
        }
    }
}

impl From<sys::Error> for Refusal {
    fn from(error: sys::Error) -> Refusal {
        Refusal::Call(error)
    }
}

/// What every stage returns.
pub type Outcome<T = ()> = Result<T, Refusal>;

/// Runs a stage, with its `enter` and `leave` in the trace and its name in the error.
pub fn run<T>(stage: Stage, body: impl FnOnce() -> Outcome<T>) -> Result<T, Failure> {
    let told = || body().inspect_err(|refusal| trace::note("failure", || json!({"reason": refusal.reason()})));
    trace::stage(stage, told).map_err(|refusal| name(stage, refusal))
}

/// Gives a refusal the stage's name.
pub fn name(stage: Stage, refusal: Refusal) -> Failure {
    let stage = stage.id().to_owned();
    match refusal {
        Refusal::Call(error) => Failure::Call { stage, error },
        Refusal::Reason(reason) => Failure::Refused { stage, reason },
        Refusal::Command(failure) => failure,
    }
}
