//! `ps`: the processes that this pid namespace shows, read from the proc file system of that namespace.
//!
//! The proc file system decides what is seen: one mounted before the new pid namespace would show the host's processes.
//! Sources: proc_pid_stat(5), pid_namespaces(7).
use std::ffi::OsString;
use std::fs;
use std::io::{IsTerminal, Write};
use std::path::Path;

use super::accounts::Accounts;
use super::table::{self, Align};
use super::{Error, Result};
use crate::sys::window_size;

/// One line of the list.
#[derive(Debug, PartialEq)]
struct Process {
    pid: u32,
    ppid: u32,
    uid: u32,
    stat: String,
    command: String,
}

pub fn run(args: &[OsString], out: &mut dyn Write) -> Result<u8> {
    // What people type by habit is understood: there is only one list.
    if !matches!(args.iter().map(|arg| arg.to_str()).collect::<Vec<_>>()[..], [] | [Some("aux" | "-e" | "-ef" | "-A")])
    {
        return Err(Error::Usage);
    }
    let users = Accounts::users();
    let mut rows = vec![["PID", "PPID", "USER", "STAT", "COMMAND"].map(str::to_owned).to_vec()];
    for process in list(Path::new("/proc"))? {
        let user = users.name_or_number(process.uid);
        rows.push(vec![process.pid.to_string(), process.ppid.to_string(), user, process.stat, process.command]);
    }
    let mut text = Vec::new();
    table::print(&mut text, &[Align::Right, Align::Right, Align::Left, Align::Left, Align::Left], &rows)?;
    out.write_all(cut(&String::from_utf8_lossy(&text)).as_bytes())?;
    Ok(0)
}

/// Long command lines are cut at the edge of a terminal, and whole in a file.
fn cut(text: &str) -> String {
    let stdout = std::io::stdout();
    let columns = if stdout.is_terminal() { window_size(&stdout).map_or(80, |window| window.columns) } else { 0 };
    if columns == 0 {
        return text.to_owned();
    }
    text.lines().map(|line| line.chars().take(columns.into()).chain(['\n']).collect::<String>()).collect()
}

fn list(proc: &Path) -> Result<Vec<Process>> {
    if !proc.join("self").is_symlink() {
        return Err(Error::NoProc("processes"));
    }
    let entries = fs::read_dir(proc).map_err(|_| Error::NoProc("processes"))?;
    // A process that ended between the listing and the reading is no mistake: it is left out.
    let mut all: Vec<Process> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid| read(&proc.join(u32::to_string(&pid))))
        .collect();
    all.sort_by_key(|process| process.pid);
    Ok(all)
}

fn read(dir: &Path) -> Option<Process> {
    let status = fs::read_to_string(dir.join("status")).ok()?;
    let uid = status.lines().find_map(|line| line.strip_prefix("Uid:"))?.split_whitespace().nth(1)?.parse().ok()?;
    parse(&fs::read_to_string(dir.join("stat")).ok()?, uid, &fs::read(dir.join("cmdline")).ok()?)
}

/// The name stands in brackets and may hold anything, brackets and spaces too: only the last one closes it.
fn parse(stat: &str, uid: u32, cmdline: &[u8]) -> Option<Process> {
    let (pid, rest) = stat.split_once(" (")?;
    let (name, rest) = rest.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let [state, ppid, pgrp, session, _tty, tpgid, ..] = fields[..] else { return None };
    let mut stat = state.to_owned();
    if session == pid {
        stat.push('s');
    }
    if pgrp == tpgid {
        stat.push('+');
    }
    let words = String::from_utf8_lossy(cmdline).trim_end_matches('\0').replace('\0', " ");
    // Zombies and threads of the kernel have no command line.
    let command = if words.is_empty() { format!("[{name}]") } else { words };
    let command = command.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    Some(Process { pid: pid.parse().ok()?, ppid: ppid.parse().ok()?, uid, stat, command })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn brackets_in_a_name_do_not_end_it() {
        let found = parse("7 (a) R (b) S 1 7 7 34816 7 4194560 0 0", 0, b"a) R (b\0-x\0").unwrap();
        let wanted = Process { pid: 7, ppid: 1, uid: 0, stat: "Ss+".into(), command: "a) R (b -x".into() };
        assert_eq!(found, wanted);
    }

    #[test]
    fn without_a_command_line_the_name_stands_in_brackets() {
        assert_eq!(parse("2 (kthreadd) S 0 0 0 0 -1 69238880", 0, b"").unwrap().command, "[kthreadd]");
    }

    #[test]
    fn a_fixture_is_listed_by_number() {
        let proc = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("10", proc.path().join("self")).unwrap();
        for (pid, ppid) in [(10, 9), (9, 0)] {
            let dir = proc.path().join(pid.to_string());
            fs::create_dir(&dir).unwrap();
            fs::write(dir.join("stat"), format!("{pid} (x) R {ppid} 1 1 0 -1 0")).unwrap();
            fs::write(dir.join("status"), "Name:\tx\nUid:\t5\t6\t7\t8\n").unwrap();
            fs::write(dir.join("cmdline"), "x\0").unwrap();
        }
        let all = list(proc.path()).unwrap();
        assert_eq!(all.iter().map(|p| (p.pid, p.ppid, p.uid)).collect::<Vec<_>>(), [(9, 0, 6), (10, 9, 6)]);
    }

    #[test]
    fn an_empty_proc_is_said_to_be_absent() {
        let proc = tempfile::tempdir().unwrap();
        assert!(matches!(list(proc.path()), Err(Error::NoProc(_))));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(stat in "[0-9]{0,3} \\(.{0,6}\\) [A-Z0-9 -]{0,20}|.*", cmdline in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse(&stat, 0, &cmdline);
        }
    }
}
