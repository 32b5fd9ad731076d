//! The serial console: all that firmware and kernel say, and the only witness when the guest never comes to speak.

use crate::sys::{self, Errno};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

const CHUNK: usize = 16 * 1024;
/// A guest that writes without end fills no memory of the host's.
const MOST_BYTES: usize = 1 << 20;
/// The first thing that every Linux says.
const FIRST_WORDS: &str = "Linux version ";

/// How a kernel's last words begin.
const LAST_WORDS: &str = "Kernel panic - not syncing";

/// The console's text so far.
pub struct Console {
    from: OwnedFd,
    text: Vec<u8>,
    begun: Instant,
    /// When the kernel said its first words.
    pub kernel_after: Option<Duration>,
    /// When the kernel gave up.
    pub panicked_at: Option<Instant>,
    open: bool,
}

impl Console {
    /// The host's end of it.
    pub fn new(from: OwnedFd) -> Console {
        Console { from, text: Vec::new(), begun: Instant::now(), kernel_after: None, panicked_at: None, open: true }
    }

    /// To wait on, as long as QEMU has the other end.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.open.then(|| self.from.as_fd())
    }

    /// Reads what has come.
    pub fn turn(&mut self) {
        let mut buffer = [0; CHUNK];
        match sys::read(&self.from, &mut buffer) {
            Ok(0) => self.open = false,
            Ok(length) if self.text.len() < MOST_BYTES => self.text.extend_from_slice(&buffer[..length]),
            Ok(_) | Err(Errno::EAGAIN | Errno::EINTR) => {}
            Err(_) => self.open = false,
        }
        // Whatever is looked for may have begun in what was read before.
        let new = self.text.len().saturating_sub(2 * CHUNK);
        let has = |words: &str| self.text[new..].windows(words.len()).any(|part| part == words.as_bytes());
        if self.kernel_after.is_none() && has(FIRST_WORDS) {
            self.kernel_after = Some(self.begun.elapsed());
        }
        if self.panicked_at.is_none() && has(LAST_WORDS) {
            self.panicked_at = Some(Instant::now());
        }
    }

    /// Reads what is left when QEMU has ended.
    pub fn drain(&mut self) {
        while self.open && sys::poll_readable(&[self.from.as_fd()], Some(0)).is_ok_and(|ready| ready[0]) {
            self.turn();
        }
    }

    /// All that was said.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.text).into_owned()
    }
}
