//! The promise: what rlab tells is what happened. Containers are run under strace with a trace beside it, and the two are
//! compared process by process: the calls that change state, in order, with their arguments and results. None may be
//! missing, and none invented.
//!
//! `table` says which calls count and what of them is compared, `untold` which are not told and why.
#![expect(clippy::disallowed_macros, reason = "the counts are for whoever reads what the tests say")]

mod change;
mod compare;
mod rtnetlink;
mod sabotage;
mod scope;
pub mod strace;
mod table;
mod untold;
mod watched;

use crate::harness::host::{alone, together};
use crate::harness::terminal::Terminal;
use crate::harness::web::{free_port, http_get_once_up};
use crate::harness::{Output, Rlab, Running, need, tell};
use crate::nginx::{image, need_nginx, registry_with};
use compare::{Event, Happened, compare, happened};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use scope::{Part, parts};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use untold::Own;

const PATIENCE: Duration = Duration::from_secs(120);

/// A run under strace: where its trace and what strace saw are to be found.
struct Recorder<'a> {
    rlab: &'a Rlab,
    name: String,
    trace: PathBuf,
    folder: PathBuf,
}

/// What was told of a run, and what was seen of it.
struct Recorded {
    name: String,
    root: PathBuf,
    trace: PathBuf,
    events: Vec<Event>,
    parts: Vec<Part>,
}

impl Recorder<'_> {
    fn new<'a>(rlab: &'a Rlab, name: &str) -> Recorder<'a> {
        let file = |extension: &str| rlab.folder().join(format!("{name}.{extension}"));
        std::fs::create_dir(file("strace")).unwrap();
        Recorder { rlab, name: name.to_owned(), trace: file("jsonl"), folder: file("strace") }
    }

    /// `rlab run --rm` with these arguments, under strace.
    fn command(&self, arguments: &[&str]) -> Command {
        let trace = ["run", "--rm", "--trace-out", self.trace.to_str().unwrap()];
        strace::under_strace(&self.rlab.command(&[&trace, arguments].concat()), &self.folder)
    }

    /// The same without a trace.
    fn untold(&self, arguments: &[&str]) -> Command {
        strace::under_strace(&self.rlab.command(&[&["run", "--rm"], arguments].concat()), &self.folder)
    }

    /// To be called when the run is over.
    fn read(self) -> Recorded {
        let text = std::fs::read_to_string(&self.trace).unwrap_or_default();
        let events = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let parts = parts(strace::processes(&self.folder));
        Recorded { name: self.name, root: self.rlab.root(), trace: self.trace, events, parts }
    }
}

impl Recorded {
    fn own(&self) -> Own<'_> {
        Own { root: &self.root, trace: &self.trace }
    }

    fn happened(&self) -> Vec<Happened> {
        happened(&self.parts, &self.own())
    }

    /// Fails the test unless all that was told happened, and all that happened was told.
    #[track_caller]
    fn assert_true(&self) {
        let (verdict, name) = (compare(&self.events, &self.happened()), &self.name);
        let (differ, processes) = (verdict.disagreements.len(), self.parts.len());
        tell(&format!(
            "{name}: {} calls of {processes} processes agree, {differ} differ; not told, by exception: {:?}",
            verdict.agreed, verdict.excepted
        ));
        let unknown = |name: &&&str| !untold::EXCEPTIONS.iter().any(|(known, _)| known == *name);
        assert_eq!(verdict.excepted.keys().find(unknown), None, "an exception without a reason");
        println!("    told: {:?}", watched::kinds(&self.events));
        assert!(verdict.agreed > 30, "{name}: only {} calls were compared", verdict.agreed);
        let listed: Vec<String> = verdict.disagreements.iter().map(ToString::to_string).collect();
        assert!(listed.is_empty(), "{name}: the story and the kernel differ\n{}", listed.join("\n"));
    }
}

/// An rlab with a lab image, for all of these tests: packing it takes longer than a run. It goes with the last of them.
fn warm() -> Arc<Rlab> {
    static WARM: Mutex<Weak<Rlab>> = Mutex::new(Weak::new());
    let mut warm = WARM.lock().unwrap_or_else(PoisonError::into_inner);
    warm.upgrade().unwrap_or_else(|| {
        let rlab = Arc::new(Rlab::new());
        rlab.run(&["run", "--rm", "--network", "none", "lab", "true"]).succeeded();
        *warm = Arc::downgrade(&rlab);
        rlab
    })
}

#[track_caller]
fn record(rlab: &Rlab, name: &str, code: i32, arguments: &[&str]) -> (Recorded, Output) {
    let recorder = Recorder::new(rlab, name);
    let output = Running::start(&mut recorder.command(arguments)).wait(PATIENCE).ended_with(code);
    (recorder.read(), output)
}

/// Runs and compares. `code` is the exit code that is expected.
#[track_caller]
fn assert_told(rlab: &Rlab, name: &str, code: i32, arguments: &[&str]) {
    record(rlab, name, code, arguments).0.assert_true();
}

/// What strace runs: its only child.
fn traced_by(strace: &Running) -> Pid {
    let pid = strace.pid();
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    Pid::from_raw(children.split_whitespace().next().expect("strace runs something").parse().unwrap())
}

