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
use crate::harness::web::free_port;
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
        let (trace, folder) =
            (rlab.folder().join(format!("{name}.jsonl")), rlab.folder().join(format!("{name}.strace")));
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
        if let Some(keep) = std::env::var_os("TRUTH_KEEP") { let _ = std::process::Command::new("cp").arg("-r").arg(self.trace.parent().unwrap().join(format!("{name}.strace"))).arg(&self.trace).arg(&keep).status(); std::fs::write(std::path::Path::new(&keep).join(format!("{name}.root")), self.root.to_str().unwrap()).unwrap(); }
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

/// An rlab with a lab image: only the first run packs it.
fn warm() -> Rlab {
    let rlab = Rlab::new();
    rlab.run(&["run", "--rm", "--network", "none", "lab", "true"]).succeeded();
    rlab
}

/// Runs and compares. `code` is the exit code that is expected.
#[track_caller]
fn assert_told(rlab: &Rlab, name: &str, code: i32, arguments: &[&str]) {
    let (recorded, output) = Recorded::of(rlab, name, arguments);
    output.ended_with(code);
    recorded.assert_true(name);
}

macro_rules! need_strace {
    () => {
        need!(root(), programs(&["strace"], "apt install strace"));
        need!(programs(&["ip", "nft"], "apt install iproute2 nftables"));
    };
}

#[test]
fn the_story_of_a_plain_run_is_true() {
    need_strace!();
    let _turn = together();
    let rlab = warm();
    assert_told(&rlab, "plain", 0, &["lab", "id"]);
    let port = format!("127.0.0.1:{}:80", free_port());
    assert_told(&rlab, "ports", 3, &["-p", &port, "-p", "5353/udp", "lab", "sh", "-c", "exit 3"]);
    assert_told(&rlab, "host", 0, &["--network", "host", "lab", "id"]);
}

#[test]
fn the_story_of_limits_and_users_is_true() {
    need_strace!();
    let _turn = together();
    let rlab = warm();
    let base = ["--network", "none"];
    let limits = ["-m", "64m", "--cpus", "0.5", "--pids-limit", "20", "--ulimit", "nofile=512:1024"];
    let who = ["--user", "1000:1000", "--cap-drop", "ALL", "--cap-add", "NET_RAW"];
    assert_told(&rlab, "limits", 0, &[&base[..], &limits, &who, &["lab", "id"]].concat());
    let options = ["--security-opt", "no-new-privileges", "--init", "-w", "/tmp", "-h", "name"];
    assert_told(&rlab, "options", 0, &[&base[..], &options, &["lab", "id"]].concat());
    assert_told(&rlab, "privileged", 0, &[&base[..], &["--privileged", "lab", "id"]].concat());
    assert_told(&rlab, "userns", 0, &["--userns", "private", "lab", "id"]);
}

#[test]
fn the_story_of_files_and_roots_is_true() {
    need_strace!();
    let _turn = together();
    let rlab = warm();
    let base = ["--network", "none"];
    let folder = rlab.folder().join("data");
    let volumes = [format!("{}:/data", folder.display()), format!("{}:/config:ro", rlab.folder().display())];
    let files = ["-v", &volumes[0], "-v", &volumes[1], "--read-only", "--tmpfs", "/scratch:size=1m"];
    assert_told(&rlab, "files", 0, &[&base[..], &files, &["lab", "ls", "/data"]].concat());
    assert_told(&rlab, "chroot", 0, &[&base[..], &["--chroot", "lab", "id"]].concat());
}

#[test]
fn the_story_of_a_failure_is_true() {
    need_strace!();
    let _turn = together();
    let rlab = warm();
    assert_told(&rlab, "rlimits", 125, &["--ulimit", "nofile=99999999:99999999", "lab", "id"]);
    assert_told(&rlab, "exec", 127, &["lab", "no-such-program"]);
    assert_told(&rlab, "init-exec", 127, &["--init", "--network", "none", "lab", "no-such-program"]);
}
