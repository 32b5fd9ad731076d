//! `eat`: takes memory step by step and says each step, until it has enough or the kernel has.
//!
//! Asking is free: the kernel hands out a page when it is first written to. So each page is touched, and the last line
//! on the screen is how far a memory limit let it come.
use std::ffi::OsString;
use std::hint::black_box;
use std::io::{self, Write};

use super::error::At;
use super::plain::seconds;
use super::table::size;
use super::{Error, Result, text};

const STEP_BYTES: u64 = 8 << 20;
/// No architecture has smaller pages, so each one is touched.
const PAGE_BYTES: usize = 4096;

pub fn run(args: &[OsString], out: &mut dyn Write) -> Result<u8> {
    let args: Vec<&str> = args.iter().map(text).collect::<Result<_>>()?;
    let (goal, hold) = match args[..] {
        [goal] => (goal, "0"),
        [goal, "-s", time] | ["-s", time, goal] => (goal, time),
        _ => return Err(Error::Usage),
    };
    let (goal, hold) = (parse_size(goal)?, seconds(hold)?);
    let mut eaten: Vec<Vec<u8>> = Vec::new();
    let mut total_bytes = 0;
    while total_bytes < goal {
        let bytes = STEP_BYTES.min(goal - total_bytes);
        let step = bite(bytes).at(format!("after {}", size(total_bytes)))?;
        eaten.push(black_box(step));
        total_bytes += bytes;
        writeln!(out, "{:>10}", size(total_bytes))?;
        out.flush()?;
    }
    writeln!(out, "ate {}: no limit was in the way", size(total_bytes))?;
    out.flush()?;
    std::thread::sleep(hold);
    drop(black_box(eaten));
    Ok(0)
}

fn bite(bytes: u64) -> io::Result<Vec<u8>> {
    let mut memory: Vec<u8> = Vec::new();
    let bytes = usize::try_from(bytes).map_err(|_| io::ErrorKind::OutOfMemory)?;
    memory.try_reserve_exact(bytes).map_err(|_| io::Error::from_raw_os_error(12))?;
    for page in memory.spare_capacity_mut().chunks_mut(PAGE_BYTES) {
        page[0].write(1);
    }
    Ok(memory)
}

/// `200m`, `64M`, `1g`, `4096`: Docker's spelling, a k is 1024.
pub fn parse_size(text: &str) -> Result<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => Some(0),
        "k" | "kb" | "kib" => Some(10),
        "m" | "mb" | "mib" => Some(20),
        "g" | "gb" | "gib" => Some(30),
        _ => None,
    };
    let bytes = shift.and_then(|shift| digits.parse::<u64>().ok()?.checked_mul(1 << shift));
    bytes.ok_or_else(|| Error::NotA { text: text.to_owned(), expected: "a size such as 200m" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_are_read_as_docker_reads_them() {
        assert_eq!(["200m", "1G", "4096", "7kb"].map(|s| parse_size(s).unwrap()), [200 << 20, 1 << 30, 4096, 7168]);
        assert!(["", "m", "-1m", "1x", "99999999999g"].iter().all(|s| parse_size(s).is_err()));
    }

    #[test]
    fn each_step_is_said() {
        let mut out = Vec::new();
        run(&["12m".into()], &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "     8 MiB\n    12 MiB\nate 12 MiB: no limit was in the way\n");
    }

    proptest! {
        #[test]
        fn any_text_is_a_size_or_a_mistake(text in ".*") {
            let _ = parse_size(&text);
        }
    }
}
