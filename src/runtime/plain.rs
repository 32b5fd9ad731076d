//! A program started without a container around it: what is left of the stages where the whole machine is its own.
//!
//! In a virtual machine rlab is process 1 of another kernel. No namespace has to keep the program apart from others, no
//! filter its calls from the kernel: both are its own. What remains is what every init does for every service.

use super::command::{find, not_runnable};
use super::error::Failure;
use super::stage::{self, Outcome};
use crate::sys;
use crate::trace;
use std::convert::Infallible;
use std::path::{Path, PathBuf};

/// The program and whose it is.
pub struct Process {
    /// The program and its arguments.
    pub args: Vec<String>,
    /// Its whole environment.
    pub env: Vec<String>,
    /// Where it starts.
    pub cwd: PathBuf,
    /// User number.
    pub uid: u32,
    /// Group number.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
}

/// Becomes the program. Comes back only when that was refused. `about_to` is told which file it is.
pub fn exec(process: &Process, about_to: &mut dyn FnMut(&Path)) -> Result<Infallible, Failure> {
    become_program(process, about_to).map_err(|refusal| stage::name(trace::current_stage(), refusal))
}

fn become_program(process: &Process, about_to: &mut dyn FnMut(&Path)) -> Outcome<Infallible> {
    // Groups first: after the user is no longer 0, changing groups is refused. Leaving user 0 also takes the capabilities.
    sys::setgroups(&process.groups)?;
    sys::setresgid(process.gid)?;
    sys::setresuid(process.uid)?;
    sys::mount::chdir(&process.cwd)?;
    let program = find(&process.args[0], &process.env, &process.cwd)?;
    about_to(&program);
    let _default_already = sys::reset_signals();
    sys::execve(&program, &process.args, &process.env).map_err(|error| not_runnable(&program, &error))
}
