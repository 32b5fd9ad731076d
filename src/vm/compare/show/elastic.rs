//! Memory that grows and shrinks, and memory that only grows.
//!
//! A container's memory is pages of this kernel: freed inside, they are free outside at once. A machine's memory is QEMU's:
//! a page that the guest has touched stays QEMU's when the guest's program frees it, since the guest's kernel keeps it for the
//! next one, and tells nobody. A balloon driver is how it can tell: it reports to QEMU which pages of its kernel are free, and
//! QEMU gives them back with madvise(2). So the machine is looked at twice, without one and with one.

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
/// Until a guest's driver has reported what is free: it gathers for two seconds first, and reports large pieces only, see
/// mm/page_reporting.c.
const REPORTED: Duration = Duration::from_secs(6);

pub fn question() -> Shown {
    let rows = [
        ("PSS before, without rlab's own", String::new()),
        ("while a program inside holds 200 MiB", String::new()),
        ("after it has freed them and ended", String::new()),
        ("given back to the host", String::new()),
        ("given back, where the machine has a balloon", String::new()),
    ];
    let said = [
        "A container has no memory of its own, only a limit: what a program in it frees, the host has again.",
        "A machine's memory is taken from the host page by page as the guest touches it, and stays taken: its kernel keeps \
         what its programs free, and the host is not told.",
        "With a balloon device (rlab vm run --balloon) the guest's kernel reports what is free, in large pieces and after a \
         while, and the host has it again. What the guest keeps as its own cache is not free, and stays.",
    ];
    empty(Show::Elastic, "Is memory that a program inside frees the host's again?", &rows, &said)
}

pub fn look(launcher: &Launcher, side: Side) -> Seen {
    let [before, during, after] = meal(launcher, side, &[], REST)?;
    let with_balloon = match side {
        Side::Container => "none is needed".to_owned(),
        Side::Machine => {
            let [before, during, after] = meal(launcher, side, &["--balloon"], REPORTED)?;
            given_back(before, during, after)
        }
    };
    Ok(vec![mib(before), mib(during), mib(after), given_back(before, during, after), with_balloon])
}

/// Memory before, while and after something inside holds 200 MiB.
fn meal(launcher: &Launcher, side: Side, flags: &[&str], digestion: Duration) -> Result<[u64; 3], Error> {
    let mut running = launcher.start(side, flags, LAB, &["sh", "-c", SCRIPT])?;
    running.says("ready", LIMIT)?;
    let before = resting(&mut running, REST)?;
    running.says("no limit was in the way", LIMIT)?;
    let during = resting(&mut running, REST)?;
    running.says("done", LIMIT)?;
    let after = resting(&mut running, digestion)?;
    running.stop()?;
    Ok([before, during, after])
}

fn given_back(before: u64, during: u64, after: u64) -> String {
    let (grown, back) = (during.saturating_sub(before), during.saturating_sub(after));
    let share = (back * 100).checked_div(grown).unwrap_or_default();
    format!("{} of {} ({share} %)", mib(back), mib(grown))
}

/// After a moment, the memory of the program, or of QEMU.
fn resting(running: &mut Running, moment: Duration) -> Result<u64, Error> {
    running.watch(moment)?;
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
        assert_eq!(given_back(100 << 20, 300 << 20, 150 << 20), "150 MiB of 200 MiB (75 %)");
        assert_eq!(given_back(100, 100, 100), "0 MiB of 0 MiB (0 %)");
        assert_eq!((mib(200 << 20), mib((1 << 20) - 1)), ("200 MiB".to_owned(), "1 MiB".to_owned()));
    }
}
