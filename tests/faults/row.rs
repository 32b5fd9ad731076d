//! One row: a run in which one thing goes wrong, and what became of it.

use super::Bench;
use super::made::{Made, Victim};
use crate::harness::host::Inventory;
use crate::harness::{Output, Running};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub const PATIENCE: Duration = Duration::from_secs(60);
/// How long the kernel may take to let go of what nobody uses any more.
const SETTLING: Duration = Duration::from_secs(5);
const GLANCE: Duration = Duration::from_millis(3);

/// What became of one fault.
pub struct Row {
    pub stage: String,
    pub call: String,
    pub nth: usize,
    pub fault: String,
    /// rlab's exit code; none when it was killed.
    pub code: Option<i32>,
    pub verdict: Verdict,
}

/// How a row ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The error was shown, with its stage, and nothing is left.
    Refused,
    /// It was tried again, or had nothing to do any more: the container ran, and nothing is left.
    WentOn,
    /// Killed, and the next command left nothing.
    Swept,
    /// Not as it should be: what is wrong.
    Wrong(String),
}

impl Row {
    /// What rlab said is one half of a verdict, what is left on the host the other.
    fn judged(bench: &Bench, made: &Made, fault: String, code: Option<i32>, said: Result<Verdict, String>) -> Row {
        let verdict = match (said, left(bench)) {
            (Err(wrong), _) | (_, Some(wrong)) => Verdict::Wrong(wrong),
            (Ok(verdict), None) => verdict,
        };
        if matches!(verdict, Verdict::Wrong(_)) {
            clear_up(bench);
        }
        Row::new(made, fault, code, verdict)
    }

    fn new(made: &Made, fault: String, code: Option<i32>, verdict: Verdict) -> Row {
        Row { stage: made.stage.clone(), call: made.call.clone(), nth: made.nth, fault, code, verdict }
    }
}

/// Makes a call fail, and each after it that takes away the same sort of thing, so that rlab can't.
pub fn stuck(bench: &Bench, arguments: &[&str], made: &Made, errno: &str) -> Row {
    let (file, rule) = (bench.rlab.folder().join("trace.jsonl"), format!("{}/{}={errno}", made.stage, made.call));
    let flags = ["run", "--rm", "--trace-out", file.to_str().unwrap(), "--inject", &rule];
    let output = bench.rlab.run(&[&flags, arguments].concat());
    let trace = std::fs::read_to_string(&file).unwrap_or_default();
    bench.rlab.run(&["images"]).succeeded();
    let verdict = match fault_of(&output, made, errno, &trace) {
        Ok(Verdict::Refused) => Ok(Verdict::Swept),
        other => other,
    };
    Row::judged(bench, made, format!("{errno} each time"), output.status.code(), verdict)
}

/// Makes a call fail.
pub fn refused(bench: &Bench, arguments: &[&str], made: &Made, errno: &str) -> Row {
    let (file, rule) = (bench.rlab.folder().join("trace.jsonl"), made.rule(errno));
    let flags = ["run", "--rm", "--trace-out", file.to_str().unwrap(), "--inject", &rule];
    let output = bench.rlab.run(&[&flags, arguments].concat());
    let trace = std::fs::read_to_string(&file).unwrap_or_default();
    Row::judged(bench, made, errno.to_owned(), output.status.code(), fault_of(&output, made, errno, &trace))
}

/// Whether the fault struck, and whether what rlab said and returned is right for it.
fn fault_of(output: &Output, made: &Made, errno: &str, trace: &str) -> Result<Verdict, String> {
    if !trace.contains("\"injected\":true") {
        return Err(format!("the call was not met; exit code {:?}", output.status.code()));
    }
    let code = output.status.code().unwrap_or(-1);
    if code == 0 && output.stderr.is_empty() {
        // In clearing up everything is tried twice. Everywhere else a container would run without what it was to have.
        let tried_again = made.stage == "teardown";
        return tried_again.then_some(Verdict::WentOn).ok_or_else(|| "rlab went on without it".to_owned());
    }
    let first = output.stderr.lines().find(|line| line.starts_with("rlab: ")).unwrap_or_default();
    // Of a program that can't be run, its file is told in place of the call.
    let (call, error) = match (made.stage.as_str(), made.call.as_str()) {
        ("exec", "execve") => ("exec: \"/bin/true\"".to_owned(), format!("({errno})")),
        (_, call) => (format!("{call}("), format!("= {errno} ")),
    };
    let named = [format!("{}: ", made.stage), call, error, "(INJECTED)".to_owned()];
    match named.iter().find(|part| !first.contains(*part)) {
        Some(part) => Err(format!("exit code {code}, and no {part:?} in: {first}")),
        None if (125..=127).contains(&code) => Ok(Verdict::Refused),
        None => Err(format!("exit code {code}")),
    }
}

