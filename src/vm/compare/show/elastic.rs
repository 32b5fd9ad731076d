//! Memory that grows and shrinks, and memory that only grows.
//!
//! A container's memory is pages of this kernel: freed inside, they are free outside at once. A machine's memory is QEMU's:
//! a page that the guest has touched stays QEMU's when the guest's program frees it, since the guest's kernel keeps it for the
//! next one, and tells nobody. A balloon is how it can tell: a driver inside takes free pages away from its own kernel and
//! hands their numbers out, and QEMU gives them back with madvise(2).

use super::{Seen, Show, Shown, empty};
use crate::vm::compare::child::Running;
use crate::vm::compare::plan::{LAB, LIMIT};
use crate::vm::compare::processes::{Role, Snapshot};
use crate::vm::compare::side::Launcher;
use crate::vm::compare::{Error, Side};
use std::time::Duration;

/// Nothing for a while, a meal, nothing again; the shell lives on when `eat` has ended.
const SCRIPT: &str = "echo ready; sleep 3; eat 200m -s 4; echo done; sleep 60";
/// Until memory is at rest.
const REST: Duration = Duration::from_millis(1500);

pub fn question() -> Shown {
    let rows = [
        ("PSS before, without rlab's own", String::new()),
        ("while a program inside holds 200 MiB", String::new()),
        ("after it has freed them and ended", String::new()),
        ("given back to the host", String::new()),
        ("a balloon device", String::new()),
    ];
    let said = [
        "A container has no memory of its own, only a limit: what a program in it frees, the host has again.",
        "A machine's memory is taken from the host page by page as the guest touches it, and stays taken: its kernel keeps \
         what its programs free, and the host is not told.",
        "With a balloon the host can ask for pages back. The guest's driver takes them from its own kernel, so what is asked \
         back must be free inside, and nobody gives it back unasked.",
    ];
    empty(Show::Elastic, "Is memory that a program inside frees the host's again?", &rows, &said)
}

pub fn look(launcher: &Launcher, side: Side) -> Seen {
    let mut running = launcher.start(side, &[], LAB, &["sh", "-c", SCRIPT])?;
    running.says("ready", LIMIT)?;
    let before = resting(&mut running)?;
    running.says("no limit was in the way", LIMIT)?;
    let during = resting(&mut running)?;
    running.says("done", LIMIT)?;
    let after = resting(&mut running)?;
    let balloon = Snapshot::below(running.pid()).qemu_command_line().map(|line| line.join(" "));
    running.stop()?;
    let balloon = match balloon {
        None => "none is needed".to_owned(),
        Some(line) if line.contains("virtio-balloon") => "there, and not asked for anything".to_owned(),
        Some(_) => "rlab gives its machine none".to_owned(),
    };
    let grown = during.saturating_sub(before);
    let back = during.saturating_sub(after);
    let share = (back * 100).checked_div(grown).unwrap_or_default();
    Ok(vec![mib(before), mib(during), mib(after), format!("{} of {} ({share} %)", mib(back), mib(grown)), balloon])
}

/// After a moment, the memory of the program, or of QEMU.
fn resting(running: &mut Running) -> Result<u64, Error> {
    running.watch(REST)?;
    Ok(Snapshot::below(running.pid()).bytes(|role| role != Role::Rlab))
}

fn mib(bytes: u64) -> String {
    format!("{} MiB", (bytes + (1 << 19)) >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vm::compare::show::Row;

    #[test]
    fn the_meal_is_what_is_told() {
        assert!(SCRIPT.contains("eat 200m "));
        assert!(question().rows.iter().any(|row: &Row| row.what.contains("200 MiB")));
        assert_eq!((mib(200 << 20), mib((1 << 20) - 1)), ("200 MiB".to_owned(), "1 MiB".to_owned()));
    }
}
