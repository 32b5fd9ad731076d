//! The process becomes the program.
//!
//! Man: execve(2), fifo(7). Spec: process.args, process.env, process.cwd; runtime-spec `start`.
//!
//! Last of all. Up to here the process was rlab, with rlab's file behind /proc/self/exe and rlab's descriptors open:
//! what the image brings has not run yet.

use super::{Outcome, Refusal};
use crate::runtime::command::{find, not_runnable};
use crate::runtime::plan::Plan;
use crate::sys;
use std::convert::Infallible;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

// ANCHOR: prepare
/// Goes to the working directory and finds the program's file.
pub fn prepare(plan: &Plan) -> Outcome<PathBuf> {
    // As the user it will be: a directory that only root may enter is refused to the program as well.
    sys::mount::chdir(&plan.cwd)?;
    // A directory that isn't below `/` can only be one that leaked in from outside, through an open descriptor
    // (CVE-2024-21626: WORKDIR /proc/self/fd/7). getcwd(3) can't name it.
    if !std::env::current_dir().is_ok_and(|path| path.is_absolute()) {
        return Err(Refusal::Reason(format!("working directory {} lies outside the container", plan.cwd.display())));
    }
    let program = find(&plan.args[0], &plan.env, &plan.cwd)?;
    // Descriptors of rlab's must not live on in the program. All are close-on-exec by themselves; this closes those that
    // came from whoever started rlab.
    sys::close_range_cloexec(3)?;
    sys::mount::umask(plan.umask)?;
    Ok(program)
}

/// Waits until someone opens the fifo for reading: that is `start`, which may come much later than `create`.
pub fn wait_for_start(fifo: &OwnedFd) -> Outcome {
    let writer = sys::reopen_write(fifo)?;
    let _reader_knows = sys::write(&writer, b"0");
    Ok(())
}

/// execve(2). It comes back only when it failed.
pub fn execve(plan: &Plan, program: &Path) -> Outcome<Infallible> {
    let _default_already = sys::reset_signals();
    sys::execve(program, &plan.args, &plan.env).map_err(|error| not_runnable(program, &error))
}
// ANCHOR_END: prepare
