//! `size`: rows and columns of the terminal; with `-w` again each time the window changes, until Ctrl-C.
//!
//! The kernel keeps the size with the pty and sends SIGWINCH when it is set: this shows that a window's change outside
//! arrives inside.
use std::ffi::OsString;
use std::io::{Write, stdin};

use super::error::At;
use super::{Error, Result, flags};
use crate::sys::{tool, window_size};

/// See signal(7): these numbers are the same on every architecture that has the tools.
const SIGINT: i32 = 2;
const SIGWINCH: i32 = 28;

pub fn run(args: &[OsString], out: &mut dyn Write) -> Result<u8> {
    let (asked, rest) = flags(args, "w")?;
    if !rest.is_empty() {
        return Err(Error::Usage);
    }
    let watch = asked.contains('w');
    if watch {
        tool::catch(&[SIGINT, SIGWINCH]).at("sigaction")?;
    }
    loop {
        let window = window_size(stdin()).ok_or(Error::NoTerminal)?;
        writeln!(out, "{} rows {} columns", window.rows, window.columns)?;
        out.flush()?;
        while watch && !tool::take_arrival(SIGWINCH) {
            tool::wait_for_signal().at("poll")?;
            if tool::take_arrival(SIGINT) {
                // The terminal has shown ^C without a line's end.
                writeln!(out)?;
                return Ok(0);
            }
        }
        if !watch {
            return Ok(0);
        }
    }
}
