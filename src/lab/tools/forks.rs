//! `forks`: forks sleeping children until it has N or the kernel says no, says at which, and ends them again.
//!
//! A pids limit counts tasks in the cgroup; the fork that would pass it fails with EAGAIN, and nothing else on the host
//! is touched. See cgroups(7) and fork(2).
use std::ffi::OsString;
use std::io::Write;

use super::{Error, Result, text};
use crate::sys::tool;

const DEFAULT: u32 = 200;
const MOST: u32 = 100_000;

pub fn run(args: &[OsString], out: &mut dyn Write) -> Result<u8> {
    let wanted = match args {
        [] => DEFAULT,
        [count] => parse(text(count)?)?,
        _ => return Err(Error::Usage),
    };
    // A buffered line would be copied into each child.
    out.flush()?;
    let mut children = Vec::new();
    let mut refused = None;
    while children.len() < wanted as usize {
        match tool::fork_sleeper() {
            Ok(pid) => children.push(pid),
            Err(e) => {
                refused = Some(e);
                break;
            }
        }
    }
    let told = tell(out, &children, wanted, refused);
    for &pid in &children {
        // They sleep and are ours: nothing else ends them or waits for them.
        let _ = tool::kill(pid, 9);
        let _ = tool::wait_for(pid);
    }
    told
}

fn tell(out: &mut dyn Write, children: &[i32], wanted: u32, refused: Option<std::io::Error>) -> Result<u8> {
    if let (Some(first), Some(last)) = (children.first(), children.last()) {
        writeln!(out, "forked {} children, pids {first} to {last}", children.len())?;
    }
    let Some(error) = refused else {
        writeln!(out, "all {wanted} sleep at once; now they are ended")?;
        return Ok(0);
    };
    let errno = error.raw_os_error().map_or_else(|| error.to_string(), tool::describe_errno);
    writeln!(out, "fork number {} failed: {errno}", children.len() + 1)?;
    Ok(1)
}

fn parse(count: &str) -> Result<u32> {
    let parsed = count.parse().ok().filter(|count| (1..=MOST).contains(count));
    parsed.ok_or_else(|| Error::NotA { text: count.to_owned(), expected: "a number from 1 to 100000" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fork_that_failed_is_counted_from_one() {
        let mut out = Vec::new();
        let code = tell(&mut out, &[5, 6], 9, Some(std::io::Error::from_raw_os_error(11))).unwrap();
        let wanted = "forked 2 children, pids 5 to 6\n\
                      fork number 3 failed: Resource temporarily unavailable (EAGAIN)\n";
        assert_eq!((code, String::from_utf8(out).unwrap().as_str()), (1, wanted));
    }

    #[test]
    fn the_count_is_bounded() {
        assert!(parse("0").is_err() && parse("100001").is_err() && parse("x").is_err());
        assert_eq!(parse("50").unwrap(), 50);
    }
}