macro_rules! need_strace {
    () => {
        need!(root(), programs(&["strace"], "apt install strace"));
        need!(programs(&["ip", "nft"], "apt install iproute2 nftables"));
    };
}

#[test]
fn the_story_of_networks_is_true() {
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
    let folder = rlab.folder().join("new/data");
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

#[test]
fn the_story_of_a_terminal_and_a_signal_is_true() {
    need_strace!();
    let _turn = together();
    let rlab = warm();
    let recorder = Recorder::new(&rlab, "terminal");
    let command = recorder.command(&["--network", "none", "-it", "lab", "id"]);
    let mut terminal = Terminal::start(command, 80, 24);
    assert!(terminal.wait(PATIENCE).success(), "{}", terminal.text());
    recorder.read().assert_true();

    let recorder = Recorder::new(&rlab, "stop");
    let script = "echo up; while true; do sleep 1; done";
    let running = Running::start(&mut recorder.command(&["--network", "none", "lab", "sh", "-c", script]));
    running.wait_for_stdout("up", PATIENCE);
    kill(traced_by(&running), Signal::SIGTERM).unwrap();
    running.wait(PATIENCE).ended_with(137);
    recorder.read().assert_true();
}

#[test]
fn the_story_of_nginx_from_a_registry_is_true() {
    let layout = need_nginx!();
    need_strace!();
    let _turn = together();
    let (registry, rlab) = (registry_with(layout, false), Rlab::new());
    let recorder = Recorder::new(&rlab, "nginx");
    let port = free_port();
    let published = format!("{port}:80");
    let running = Running::start(&mut recorder.command(&["-p", &published, &image(&registry)]));
    // An image of thousands of files is unpacked under strace first.
    assert_eq!(http_get_once_up(([127, 0, 0, 1], port).into(), "/", 5 * PATIENCE).status, 200);
    kill(traced_by(&running), Signal::SIGTERM).unwrap();
    running.wait(PATIENCE).succeeded();
    recorder.read().assert_true();
}

#[test]
fn every_lie_is_found() {
    need_strace!();
    let _turn = together();
    let rlab = warm();
    let flags = ["-p", "5353/udp", "-m", "64m", "--ulimit", "nofile=512:1024", "--user", "1000"];
    let (recorded, _) = record(&rlab, "lies", 0, &[&flags[..], &["lab", "id"]].concat());
    tell(&format!("{:?}", sabotage::every_lie_is_found(&recorded.events, &recorded.happened())));
}

#[test]
fn watching_changes_nothing() {
    need_strace!();
    // What runs share (control groups, records of the host's settings) depends on who else runs.
    let _turn = alone();
    crate::explain::in_a_network_of_its_own();
    let rlab = warm();
    let port = format!("{}:80", free_port());
    for (number, arguments) in
        [&["-p", &port, "-m", "64m", "lab", "id"][..], &["lab", "no-such-program"]].iter().enumerate()
    {
        let (told, alone) =
            (Recorder::new(&rlab, &format!("told{number}")), Recorder::new(&rlab, &format!("alone{number}")));
        let one = Running::start(&mut told.command(arguments)).wait(PATIENCE);
        Running::start(&mut alone.untold(arguments)).wait(PATIENCE).ended_with(one.status.code().unwrap());
        let (told, alone) = (told.read(), alone.read());
        assert_eq!((told.events.is_empty(), alone.events.is_empty()), (false, true));
        let [with, without] = [&told, &alone].map(|run| watched::changes(&run.parts, &run.own()));
        assert_eq!(with.len(), without.len(), "as many processes");
        for (process, (with, without)) in with.iter().zip(&without).enumerate() {
            let differs = (0..with.len().max(without.len())).find(|at| with.get(*at) != without.get(*at));
            if let Some(at) = differs {
                panic!("process {process} with a trace:\n{:?}\nand without:\n{:?}", with.get(at), without.get(at));
            }
        }
        let read = watched::read_by_the_first_alone(&told.parts, &alone.parts);
        tell(&format!("the same {} changes; only with a trace: {:?}", with.concat().len(), watched::OF_THE_TRACE));
        println!("    opened: {read:?}");
        let of_the_kernel = |path: &String| path.starts_with("/proc/") || path.starts_with("/sys/");
        let traces = |path: &String| path.ends_with("trace.jsonl") || *path == told.trace.to_string_lossy();
        let others: Vec<&String> = read.iter().filter(|path| !of_the_kernel(path) && !traces(path)).collect();
        assert!(others.is_empty(), "opened for the story's sake: {others:?}");
    }
}

/// The table of what counts is whole: each family has its reason, and no call is in two.
#[test]
fn the_table_is_in_order() {
    let calls: Vec<&str> = table::STATE.iter().flat_map(|family| family.calls.iter().copied()).collect();
    for family in table::STATE {
        assert!(!family.why.is_empty(), "{}", family.name);
    }
    for call in &calls {
        assert_eq!(calls.iter().filter(|other| *other == call).count(), 1, "{call}");
    }
    for told in table::COMPARED {
        assert!(calls.contains(&told.call), "{} is compared and does not count", told.call);
    }
}
