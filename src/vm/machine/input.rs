//! The user's input on its way into the guest.

use crate::sys::{self, Errno, RawMode};
use crate::vm::order::Piece;

/// As much may be under way without the guest having taken it.
const MOST_UNTAKEN: usize = 64 * 1024;
const CHUNK: usize = 16 * 1024;

/// What is read from standard input, and how much of it the program has taken.
pub struct Input {
    wanted: bool,
    untaken: usize,
    raw: Option<RawMode>,
}

impl Input {
    /// `interactive`: whether there is any.
    pub fn new(interactive: bool) -> Input {
        Input { wanted: interactive, untaken: 0, raw: None }
    }

    /// From now on the guest's terminal does the line editing.
    pub fn go_raw(&mut self, terminal: bool) {
        if terminal && self.wanted && sys::isatty(std::io::stdin()) {
            self.raw = RawMode::enter().ok();
        }
    }

    /// Whether the user's terminal is the program's.
    pub fn is_raw(&self) -> bool {
        self.raw.is_some()
    }

    /// Gives the user's terminal back as it was.
    pub fn restore(&mut self) {
        self.raw = None;
    }

    /// Whether there is room for more.
    pub fn wants(&self) -> bool {
        self.wanted && self.untaken < MOST_UNTAKEN
    }

    /// The program has taken that much.
    pub fn taken(&mut self, bytes: u32) {
        self.untaken = self.untaken.saturating_sub(bytes as usize);
    }

    /// Reads what is there.
    pub fn turn(&mut self) -> Option<Piece> {
        let mut buffer = [0; CHUNK];
        match sys::read(sys::stdin(), &mut buffer) {
            Err(Errno::EAGAIN | Errno::EINTR) => None,
            Ok(0) | Err(_) => {
                self.wanted = false;
                Some(Piece::EndOfInput)
            }
            Ok(length) => {
                self.untaken += length;
                Some(Piece::Input(buffer[..length].to_vec()))
            }
        }
    }
}
