//! `kill`: sends a signal by name or number.
use std::ffi::OsString;
use std::io::Write;

use super::error::At;
use super::{Error, Result, complain, text};
use crate::sys::{signal_number, tool};

pub fn run(args: &[OsString], _: &mut dyn Write) -> Result<u8> {
    let words: Vec<&str> = args.iter().map(text).collect::<Result<_>>()?;
    let (signal, pids) = match words[..] {
        ["-s", name, ref pids @ ..] => (name, pids),
        [first, ref pids @ ..] if first.len() > 1 && first.starts_with('-') => (&first[1..], pids),
        ref pids => ("TERM", pids),
    };
    if pids.is_empty() {
        return Err(Error::Usage);
    }
    let not_one = || Error::NotA { text: signal.to_owned(), expected: "a signal" };
    // 0 is no signal: it asks whether one could be sent.
    let number = if signal == "0" { 0 } else { signal_number(signal).ok_or_else(not_one)? };
    let mut code = 0;
    for pid in pids {
        let target = pid.parse().map_err(|_| Error::NotA { text: (*pid).to_owned(), expected: "a process number" })?;
        if let Err(e) = tool::kill(target, number).at(pid) {
            complain(&e, "kill");
            code = 1;
        }
    }
    Ok(code)
}
