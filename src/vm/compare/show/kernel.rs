//! One kernel or two: what is asked of the kernel inside, and what a change inside changes outside.

use super::{Seen, Show, Shown, empty, sections};
use crate::vm::compare::Side;
use crate::vm::compare::child::Running;
use crate::vm::compare::plan::{LAB, LIMIT};
use crate::vm::compare::side::Launcher;

/// A setting of the whole kernel, in no namespace.
const SETTING: &str = "/proc/sys/vm/swappiness";
/// What it is set to in a machine; the kernel's own default is 60.
const OTHER: &str = "61";

pub fn question() -> Shown {
    let host = |path: &str| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let uptime = host("/proc/uptime");
    let rows = [
        ("/proc/version", host("/proc/version")),
        ("seconds since the kernel's start", first_word(&uptime).to_owned()),
        ("modules loaded", host("/proc/modules").lines().count().to_string()),
        ("the clock (date)", "the tool is in the lab image".to_owned()),
        ("the kernel's log (dmesg)", "begins when the host was started".to_owned()),
        ("vm.swappiness before", host(SETTING)),
        ("writing to it inside", String::new()),
        ("vm.swappiness after", String::new()),
    ];
    let said = [
        "A container's answers are this host's: there is one kernel, which has one version, one start, one list of modules, \
         one log and one clock. Namespaces cover what they cover, and none covers these.",
        "So a setting that belongs to no namespace is every container's: the container's /proc/sys is read-only, and its \
         /proc/kmsg and syslog(2) are refused, or it would set and read the host's.",
        "A machine started a kernel of its own when it started. What is set there is set there.",
    ];
    empty(Show::Kernel, "Which kernel answers inside?", &rows, &said)
}

/// The host's setting, read again after both have tried.
pub fn look_again(shown: &mut Shown) {
    if let Some(row) = shown.rows.last_mut() {
        row.host = std::fs::read_to_string(SETTING).unwrap_or_default().trim().to_owned();
    }
}

pub fn look(launcher: &Launcher, side: Side) -> Seen {
    // The container is to be refused; were it not, what is written changes nothing: it is what is there already.
    let value = match side {
        Side::Container => std::fs::read_to_string(SETTING).unwrap_or_default().trim().to_owned(),
        Side::Machine => OTHER.to_owned(),
    };
    let value = if value.is_empty() { OTHER.to_owned() } else { value };
    let (finished, good, failure) =
        launcher.start(side, &[], LAB, &["sh", "-c", &script(&value)])?.finish_anyhow(LIMIT)?;
    let found = sections(&finished.stdout);
    let [version, uptime, modules, date, log, before, written, after] = &found[..] else {
        return Err(if good { Running::strange("sh", "eight sections", &finished.stdout) } else { failure });
    };
    let log = log.lines().find(|line| !line.contains("Command line")).unwrap_or("empty").to_owned();
    Ok(vec![
        version.clone(),
        first_word(uptime).to_owned(),
        modules.lines().count().to_string(),
        date.clone(),
        if log.contains("EPERM") { "refused (EPERM)".to_owned() } else { log },
        before.clone(),
        written_or_refused(written, &value),
        after.clone(),
    ])
}

/// Errors go where the answers go: they are answers.
fn script(value: &str) -> String {
    let asked = [
        "cat /proc/version",
        "cat /proc/uptime",
        "cat /proc/modules",
        "date",
        "dmesg 1",
        &format!("cat {SETTING}"),
        &format!("write {SETTING} {value}"),
        &format!("cat {SETTING}"),
    ];
    asked.map(|line| format!("echo == ; {line} 2>&1")).join("; ").replace("== ;", "== next;")
}

fn written_or_refused(said: &str, value: &str) -> String {
    if said.is_empty() { format!("{value}, taken") } else { format!("refused: {}", reason(said)) }
}

/// `write: /proc/…: Read-only file system (EROFS)`: what stands last.
fn reason(said: &str) -> &str {
    let line = said.lines().next().unwrap_or_default();
    line.rsplit_once(": ").map_or(line, |(_, reason)| reason)
}

fn first_word(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_asks_for_each_row_once() {
        let script = script("60");
        assert_eq!(script.matches("echo == next").count(), question().rows.len());
        assert!(script.contains("write /proc/sys/vm/swappiness 60 2>&1"), "{script}");
    }

    #[test]
    fn a_refusal_is_told_by_its_reason() {
        let said = "write: /proc/sys/vm/swappiness: Read-only file system (EROFS)\nwrite: a hint";
        assert_eq!(written_or_refused(said, "60"), "refused: Read-only file system (EROFS)");
        assert_eq!(written_or_refused("", "61"), "61, taken");
    }

    #[test]
    fn the_host_is_read_again_afterwards() {
        let mut shown = question();
        look_again(&mut shown);
        assert_eq!(shown.rows[5].host, shown.rows[7].host);
    }
}
