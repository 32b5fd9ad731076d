//! The parent's half of the conversation with init.

use super::error::Error;
use super::sync::{FromInit, ToInit, receive, send};
use crate::sys;
use crate::trace;
use std::os::fd::{AsFd, OwnedFd};

/// How long init is listened for before the parent looks around, in milliseconds.
const GLANCE_MS: u16 = 100;

/// The next message of init's; `None` at its end. A mount of a dead server can hold init up for ever, so while nothing
/// comes, who asks rlab to end is heard.
fn hear(socket: &OwnedFd) -> Result<Option<(FromInit, Option<OwnedFd>)>, Error> {
    while !sys::poll_readable(&[socket.as_fd()], Some(GLANCE_MS)).is_ok_and(|ready| ready[0]) {
        trace::pump();
        if let Some(signal) = sys::end_is_asked_for() {
            return Err(Error::Interrupted(sys::signal_name(signal)));
        }
    }
    Ok(receive(socket.as_fd()))
}

/// Waits until init is in all its namespaces.
pub fn expect_joined(socket: &OwnedFd, pid: i32) -> Result<(), Error> {
    match hear(socket)? {
        Some((FromInit::Joined, _)) => Ok(()),
        Some((FromInit::Failed(failure), _)) => Err(failed(pid, failure.into())),
        _ => Err(died(pid)),
    }
}

/// What is known of a process that waits at the exec fifo.
pub struct Waiting {
    /// Its number: that of init, or of init's child with `--init`.
    pub pid: i32,
    /// The program's file.
    pub program: String,
    /// The outer end of its terminal.
    pub console: Option<OwnedFd>,
}

/// Lets init go through its stages, up to the exec fifo.
pub fn let_it_prepare(socket: &OwnedFd, init: i32, pidfd: &OwnedFd) -> Result<Waiting, Error> {
    send(socket.as_fd(), &ToInit::Mapped, None);
    let (mut console, mut pid) = (None, init);
    loop {
        match hear(socket)? {
            Some((FromInit::Console, descriptor)) => console = descriptor,
            Some((FromInit::Forked, _)) => {
                let child = only_child(init);
                pid = child.unwrap_or(init);
                send(socket.as_fd(), &ToInit::Number(child), None);
            }
            Some((FromInit::Ready { program }, _)) => return Ok(Waiting { pid, program, console }),
            Some((FromInit::Failed(failure), _)) => {
                // Its end is waited for here, and collected in the stage in which all is taken away: this is none.
                let _ended = sys::poll_readable(&[pidfd.as_fd()], Some(5000));
                return Err(failure.into());
            }
            Some((FromInit::Joined, _)) | None => return Err(died(init)),
        }
    }
}

/// A process can't know its number outside of its own PID namespace, but from outside it is seen.
fn only_child(pid: i32) -> Option<i32> {
    std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?.split_whitespace().next()?.parse().ok()
}

/// Init said why and is about to end; it is waited for, so that it leaves no zombie.
fn failed(pid: i32, error: Error) -> Error {
    let _ended = sys::wait(pid, true);
    error
}

/// Init ended without a word: the way it ended is all there is to tell.
pub fn died(pid: i32) -> Error {
    let how = match sys::wait(pid, true) {
        Ok(Some((_, sys::Ended::Exited(status)))) => format!("exit status {status}"),
        Ok(Some((_, sys::Ended::Signalled(signal)))) => format!("ended by {}", sys::signal_name(signal)),
        Ok(None) | Err(_) => "already waited for".to_owned(),
    };
    Error::InitDied(how)
}
