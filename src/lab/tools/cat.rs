//! `cat`: prints files, or what comes in.
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};

use super::error::At;
use super::{Result, complain, flags};

pub fn run(args: &[OsString], out: &mut dyn Write) -> Result<u8> {
    let (_, files) = flags(args, "")?;
    if files.is_empty() {
        copy(&mut std::io::stdin(), "standard input", out)?;
    }
    let mut code = 0;
    for file in files {
        let name = file.to_string_lossy();
        let done = match File::open(file).at(&name) {
            Ok(mut input) => copy(&mut input, &name, out),
            Err(e) => Err(e),
        };
        match done {
            Ok(()) => {}
            Err(e @ super::Error::Output(_)) => return Err(e),
            // The other files are still wanted.
            Err(e) => {
                out.flush()?;
                complain(&e, "cat");
                code = 1;
            }
        }
    }
    Ok(code)
}

/// Tells a broken reader from a broken writer, which std::io::copy does not.
fn copy(from: &mut dyn Read, name: &str, out: &mut dyn Write) -> Result<()> {
    let mut buffer = [0; 64 * 1024];
    loop {
        let read = from.read(&mut buffer).at(name)?;
        if read == 0 {
            return Ok(());
        }
        out.write_all(&buffer[..read])?;
        out.flush()?;
    }
}
