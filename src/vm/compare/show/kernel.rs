//! One kernel or two: what is asked of the kernel inside, and what a change inside changes outside.

use super::{Seen, Show, Shown, empty, sections};
use crate::sys;
use crate::vm::compare::Side;
use crate::vm::compare::child::Running;
use crate::vm::compare::plan::{LAB, LIMIT};
use crate::vm::compare::side::Launcher;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

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
        ("the clock (date)", now()),
        ("the kernel's log (dmesg)", log()),
        ("vm.swappiness before", host(SETTING)),
        ("writing to it inside", String::new()),
        ("vm.swappiness after", String::new()),
    ];
    let said = [
        "A container's answers are this host's: there is one kernel, which has one version, one start, one list of modules, \
         one log and one clock. Of these a namespace covers at most how long ago that start seems to be, see time_namespaces(7).",
        "So a setting that belongs to no namespace is every container's: the container's /proc/sys is read-only, and its \
         /proc/kmsg and syslog(2) are refused, or it would set and read the host's.",
        "A machine started a kernel of its own when it started. What is set there is set there.",
    ];
    empty(Show::Kernel, "Which kernel answers inside?", &rows, &said)
}

fn now() -> String {
    OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default()
}

/// Its oldest line; a log that runs long overwrites its beginning.
fn log() -> String {
    let log = sys::tool::kernel_log().unwrap_or_default();
    let line = log.lines().next().unwrap_or("not to be read");
    format!("begins: {}", line.split_once('>').map_or(line, |(_, line)| line))
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
    let [version, uptime, modules, date, log, before, after] = &found[..] else {
        return Err(if good { Running::strange("sh", "seven sections", &finished.stdout) } else { failure });
    };
    let refused = |tool: &str| reason(&finished.stderr, tool).map(|reason| format!("refused: {reason}"));
    Ok(vec![
        version.clone(),
        first_word(uptime).to_owned(),
        modules.lines().count().to_string(),
        date.clone(),
        refused("dmesg").unwrap_or_else(|| format!("begins: {log}")),
        before.clone(),
        refused("write").unwrap_or_else(|| format!("{value}, taken")),
        after.clone(),
    ])
}

/// What is said is answered in sections; what is refused is said on standard error, by the tool's name.
fn script(value: &str) -> String {
    let asked = [
        "cat /proc/version",
        "cat /proc/uptime",
        "cat /proc/modules",
        "date",
        "dmesg 1",
        &format!("cat {SETTING}; write {SETTING} {value}"),
        &format!("cat {SETTING}"),
    ];
    asked.map(|line| format!("echo == next; {line}")).join("; ")
}

/// `write: /proc/…: Read-only file system (EROFS)`: what stands last on the tool's first line.
fn reason<'a>(stderr: &'a str, tool: &str) -> Option<&'a str> {
    let line = stderr.lines().find_map(|line| line.strip_prefix(tool)?.strip_prefix(": "))?;
    Some(line.rsplit_once(": ").map_or(line, |(_, reason)| reason))
}

fn first_word(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_asks_for_all_that_is_told() {
        let script = script("60");
        // One row is what the tool `write` said.
        assert_eq!(script.matches("echo == next").count() + 1, question().rows.len());
        assert!(script.contains("write /proc/sys/vm/swappiness 60;"), "{script}");
    }

    #[test]
    fn a_refusal_is_told_by_its_reason() {
        let said = "dmesg: the kernel's log: Operation not permitted (EPERM)\n\
                    write: /proc/sys/vm/swappiness: Read-only file system (EROFS)\nwrite: a hint";
        assert_eq!(reason(said, "write"), Some("Read-only file system (EROFS)"));
        assert_eq!(reason(said, "dmesg"), Some("Operation not permitted (EPERM)"));
        assert_eq!(reason("", "write"), None);
    }

    #[test]
    fn the_host_is_read_again_afterwards() {
        let mut shown = question();
        look_again(&mut shown);
        assert_eq!(shown.rows[5].host, shown.rows[7].host);
    }
}
