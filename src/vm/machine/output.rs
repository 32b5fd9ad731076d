//! What the program says, on its way to the user.

use crate::sys::{self, Errno};
use std::os::fd::BorrowedFd;

/// PIPE_BUF: an output that is ready for writing takes this much without making us wait, see pipe(7).
const SURE_BYTES: usize = 4096;

/// One of our outputs, and what it has not taken yet.
pub struct Output {
    to_stderr: bool,
    waiting: Vec<u8>,
}

impl Output {
    /// Our standard output and our standard error.
    pub fn both() -> [Output; 2] {
        [false, true].map(|to_stderr| Output { to_stderr, waiting: Vec::new() })
    }

    /// Takes what the program said.
    pub fn push(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
    }

    /// Whether something waits.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Where it goes.
    pub fn target(&self) -> BorrowedFd<'static> {
        if self.to_stderr { sys::stderr() } else { sys::stdout() }
    }

    /// Writes as much as is surely taken. False when nobody reads any more (`rlab vm run … | head`).
    pub fn hand_on(&mut self) -> bool {
        let sure = self.waiting.len().min(SURE_BYTES);
        match sys::write(self.target(), &self.waiting[..sure]) {
            Ok(written) => drop(self.waiting.drain(..written)),
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            Err(_) => {
                self.waiting.clear();
                return false;
            }
        }
        true
    }
}
