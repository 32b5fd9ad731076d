//! `free`: memory, and whose. /proc/meminfo belongs to no namespace: a container reads the host's numbers there, and
//! programs that size themselves by them ask for more than their cgroup allows.
use std::ffi::OsString;
use std::fs;
use std::io::Write;

use super::table::{self, Align, size};
use super::{Error, Result};

pub fn run(args: &[OsString], out: &mut dyn Write) -> Result<u8> {
    if !args.is_empty() {
        return Err(Error::Usage);
    }
    let meminfo = fs::read_to_string("/proc/meminfo").map_err(|_| Error::NoProc("memory"))?;
    table::print(out, &[Align::Left, Align::Right, Align::Right, Align::Right], &rows(&meminfo))?;
    writeln!(out, "\nThese are {} numbers: no namespace covers /proc/meminfo.", whose())?;
    match limit() {
        Some((path, Some(bytes))) => writeln!(out, "The limit of this cgroup is {} ({path}).", size(bytes))?,
        Some((path, None)) => writeln!(out, "This cgroup has no limit ({path}).")?,
        None => writeln!(out, "No cgroup here shows a limit.")?,
    }
    Ok(0)
}

/// The kernel's own threads are children of kthreadd. Where it is in view, so is all of the kernel's system, and it may well
/// be no host at all, but the guest of one.
fn whose() -> &'static str {
    let second = fs::read_to_string("/proc/2/comm").unwrap_or_default();
    if second.trim() == "kthreadd" { "this kernel's" } else { "the host's" }
}

fn rows(meminfo: &str) -> Vec<Vec<String>> {
    let bytes = |key: &str| {
        let value = meminfo.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        Some(value.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
    };
    let cell = |key: &str| bytes(key).map_or_else(|| "?".to_owned(), size);
    vec![
        ["", "total", "free", "available"].map(str::to_owned).to_vec(),
        vec!["memory".to_owned(), cell("MemTotal"), cell("MemFree"), cell("MemAvailable")],
        vec!["swap".to_owned(), cell("SwapTotal"), cell("SwapFree")],
    ]
}

/// The limit where a cgroup namespace lets it be seen: at the root of the tree. v1 spells "none" as a huge number.
fn limit() -> Option<(&'static str, Option<u64>)> {
    const FILES: [&str; 2] = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    FILES.into_iter().find_map(|path| Some((path, parse_limit(&fs::read_to_string(path).ok()?))))
}

fn parse_limit(text: &str) -> Option<u64> {
    text.trim().parse().ok().filter(|&bytes| bytes < 1 << 62)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_file_are_kibibytes() {
        let rows = rows("MemTotal:        2097152 kB\nMemFree:    1024 kB\nMemAvailable: 1536 kB\n");
        assert_eq!(rows[1], ["memory", "2 GiB", "1 MiB", "1.5 MiB"]);
        assert_eq!(rows[2], ["swap", "?", "?"]);
    }

    #[test]
    fn no_limit_is_spelt_in_two_ways() {
        assert_eq!(parse_limit("67108864\n"), Some(64 << 20));
        assert_eq!((parse_limit("max\n"), parse_limit("9223372036854771712\n")), (None, None));
    }
}
