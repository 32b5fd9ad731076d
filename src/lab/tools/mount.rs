//! `mount`: the mounts of this mount namespace, as /proc/self/mountinfo lists them.
//!
//! Source: proc_pid_mountinfo(5).
use std::ffi::OsString;
use std::fs;
use std::io::Write;

use super::{Error, Result, text};

/// What the tool shows of a line of mountinfo.
#[derive(Debug, PartialEq)]
struct Mount {
    root: String,
    target: String,
    options: String,
    fstype: String,
    source: String,
}

pub fn run(args: &[OsString], out: &mut dyn Write) -> Result<u8> {
    let only = match args {
        [] => None,
        [flag, fstype] if flag == "-t" => Some(text(fstype)?),
        _ => return Err(Error::Usage),
    };
    let table = fs::read_to_string("/proc/self/mountinfo").map_err(|_| Error::NoProc("mounts"))?;
    for mount in table.lines().filter_map(parse).filter(|mount| only.is_none_or(|only| mount.fstype == only)) {
        // A bind mount shows a part of its file system: which part is what tells it from the whole.
        let part = if mount.root == "/" { String::new() } else { format!("[{}]", mount.root) };
        writeln!(out, "{}{part} on {} type {} ({})", mount.source, mount.target, mount.fstype, mount.options)?;
    }
    Ok(0)
}

/// Optional fields end with a lone dash; then come type, source and the options of the file system itself.
fn parse(line: &str) -> Option<Mount> {
    let (mount, fs) = line.split_once(" - ")?;
    let mut mount = mount.split(' ').skip(3);
    let (root, target, own) = (mount.next()?, mount.next()?, mount.next()?);
    let mut fs = fs.split(' ');
    let (fstype, source, shared) = (fs.next()?, fs.next()?, fs.next().unwrap_or(""));
    // ro and rw of the file system are left out: a mount's own say what a process in it meets, unless the whole is ro.
    let mut options: Vec<&str> = own.split(',').collect();
    let extra = shared.split(',').filter(|option| !option.is_empty() && !options.contains(option));
    let extra: Vec<&str> = extra.filter(|option| *option != "rw").collect();
    if extra.contains(&"ro") {
        options.retain(|option| *option != "rw");
    }
    options.extend(extra);
    Some(Mount {
        root: unescape(root),
        target: unescape(target),
        options: options.join(","),
        fstype: fstype.to_owned(),
        source: unescape(source),
    })
}

/// Spaces, tabs, newlines and backslashes stand there as `\040` and the like.
fn unescape(field: &str) -> String {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let octal = (byte == b'\\').then(|| tail.get(..3)).flatten();
        match octal.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()) {
            Some(decoded) => {
                bytes.push(decoded);
                rest = &tail[3..];
            }
            None => {
                bytes.push(byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_with_optional_fields_and_escapes() {
        let line = "36 35 98:0 /mnt1 /mnt\\0402 rw,noatime shared:1 master:1 - ext3 /dev/root rw,errors=continue";
        let mount = parse(line).unwrap();
        assert_eq!((mount.root.as_str(), mount.target.as_str()), ("/mnt1", "/mnt 2"));
        assert_eq!((mount.options.as_str(), mount.fstype.as_str()), ("rw,noatime,errors=continue", "ext3"));
    }

    #[test]
    fn a_read_only_file_system_is_never_shown_as_writable() {
        let options = |line| parse(line).unwrap().options;
        assert_eq!(options("1 1 0:1 / /x rw,nosuid - ext4 d ro"), "nosuid,ro");
        assert_eq!(options("1 1 0:1 / /x ro,nosuid - ext4 d rw"), "ro,nosuid");
    }

    proptest! {
        #[test]
        fn any_line_is_read_without_harm(line in ".*", part in "[\\\\0-9a-z ]{0,12}") {
            let _ = parse(&line);
            let _ = parse(&format!("1 1 0:1 {part} {part} - t {part}"));
            let _ = unescape(&part);
        }
    }
}
