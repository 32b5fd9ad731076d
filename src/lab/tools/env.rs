//! `env`: the environment exec handed over, in the order it came.
use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;

use super::{Error, Result};

pub fn run(args: &[OsString], out: &mut dyn Write) -> Result<u8> {
    if !args.is_empty() {
        return Err(Error::Usage);
    }
    for (name, value) in std::env::vars_os() {
        out.write_all(name.as_bytes())?;
        out.write_all(b"=")?;
        out.write_all(value.as_bytes())?;
        out.write_all(b"\n")?;
    }
    Ok(0)
}
