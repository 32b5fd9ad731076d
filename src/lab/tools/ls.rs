//! `ls`: names, and with `-l` what each one is: type, rights, owner, size or device numbers, time, where a link points.
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::accounts::Accounts;
use super::error::At;
use super::table::{self, Align};
use super::{Result, complain, flags};
use crate::sys::tool::device_numbers;

pub fn run(args: &[OsString], out: &mut dyn Write) -> Result<u8> {
    let (asked, paths) = flags(args, "lad1")?;
    let (long, all, itself) = (asked.contains('l'), asked.contains('a'), asked.contains('d'));
    let paths: Vec<PathBuf> = if paths.is_empty() { vec![".".into()] } else { paths.iter().map(Into::into).collect() };
    let (mut code, mut plain, mut dirs) = (0, Vec::new(), Vec::new());
    for path in paths {
        // With -l a link to a directory is shown as the link it is, as coreutils does.
        let meta = if long || itself { path.symlink_metadata() } else { path.metadata() };
        match meta.at(path.display()) {
            Ok(meta) if meta.is_dir() && !itself => dirs.push(path),
            Ok(_) => plain.push((path.display().to_string(), path)),
            Err(e) => {
                complain(&e, "ls");
                code = 1;
            }
        }
    }
    print(out, &plain, long)?;
    let titled = dirs.len() > 1 || !plain.is_empty();
    for (i, dir) in dirs.iter().enumerate() {
        if titled {
            let gap = if i > 0 || !plain.is_empty() { "\n" } else { "" };
            writeln!(out, "{gap}{}:", dir.display())?;
        }
        print(out, &entries(dir, all)?, long)?;
    }
    Ok(code)
}

/// Names in the order of their bytes, so that two runs say the same.
fn entries(dir: &Path, all: bool) -> Result<Vec<(String, PathBuf)>> {
    let mut names: Vec<OsString> = if all { vec![".".into(), "..".into()] } else { Vec::new() };
    for entry in fs::read_dir(dir).at(dir.display())? {
        let name = entry.at(dir.display())?.file_name();
        if all || !name.as_encoded_bytes().starts_with(b".") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names.into_iter().map(|name| (name.to_string_lossy().into_owned(), dir.join(&name))).collect())
}

fn print(out: &mut dyn Write, entries: &[(String, PathBuf)], long: bool) -> Result<()> {
    if !long {
        for (name, _) in entries {
            writeln!(out, "{}", shown(name))?;
        }
        return Ok(());
    }
    let (users, groups) = (Accounts::users(), Accounts::groups());
    let mut rows = Vec::new();
    for (name, path) in entries {
        // Gone since it was listed, or hidden (as /proc/PID of others may be): said with question marks, not dropped.
        let row = match path.symlink_metadata() {
            Ok(meta) => row(&meta, name, path, &users, &groups),
            Err(_) => ["?????????", "?", "?", "?", "?", "?", name].map(str::to_owned).to_vec(),
        };
        rows.push(row);
    }
    use Align::{Left, Right};
    Ok(table::print(out, &[Left, Right, Left, Left, Right, Left, Left], &rows)?)
}

fn row(meta: &Metadata, name: &str, path: &Path, users: &Accounts, groups: &Accounts) -> Vec<String> {
    let size = if meta.file_type().is_block_device() || meta.file_type().is_char_device() {
        let (major, minor) = device_numbers(meta.rdev());
        format!("{major}, {minor}")
    } else {
        meta.len().to_string()
    };
    let mut named = shown(name);
    if let Ok(target) = fs::read_link(path) {
        named += " -> ";
        named += &shown(&target.to_string_lossy());
    }
    let (owner, group) = (users.name_or_number(meta.uid()), groups.name_or_number(meta.gid()));
    vec![mode(meta.mode()), meta.nlink().to_string(), owner, group, size, when(meta.mtime()), named]
}

/// A name with control characters could paint over the list: they are shown as `?`.
fn shown(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// `-rwsr-xr-x`: see inode(7).
fn mode(mode: u32) -> String {
    let kind = match mode & 0o170000 {
        0o040000 => 'd',
        0o120000 => 'l',
        0o020000 => 'c',
        0o060000 => 'b',
        0o010000 => 'p',
        0o140000 => 's',
        _ => '-',
    };
    let mut said = String::from(kind);
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = mode >> shift;
        said.push(if bits & 4 != 0 { 'r' } else { '-' });
        said.push(if bits & 2 != 0 { 'w' } else { '-' });
        said.push(match (mode & special != 0, bits & 1 != 0) {
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    said
}

/// UTC, to the minute: the image has no time zones.
fn when(seconds: i64) -> String {
    time::OffsetDateTime::from_unix_timestamp(seconds)
        .map_or_else(|_| "?".to_owned(), |t| format!("{} {:02}:{:02}", t.date(), t.hour(), t.minute()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_bits_stand_where_x_would() {
        let said = [0o100644, 0o104755, 0o104644, 0o041777, 0o020620, 0o120777, 0o102711].map(mode);
        let wanted = ["-rw-r--r--", "-rwsr-xr-x", "-rwSr--r--", "drwxrwxrwt", "crw--w----", "lrwxrwxrwx", "-rwx--s--x"];
        assert_eq!(said, wanted);
    }

    #[test]
    fn a_directory_is_listed_in_order_with_links_and_without_dots() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b", "a", ".hidden"] {
            fs::write(dir.path().join(name), "12345").unwrap();
        }
        std::os::unix::fs::symlink("a", dir.path().join("link")).unwrap();
        let mut out = Vec::new();
        run(&[dir.path().into()], &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "a\nb\nlink\n");
        let mut out = Vec::new();
        run(&["-l".into(), dir.path().into()], &mut out).unwrap();
        assert!(String::from_utf8(out).unwrap().ends_with(" link -> a\n"));
    }

    #[test]
    fn devices_show_their_numbers() {
        let mut out = Vec::new();
        run(&["-l".into(), "/dev/null".into()], &mut out).unwrap();
        assert!(String::from_utf8(out).unwrap().contains("  1, 3  "));
    }

    #[test]
    fn the_epoch_is_a_date() {
        assert_eq!(when(0), "1970-01-01 00:00");
    }
}
