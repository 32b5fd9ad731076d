//! What becomes of the host when any call of a run fails, or any of rlab's processes is killed right after any call.
//!
//! The rows are not written down: a run is traced, and each call of that trace is made to fail, by each error that its man
//! page has for it, and then followed by a `kill -9`. Of each row it is asked whether the first error was the one shown,
//! with its stage and the right exit code, and whether the host is as it was: at once where rlab lived to undo, after the
//! next command where it did not. The table is printed; a row that is not as it should be fails the test.

mod full;
mod made;
mod row;
mod table;

use crate::harness::Rlab;
use crate::harness::host::{Inventory, Turn, alone};
use crate::harness::need;
use made::{Made, calls};
use nix::sys::signal::Signal;
use row::{Paused, Row, refused, slain, stuck};
use table::Table;

/// Runs that between them make every kind of call: with a network and limits; and with what the first leaves out.
const RUNS: [(&str, &[&str]); 3] = [
    ("published, limited", &["-p", "18080:80", "-m", "64m", "lab", "true"]),
    (
        "own users, own init",
        &[
            "--network",
            "none",
            "--userns",
            "private",
            "--init",
            "--ulimit",
            "nofile=512",
            "-u",
            "1000:1000",
            "--tmpfs",
            "/tmp",
            "--read-only",
            "lab",
            "true",
        ],
    ),
    (
        "chroot, a terminal",
        &[
            "--network",
            "host",
            "--chroot",
            "--security-opt",
            "no-new-privileges",
            "-t",
            "-v",
            "/usr/share:/data:ro",
            "--timens",
            "private",
            "lab",
            "true",
        ],
    ),
];

/// So many rows that leak or lie tell enough.
const ENOUGH: usize = 10;

/// The machine to itself, in a network of its own, with the image packed.
struct Bench {
    rlab: Rlab,
    before: Inventory,
    _turn: Turn,
}

impl Bench {
    fn new() -> Bench {
        let turn = alone();
        crate::explain::in_a_network_of_its_own();
        let rlab = Rlab::new();
        rlab.run(&["run", "--rm", "--network", "none", "lab", "true"]).succeeded();
        let before = Inventory::take(&[&rlab.root()]);
        Bench { rlab, before, _turn: turn }
    }

    /// The calls of each run, without those that a run before it has made alike: what has been shown need not be shown again.
    fn calls(&self) -> Vec<(&'static [&'static str], Made)> {
        let mut seen = std::collections::BTreeSet::new();
        let mut all = vec![];
        for (name, arguments) in RUNS {
            let made = calls(&self.rlab, arguments);
            let kinds: Vec<String> = made.iter().map(Made::kind).collect();
            let new: Vec<Made> = made.into_iter().filter(|made| !seen.contains(&made.kind())).collect();
            seen.extend(kinds);
            crate::harness::tell(&format!("{name}: {} calls that no other run has", new.len()));
            all.extend(new.into_iter().map(|made| (arguments, made)));
        }
        all
    }
}

/// Plays the faults of each call of each run, prints what became of them, and fails if one is not as it should be.
fn play<F: Copy>(title: &'static str, faults: fn(&Made) -> &'static [F], row: fn(&Bench, &[&str], &Made, F) -> Row) {
    let bench = Bench::new();
    let mut table = Table::new(title);
    for (arguments, made) in bench.calls() {
        for fault in faults(&made) {
            table.add(row(&bench, arguments, &made, *fault));
        }
        if table.wrong().len() >= ENOUGH {
            break; // each waits for the kernel to let go, in vain
        }
    }
    table.print();
    table.assert_clean();
}

#[test]
fn no_call_that_fails_leaves_anything() {
    need!(root(), programs(&["ip", "nft"], "apt install iproute2 nftables"));
    play("the call fails", Made::errors, refused);
}

#[test]
fn what_refuses_to_be_taken_away_goes_with_the_next_command() {
    need!(root(), programs(&["ip", "nft"], "apt install iproute2 nftables"));
    let of_teardown = |made: &Made| if made.stage == "teardown" && made.nth == 1 { made.errors() } else { &[] };
    play("each such call of the teardown fails", of_teardown, stuck);
}

#[test]
fn no_kill_after_a_call_leaves_anything() {
    need!(root(), programs(&["ip", "nft"], "apt install iproute2 nftables"));
    play("kill -9 right after the call", Made::victims, slain);
}

#[test]
fn who_asks_for_the_end_is_heard_while_init_is_held_up() {
    need!(root(), programs(&["ip", "nft"], "apt install iproute2 nftables"));
    let bench = Bench::new();
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut running =
            bench.rlab.start(&["run", "--rm", "--explain", "--inject", "mounts/mount=pause:when=2", "lab", "true"]);
        let paused = Paused::wait(&bench, &mut running).unwrap();
        assert_eq!(Some(paused.waiting), paused.init);
        running.signal(signal);
        let output = running.wait(row::PATIENCE).ended_with(125);
        output.told(&format!("ended by {signal} before the container ran")).told(" teardown ");
        bench.before.assert_restored();
    }
}

#[test]
fn a_rule_that_means_no_call_is_refused_before_anything_is_made() {
    let _turn = crate::harness::host::together();
    let rlab = Rlab::new();
    for (rule, said) in [
        ("mount", "is no rule: one reads CALL=ERRNO"),
        ("swapon=EPERM", "rlab makes no call \"swapon\""),
        ("reactor/mount=EPERM", "there is no stage \"reactor\""),
        ("mount=ENOPE", "there is no error \"ENOPE\""),
        ("execve=pause", "nothing of rlab is left in it"),
    ] {
        rlab.run(&["run", "--inject", rule, "lab", "true"]).ended_with(125).told(said);
        assert!(!rlab.root().exists());
    }
}
