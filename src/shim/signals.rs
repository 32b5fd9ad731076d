//! Signals, read from a descriptor between other things instead of breaking into them.

use crate::sys;
use std::os::fd::{AsFd, BorrowedFd};

/// Every signal for rlab, from the moment this is made.
pub struct Signals {
    descriptor: sys::SignalFd,
    /// A request to end that came while nobody was ready for it.
    requested: Option<i32>,
}

impl Signals {
    /// Blocks the signals of this process and opens the descriptor they come through.
    ///
    /// Errors: those of signalfd(2).
    pub fn new() -> Result<Signals, sys::Errno> {
        Ok(Signals { descriptor: sys::signals_by_descriptor()?, requested: None })
    }

    /// The next signal, if one has come.
    pub fn next(&mut self) -> Option<i32> {
        if let Some(requested) = self.requested.take() {
            return Some(requested);
        }
        let info = self.descriptor.read_signal().ok().flatten()?;
        i32::try_from(info.ssi_signo).ok()
    }

    /// Whether the user has asked rlab to end. The request is kept for whoever reads next.
    pub fn asked_to_end(&mut self) -> Option<i32> {
        while self.requested.is_none() {
            let info = self.descriptor.read_signal().ok().flatten()?;
            let signal = i32::try_from(info.ssi_signo).ok()?;
            if asks_to_end(signal) {
                self.requested = Some(signal);
            }
        }
        self.requested
    }

    /// The descriptor, to wait on.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// Whether a user or the system asks a program to end by this signal.
pub fn asks_to_end(signal: i32) -> bool {
    sys::ASK_TO_END.contains(&signal)
}
