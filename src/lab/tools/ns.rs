//! `ns`: the namespaces a process is in. Two processes share one when the numbers are the same.
//!
//! Source: namespaces(7).
use std::ffi::OsString;
use std::fs;
use std::io::Write;

use super::error::At;
use super::table::{self, Align};
use super::{Error, Result, text};

/// What each kind makes private.
const KINDS: [(&str, &str); 8] = [
    ("cgroup", "where the cgroup tree seems to begin"),
    ("ipc", "System V IPC, POSIX message queues"),
    ("mnt", "mounts"),
    ("net", "interfaces, addresses, routes, ports, firewall"),
    ("pid", "process numbers"),
    ("time", "boot and monotonic clocks"),
    ("user", "user and group numbers, capabilities"),
    ("uts", "host name"),
];

pub fn run(args: &[OsString], out: &mut dyn Write) -> Result<u8> {
    let pid = match args {
        [] => "self",
        [pid] => text(pid)?,
        _ => return Err(Error::Usage),
    };
    if !fs::exists("/proc/self/ns").unwrap_or(false) {
        return Err(Error::NoProc("namespaces"));
    }
    let dir = format!("/proc/{pid}/ns");
    let mut rows = Vec::new();
    // A kind this kernel was built without has no link.
    for (kind, what) in KINDS.iter().filter(|(kind, _)| fs::symlink_metadata(format!("{dir}/{kind}")).is_ok()) {
        let path = format!("{dir}/{kind}");
        let link = fs::read_link(&path).at(&path)?;
        rows.push(vec![(*kind).to_owned(), inode(&link.to_string_lossy()), (*what).to_owned()]);
    }
    if rows.is_empty() {
        fs::metadata(&dir).at(&dir)?;
    }
    table::print(out, &[Align::Left, Align::Right, Align::Left], &rows)?;
    Ok(0)
}

/// `4026531838` of `uts:[4026531838]`.
fn inode(link: &str) -> String {
    link.split_once(":[").and_then(|(_, rest)| rest.strip_suffix(']')).unwrap_or(link).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_taken_out_of_the_link() {
        assert_eq!(inode("uts:[4026531838]"), "4026531838");
        assert_eq!(inode("strange"), "strange");
    }

    #[test]
    fn every_kind_of_this_kernel_is_listed() {
        let mut out = Vec::new();
        run(&[], &mut out).unwrap();
        let said = String::from_utf8(out).unwrap();
        assert_eq!(
            said.lines().count(),
            fs::read_dir("/proc/self/ns").unwrap().count() - 2,
            "without the *_for_children"
        );
    }
}
