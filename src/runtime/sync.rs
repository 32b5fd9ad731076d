//! The conversation between the parent and init, over a socket that keeps message borders.
//!
//! | parent                      | init                                        |
//! |-----------------------------|---------------------------------------------|
//! | clone3, joins it to cgroups |                                             |
//! | `Go`                        | joins namespaces by path, unshares the rest |
//! |                             | `Joined`                                    |
//! | writes the id maps          |                                             |
//! | `Mapped`                    | all stages inside; `Console` with a terminal |
//! |                             | `Ready`, then waits at the exec fifo        |
//! | opens the fifo              | execve                                      |
//! | end of file                 | (the socket was close-on-exec)              |
//!
//! In place of any message init may send `Failed`. End of file before `Ready` means that init died. After it, execve
//! closed the socket, so the program runs; or init was killed just there, and the wait for it will tell.

use super::error::Failure;
use crate::sys;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::os::fd::{BorrowedFd, OwnedFd};

/// What the parent says.
#[derive(Serialize, Deserialize, Debug)]
pub enum ToInit {
    /// The process is in its control groups.
    Go,
    /// The id maps are written.
    Mapped,
    /// The answer to `Forked`: the sender's number as the host sees it.
    Number(Option<i32>),
}

/// What init says.
#[derive(Serialize, Deserialize, Debug)]
pub enum FromInit {
    /// It is in all its namespaces.
    Joined,
    /// The terminal's other end comes with this message.
    Console,
    /// The sender is a child of the process that was cloned, which stays to be process 1.
    Forked,
    /// It stands at the exec fifo. `program` is the file that execve will get.
    Ready {
        /// The file, as the container sees it.
        program: String,
    },
    /// It gave up.
    Failed(Failure),
}

/// Sends a message. The other side's death is seen when the answer does not come.
pub fn send(socket: BorrowedFd<'_>, message: &impl Serialize, descriptor: Option<BorrowedFd<'_>>) {
    if let Ok(bytes) = serde_json::to_vec(message) {
        let _gone = sys::send_message(socket, &bytes, descriptor);
    }
}

/// Receives a message; `None` at the end of file.
pub fn receive<M: DeserializeOwned>(socket: BorrowedFd<'_>) -> Option<(M, Option<OwnedFd>)> {
    let (bytes, descriptor) = sys::receive_message(socket).ok()?;
    Some((serde_json::from_slice(&bytes).ok()?, descriptor))
}