/// Kills one of rlab's processes while the one that made the call waits right after it.
pub fn slain(bench: &Bench, arguments: &[&str], made: &Made, victim: Victim) -> Row {
    let (file, rule) = (bench.rlab.folder().join("trace.jsonl"), made.rule("pause"));
    let flags = ["run", "--rm", "--trace-out", file.to_str().unwrap(), "--inject", &rule];
    let mut running = bench.rlab.start(&[&flags, arguments].concat());
    let fault = format!("kill {}", if victim == Victim::Rlab { "rlab" } else { "init" });
    let Some(Paused { waiting, init }) = Paused::wait(bench, &mut running) else {
        let output = running.wait(PATIENCE);
        return Row::new(made, fault, output.status.code(), Verdict::Wrong(format!("never waited: {output}")));
    };
    let rlab = running.pid();
    let target = if victim == Victim::Rlab { Some(rlab) } else { init };
    let Some(target) = target else {
        return Row::new(made, fault, None, Verdict::Wrong("there is no init".to_owned()));
    };
    // Who does not die goes on, and finds the other gone. It may be gone with it, too.
    let [_dies, _goes_on] =
        [(target, Signal::SIGKILL), (waiting, Signal::SIGCONT)].map(|(pid, signal)| kill(Pid::from_raw(pid), signal));
    let output = running.wait(PATIENCE);
    let code = output.status.code();
    let said = match (code, victim) {
        (None, Victim::Rlab) => Ok(Verdict::Swept),
        // The program's own end, or rlab's word that init ended.
        (Some(125 | 137), Victim::Init) => Ok(Verdict::Refused),
        // The program may have ended before the kill came.
        (Some(0), Victim::Init) if made.stage == "exec" => Ok(Verdict::WentOn),
        _ => Err(format!("exit code {code:?}: {}", output.stderr)),
    };
    if victim == Victim::Rlab {
        bench.rlab.run(&["images"]).succeeded();
    }
    Row::judged(bench, made, fault, code, said)
}

/// A run that waits after a call.
pub struct Paused {
    /// The process that waits.
    pub waiting: i32,
    /// The process inside, if it was made.
    pub init: Option<i32>,
}

impl Paused {
    /// Waits until the run waits; `None` when it ended.
    pub fn wait(bench: &Bench, running: &mut Running) -> Option<Paused> {
        let containers = bench.rlab.root().join("run/containers");
        let until = Instant::now() + PATIENCE;
        while !running.has_ended() && Instant::now() < until {
            let dirs = std::fs::read_dir(&containers).into_iter().flatten().flatten();
            let traces: Vec<PathBuf> = dirs.map(|dir| dir.path().join("trace.jsonl")).collect();
            let text = traces.iter().find_map(|trace| std::fs::read_to_string(trace).ok()).unwrap_or_default();
            let events: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
            if let Some(paused) = events.iter().find(|event| event["note"] == "paused") {
                let number = |value: &Value| value.as_i64().map(|pid| pid as i32);
                let init = events
                    .iter()
                    .find(|event| event["call"] == "clone3" && event["stage"] == "namespaces")
                    .and_then(|event| number(&event["ret"]));
                return Some(Paused { waiting: number(&paused["with"]["pid"]).unwrap(), init });
            }
            std::thread::sleep(GLANCE);
        }
        None
    }
}

/// What is on the host and was not before, once the kernel has had time to let go of it.
fn left(bench: &Bench) -> Option<String> {
    let until = Instant::now() + SETTLING;
    loop {
        let difference = bench.before.difference(&Inventory::take(&[&bench.rlab.root()]));
        if difference.is_empty() {
            return None;
        }
        if Instant::now() > until {
            return Some(difference);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// So that one row's fault is not counted for the next one's.
fn clear_up(bench: &Bench) {
    for _ in 0..2 {
        bench.rlab.run(&["images"]).succeeded();
    }
}
