//! `dmesg`: the first lines of the kernel's log. There is one log a kernel and no namespace of it: a container that could
//! read it would read the host's, so it is refused there (CAP_SYSLOG, see syslog(2)). A virtual machine has a log of its own.
use std::ffi::OsString;
use std::io::Write;

use super::error::At;
use super::{Error, Result, text};
use crate::sys::tool;

const DEFAULT_LINES: usize = 10;

pub fn run(args: &[OsString], out: &mut dyn Write) -> Result<u8> {
    let count = match args {
        [] => DEFAULT_LINES,
        [count] => parse(text(count)?)?,
        _ => return Err(Error::Usage),
    };
    let log = tool::kernel_log().at("the kernel's log")?;
    for line in log.lines().take(count) {
        writeln!(out, "{}", without_level(line))?;
    }
    Ok(0)
}

/// `<6>[    0.000000] Linux version …` without how urgent the line is.
fn without_level(line: &str) -> &str {
    line.strip_prefix('<').and_then(|rest| rest.split_once('>')).map_or(line, |(_, rest)| rest)
}

fn parse(count: &str) -> Result<usize> {
    count.parse().map_err(|_| Error::NotA { text: count.to_owned(), expected: "a number of lines" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_is_left_out() {
        assert_eq!(without_level("<6>[    0.0] Linux"), "[    0.0] Linux");
        assert_eq!(without_level("[    0.0] a <b> c"), "[    0.0] a <b> c");
        assert_eq!(without_level("<"), "<");
        assert!(parse("-1").is_err() && parse("3").is_ok());
    }
}
