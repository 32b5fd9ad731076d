//! Whether a process inside is one of the host's: one with a name of its own runs inside each, and is looked for in the
//! host's list.

use super::{Seen, Show, Shown, empty};
use crate::vm::compare::Side;
use crate::vm::compare::plan::{LAB, LIMIT};
use crate::vm::compare::processes::{Snapshot, all, command_line};
use crate::vm::compare::side::Launcher;
use std::time::Duration;

/// Until the shell has become what it starts.
const REST: Duration = Duration::from_millis(700);

pub fn question() -> Shown {
    let rows = [
        ("the process, as the host's /proc lists it", "looked through".to_owned()),
        ("its number inside", String::new()),
        ("its user outside", String::new()),
        ("processes of this side the host sees", String::new()),
        ("who can end it from outside", String::new()),
    ];
    let said = [
        "A process in a container is a process of the host, in the host's list under another number, and kill(2) from the \
         host reaches it. An attacker who gets past the namespaces is on the host already.",
        "A process in a machine is known to the machine's kernel alone. The host lists QEMU, whose threads are the machine's \
         processors: it can stop all of the machine, and see into nothing but its memory. To get out one must first get past \
         that kernel, and then out of QEMU, which keeps them apart under KVM and promises nothing where it emulates.",
    ];
    empty(Show::Escape, "Is a process inside one of the host's?", &rows, &said)
}

pub fn look(launcher: &Launcher, side: Side) -> Seen {
    // Its argument is its mark: no other process on this host sleeps for exactly so long.
    let mark = format!("{}", 100_000 + std::process::id());
    let script = format!("echo up; sleep {mark}");
    let mut running = launcher.start(side, &[], LAB, &["sh", "-c", &script])?;
    running.says("up", LIMIT)?;
    running.watch(REST)?;
    let found = all().into_iter().find(|pid| is_sleep(&command_line(*pid), &mark));
    let status = found.and_then(|pid| std::fs::read_to_string(format!("/proc/{pid}/status")).ok()).unwrap_or_default();
    let snapshot = Snapshot::below(running.pid());
    running.stop()?;
    let (listed, ender) = match found {
        Some(pid) => (format!("found: `sleep {mark}` is {pid}"), "whoever may signal that number".to_owned()),
        None => (format!("not found: no `sleep {mark}`"), "nobody; QEMU with all in it can be".to_owned()),
    };
    let numbers = inside_number(&status);
    Ok(vec![
        listed,
        numbers.unwrap_or_else(|| "known to the machine's kernel alone".to_owned()),
        user(&status).unwrap_or_else(|| "none: the host has no such process".to_owned()),
        snapshot.names(),
        ender,
    ])
}

fn is_sleep(command_line: &[String], mark: &str) -> bool {
    let named = |name: &String| name == "sleep" || name.ends_with("/sleep");
    command_line.first().is_some_and(named) && command_line.get(1).is_some_and(|argument| argument == mark)
}

/// The last number of `NSpid:`, which is that in the innermost PID namespace, see proc(5).
fn inside_number(status: &str) -> Option<String> {
    let line = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    let numbers: Vec<&str> = line.split_whitespace().collect();
    numbers.last().map(|inside| (*inside).to_owned())
}

fn user(status: &str) -> Option<String> {
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().next().map(|uid| if uid == "0" { "0, root".to_owned() } else { uid.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(words: &[&str]) -> Vec<String> {
        words.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_marked_process_is_not_who_was_told_to_start_it() {
        assert!(is_sleep(&line(&["sleep", "7", ""]), "7") && is_sleep(&line(&["/bin/sleep", "7"]), "7"));
        assert!(!is_sleep(&line(&["rlab", "vm", "run", "lab", "sh", "-c", "sleep 7"]), "7"));
        assert!(!is_sleep(&line(&["sleep", "70"]), "7") && !is_sleep(&[], "7"));
    }

    #[test]
    fn numbers_outside_and_inside_are_read_from_its_status() {
        let status = "Name:\tsleep\nUid:\t0\t0\t0\t0\nNSpid:\t4711\t2\n";
        assert_eq!((inside_number(status).as_deref(), user(status).as_deref()), (Some("2"), Some("0, root")));
        assert_eq!(inside_number(""), None);
        assert_eq!(user("Uid:\t1000\t0\t0\t0\n").as_deref(), Some("1000"));
    }
}
