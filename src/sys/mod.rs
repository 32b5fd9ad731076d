//! The kernel's door: the only code of rlab that changes kernel state.
//!
//! Each function is one system call under its man page's name. It goes through [`traced`], which performs the call,
//! tells the trace about it, and turns a refusal into an [`Error`] that still knows what was asked. So a stage needs
//! no error text of its own, and nothing can be done here without being told.
#![expect(
    clippy::disallowed_methods,
    unsafe_code,
    reason = "this is the one place where kernel state may be changed; everything outside goes through it"
)]

pub mod attempt;
mod bpf;
mod capability;
pub mod cause;
mod errno;
pub mod facts;
mod files;
pub mod flock;
mod identity;
mod inject;
pub mod kvm;
mod listen;
mod lockfile;
mod machine;
mod memory_file;
pub mod mount;
pub mod netlink;
pub mod netns;
pub mod nft;
mod own_binary;
mod process;
pub mod rootdir;
mod seq;
mod spawn;
mod terminal;
pub mod tool;
pub mod tree;
mod userns;

pub use bpf::*;
pub use capability::{CAPABILITIES, capability_mask, capability_number};
pub use errno::{Errno, errno_name, errno_text};
pub use files::*;
pub use identity::*;
pub use inject::{Rule as InjectRule, arm as arm_injection};
pub use listen::{bind_udp, listen_tcp};
pub use lockfile::LockFile;
pub use machine::{finit_module, power_off, restart};
pub use memory_file::memory_file;
pub use own_binary::run_from_read_only;
pub use process::*;
pub use seq::shared_counter;
pub use spawn::{Child, Program, find_program, spawn};
pub use terminal::*;
pub use userns::user_namespace;

use crate::trace::{self, Call};
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// A refusal by the kernel: which call it was, with its arguments, and the errno.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct Error {
    /// What was asked. Boxed, because it is large and errors are rare.
    pub call: Box<Call>,
    /// The number of the error, see errno(3).
    pub errno: i32,
    /// Whether it was asked for with `--inject`, and the kernel has nothing to do with it.
    #[serde(default)]
    pub injected: bool,
}

/// What a function of this module gives back.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The refusal of a call.
    pub fn new(call: Call, errno: i32) -> Error {
        Error { call: Box::new(call), errno, injected: false }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (name, text) = (errno_name(self.errno), errno_text(self.errno));
        let man = trace::man_page(&self.call.name);
        let injected = if self.injected { " (INJECTED)" } else { "" };
        write!(f, "{} = {name} ({text}){injected}; see {man}", trace::call_line(&self.call))
    }
}

impl std::error::Error for Error {}

/// What a call gives back to us, as the number that the kernel returned.
pub trait Returned {
    /// The number as strace would print it.
    fn number(&self) -> i64;
}

impl Returned for () {
    fn number(&self) -> i64 {
        0
    }
}

impl Returned for i32 {
    fn number(&self) -> i64 {
        i64::from(*self)
    }
}

impl Returned for usize {
    fn number(&self) -> i64 {
        i64::try_from(*self).unwrap_or(i64::MAX)
    }
}

impl Returned for nix::unistd::Pid {
    fn number(&self) -> i64 {
        i64::from(self.as_raw())
    }
}

impl Returned for std::os::fd::OwnedFd {
    fn number(&self) -> i64 {
        i64::from(std::os::fd::AsRawFd::as_raw_fd(self))
    }
}

/// Performs a call, tells the trace, and on refusal gives back the call with its errno.
///
/// `describe` is run only when someone listens or when the call was refused: off costs nothing.
pub(crate) fn traced<T: Returned>(
    describe: impl FnOnce() -> Call,
    perform: impl FnOnce() -> nix::Result<T>,
) -> Result<T> {
    if inject::armed() {
        return rehearsed(&describe(), perform);
    }
    if !trace::enabled() {
        return perform().map_err(|errno| Error::new(describe(), errno as i32));
    }
    let begun = Instant::now();
    let result = perform();
    let took = begun.elapsed();
    let call = describe();
    match result {
        Ok(value) => {
            trace::call(call, Ok(value.number()), took);
            Ok(value)
        }
        Err(errno) => {
            trace::call(call.clone(), Err(errno_name(errno as i32)), took);
            Err(Error::new(call, errno as i32))
        }
    }
}

/// As [`traced`], where a rule may want the call to fail, or the process to wait after it.
fn rehearsed<T: Returned>(call: &Call, perform: impl FnOnce() -> nix::Result<T>) -> Result<T> {
    let fault = inject::fault(&call.name);
    if let Some(inject::Fault::Errno(errno)) = fault {
        return Err(inject::refuse(call.clone(), errno));
    }
    let begun = Instant::now();
    let result = perform();
    let told = result.as_ref().map(Returned::number).map_err(|errno| errno_name(*errno as i32));
    trace::call(call.clone(), told, begun.elapsed());
    if fault == Some(inject::Fault::Pause) {
        inject::pause(call);
    }
    result.map_err(|errno| Error::new(call.clone(), errno as i32))
}
