//! What a hypervisor is: a machine of one page of memory, one processor and fifteen bytes of program, which says hello.
//!
//! `machine` makes it, a function a stage; `program` is all of its software. QEMU does the same for a PC, with more
//! memory, more processors, and some hundred devices in the place of the one port here.

mod error;
#[cfg(target_arch = "x86_64")]
mod machine;
mod program;

pub use error::Error;

use crate::engine::Telling;
use crate::sys;
use crate::trace::{self, Actor, Follower, Replay};
use std::fs::OpenOptions;

/// Makes the machine, lets it say what it has to say, and takes it away again. No right is needed for it but to open
/// /dev/kvm.
pub fn run(say: &mut dyn FnMut(&[u8]), telling: Telling) -> Result<(), Error> {
    if let Some(replay) = telling.replay {
        listen(replay)?;
    }
    let result = trace::acting(Actor::Vm, || hello(say));
    trace::finish();
    result
}

#[cfg(target_arch = "x86_64")]
fn hello(say: &mut dyn FnMut(&[u8])) -> Result<(), Error> {
    machine::hello(say)
}

/// Other processors have KVM too, but neither these registers nor these instructions.
#[cfg(not(target_arch = "x86_64"))]
fn hello(_say: &mut dyn FnMut(&[u8])) -> Result<(), Error> {
    Err(Error::Processor(std::env::consts::ARCH))
}

/// The trace lies in memory: nothing is kept of a machine that lives for a moment, and its user need not be root, who
/// alone may write where rlab keeps things.
fn listen(replay: Replay) -> Result<(), Error> {
    let file = sys::memory_file("rlab-trace").map_err(Error::from)?;
    let opened = || {
        let appending = OpenOptions::new().append(true).open(file.path())?;
        Ok((appending, Follower::open(&file.path(), replay)?))
    };
    let (appending, follower) = opened().map_err(|error| Error::Trace { path: file.path(), error })?;
    trace::open(appending, sys::shared_counter(), Some(follower));
    Ok(())
}
