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
pub mod kvm;
mod listen;
mod lockfile;
pub mod mount;
pub mod netlink;
pub mod netns;
pub mod nft;
mod own_binary;
mod process;
pub mod rootdir;
mod seq;
mod terminal;
pub mod tool;
pub mod tree;
mod userns;

pub use bpf::*;
pub use capability::{CAPABILITIES, capability_mask, capability_number};
pub use errno::{Errno, errno_name, errno_text};
pub use files::*;
pub use identity::*;
pub use listen::{bind_udp, listen_tcp};
pub use lockfile::LockFile;
pub use own_binary::run_from_read_only;
pub use process::*;
pub use seq::shared_counter;
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
}

/// What a function of this module gives back.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The refusal of a call.
    pub fn new(call: Call, errno: i32) -> Error {
        Error { call: Box::new(call), errno }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (name, text) = (errno_name(self.errno), errno_text(self.errno));
        let man = trace::man_page(&self.call.name);
        write!(f, "{} = {name} ({text}); see {man}", trace::call_line(&self.call))
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
