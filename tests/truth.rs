//! The promise: what rlab tells is what happened. Containers are run under strace with a trace beside it, and the two are
//! compared process by process: the calls that change state, in order, with their arguments and results.

mod change;
mod compare;
mod rtnetlink;
mod scope;
mod strace;
mod table;
mod untold;

use crate::harness::host::together;
use crate::harness::{Output, Rlab, Running, need};
use compare::{Event, Verdict, compare};
use scope::{Part, parts};
use std::path::PathBuf;
use std::time::Duration;
use untold::Own;

const PATIENCE: Duration = Duration::from_secs(120);

/// A run with what was told and what was seen of it.
struct Recorded {
    events: Vec<Event>,
    parts: Vec<Part>,
    root: PathBuf,
    trace: PathBuf,
}

impl Recorded {
    /// Runs `rlab run --rm` with these arguments under strace.
    #[track_caller]
    fn of(rlab: &Rlab, name: &str, arguments: &[&str]) -> (Recorded, Output) {
        let (trace, folder) = (rlab.folder().join(format!("{name}.jsonl")), rlab.folder().join(format!("{name}.strace")));
        std::fs::create_dir(&folder).unwrap();
        let command = rlab.command(&[&["run", "--rm", "--trace-out", trace.to_str().unwrap()], arguments].concat());
        let output = Running::start(&mut strace::under_strace(&command, &folder)).wait(PATIENCE);
        let text = std::fs::read_to_string(&trace).unwrap();
        let events = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let parts = parts(strace::processes(&folder));
        (Recorded { events, parts, root: rlab.root(), trace }, output)
    }

    fn verdict(&self) -> Verdict {
        compare(&self.events, &self.parts, &Own { root: &self.root, trace: &self.trace })
    }

    /// Fails the test unless all that was told happened, and all that happened was told.
    #[track_caller]
    fn assert_true(&self, name: &str) {
        let verdict = self.verdict();
        println!(
            "{name}: {} calls agree in {} processes, {} disagree; not told: {:?}",
            verdict.agreed,
            verdict.processes,
            verdict.disagreements.len(),
            verdict.excepted
        );
        let listed: Vec<String> = verdict.disagreements.iter().map(ToString::to_string).collect();
        assert!(listed.is_empty(), "{name}: the story and the kernel differ\n{}", listed.join("\n"));
    }
}

/// Runs the lab image and compares. `code` is the exit code that is expected.
#[track_caller]
fn assert_told(name: &str, arguments: &[&str], code: i32) {
    let rlab = Rlab::new();
    rlab.run(&["run", "--rm", "--network", "none", "lab", "id"]).succeeded();
    let (recorded, output) = Recorded::of(&rlab, name, arguments);
    output.ended_with(code);
    recorded.assert_true(name);
}

macro_rules! need_strace {
    () => {
        need!(root(), programs(&["strace"], "apt install strace"), programs(&["ip", "nft"], "apt install iproute2 nftables"));
    };
}

#[test]
fn a_plain_run() {
    need_strace!();
    let _turn = together();
    assert_told("plain", &["lab", "id"], 0);
}
