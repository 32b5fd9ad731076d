//! The parent's half of the conversation with init.

use super::error::Error;
use super::sync::{FromInit, ToInit, receive, send};
use crate::sys;
use std::os::fd::{AsFd, OwnedFd};

/// Waits until init is in all its namespaces.
pub fn expect_joined(socket: &OwnedFd, pid: i32) -> Result<(), Error> {
    match receive(socket.as_fd()) {
        Some((FromInit::Joined, _)) => Ok(()),
        Some((FromInit::Failed(failure), _)) => Err(failed(pid, failure.into())),
        _ => Err(died(pid)),
    }
}

/// Lets init go through its stages, up to the exec fifo. Gives the program's file and the terminal's outer end.
pub fn let_it_prepare(socket: &OwnedFd, pid: i32) -> Result<(String, Option<OwnedFd>), Error> {
    send(socket.as_fd(), &ToInit::Mapped, None);
    let mut console = None;
    loop {
        match receive(socket.as_fd()) {
            Some((FromInit::Console, descriptor)) => console = descriptor,
            Some((FromInit::Ready { program }, _)) => return Ok((program, console)),
            Some((FromInit::Failed(failure), _)) => return Err(failed(pid, failure.into())),
            Some((FromInit::Joined, _)) | None => return Err(died(pid)),
        }
    }
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
