//! Something is tried in a process of its own, which ends with it: what it made is gone, what it broke is its own.
//!
//! So it can be asked of the kernel whether a namespace can be made, or a virtual machine run, without a change to this
//! process and without waiting for ever.

use super::{Errno, SIGKILL, exit_now, fork, pidfd_open, pidfd_send_signal, pipe, poll_readable, read, wait, write};
use serde::{Deserialize, Serialize};
use std::os::fd::AsFd;

/// Longest answer that fits into a pipe without anyone reading: see pipe(7).
const ANSWER_BYTES: usize = 4096;

/// Why an attempt came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// What was refused, in words.
    pub what: String,
    /// The kernel's number for it, if it was the kernel.
    pub errno: Option<i32>,
}

impl Refused {
    /// A refusal that is not the kernel's.
    pub fn new(what: impl Into<String>) -> Refused {
        Refused { what: what.into(), errno: None }
    }

    /// Whether the kernel refused with this number.
    pub fn is(&self, errno: Errno) -> bool {
        self.errno == Some(errno as i32)
    }
}

impl From<super::Error> for Refused {
    fn from(error: super::Error) -> Refused {
        let answer = format!("{} ({})", super::errno_text(error.errno), super::errno_name(error.errno));
        Refused { what: format!("{}: {answer}", error.call.name), errno: Some(error.errno) }
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)
    }
}

/// Runs `body` in a child and gives what it found. The child is killed when the time is over.
///
/// Must be called from a process with one thread: the child gets a copy of the memory, with any lock held by another
/// thread locked for ever.
pub fn attempt(limit_ms: u16, body: impl FnOnce() -> Result<String, Refused>) -> Result<String, Refused> {
    let broken = |errno: Errno| Refused { what: format!("pipe2: {}", errno.desc()), errno: Some(errno as i32) };
    let (answer, said) = pipe().map_err(broken)?;
    let Some(pid) = fork()? else {
        let found = serde_json::to_vec(&body()).unwrap_or_default();
        let _nobody_listens = write(&said, &found[..found.len().min(ANSWER_BYTES)]);
        exit_now(0)
    };
    drop(said);
    let in_time = poll_readable(&[answer.as_fd()], Some(limit_ms)).is_ok_and(|ready| ready[0]);
    let mut bytes = vec![0; ANSWER_BYTES];
    let length = if in_time { read(&answer, &mut bytes).unwrap_or(0) } else { 0 };
    if let Ok(pidfd) = pidfd_open(pid) {
        let _ended_by_itself = pidfd_send_signal(pidfd.as_fd(), pid, SIGKILL);
    }
    let ended = wait(pid, true)?;
    match serde_json::from_slice(&bytes[..length]) {
        Ok(found) => found,
        Err(_) if !in_time => Err(Refused::new(format!("no answer within {limit_ms} ms"))),
        Err(_) => Err(Refused::new(format!("the process that tried it ended: {ended:?}"))),
    }
}
