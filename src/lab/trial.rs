//! One script on its way: started, looked at where it is to be looked at, and ended, with all that it left behind.

use super::error::{Error, file};
use super::experiment::{Bench, GLANCE, absent};
use super::facts;
use super::manifest::{Experiment, Until};
use crate::sys;
use crate::trace::TRACE_DIR;
use serde_json::{Map, Value, json};
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

/// How long a script may take to tidy up, before it is asked to end, and again before it is killed.
const GRACE: Duration = Duration::from_secs(3);
/// How long one command of `look` may take, in seconds.
const LOOK_LIMIT_S: &str = "3";

#[derive(Clone, Copy, PartialEq, Debug)]
enum State {
    /// Not yet where it is to be looked at.
    Coming,
    /// There, and left alone for a while.
    Settling { since: Instant, subject: Subject },
    /// Looked at; its innermost process was killed, and it tidies up.
    Ending { since: Instant, asked: bool },
    /// It has ended, and something that it left behind is asked to.
    Leftover { since: Instant },
    /// Ended.
    Over,
}

/// A process that is looked at. When it began tells it from a later one of the same number, see proc_pid_stat(5).
#[derive(Clone, Copy, PartialEq, Debug)]
struct Subject {
    pid: i32,
    start_ticks: u64,
}

impl Subject {
    fn of(pid: i32) -> Option<Subject> {
        Some(Subject { pid, start_ticks: sys::start_ticks(pid)? })
    }

    fn is_there(&self) -> bool {
        sys::start_ticks(self.pid) == Some(self.start_ticks)
    }
}

/// One script on its way.
pub struct Trial<'a> {
    experiment: &'a Experiment,
    child: Option<Child>,
    folder: PathBuf,
    begun: Instant,
    state: State,
    facts: Map<String, Value>,
}

impl<'a> Trial<'a> {
    /// Starts the script of an experiment; one that is not there is over at once.
    pub fn start(experiment: &'a Experiment, bench: &Bench) -> Result<Trial<'a>, Error> {
        let folder = bench.scratch.join(&experiment.id);
        let traces = folder.join("traces");
        fs::create_dir_all(&traces).map_err(file(&traces))?;
        let script = experiment.script.clone().unwrap_or_default();
        let mut trial =
            Trial { experiment, child: None, folder, begun: Instant::now(), state: State::Over, facts: Map::new() };
        if !bench.folder.join(&script).is_file() {
            trial.facts = absent(&script).as_object().cloned().unwrap_or_default();
            return Ok(trial);
        }
        let stream = |name: &str| {
            let path = trial.folder.join(name);
            File::create(&path).map_err(file(path))
        };
        let mut command = bench.shell();
        command.arg("-eu").arg(&script).env(TRACE_DIR, &traces);
        command.stdout(stream("out")?).stderr(stream("err")?);
        trial.child = Some(command.spawn().map_err(file(bench.folder.join(&script)))?);
        trial.state = State::Coming;
        Ok(trial)
    }

    /// The name of its experiment.
    pub fn id(&self) -> &str {
        &self.experiment.id
    }

    /// Whether nothing of it runs any more.
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Looks whether it has come further, and does what is next.
    pub fn step(&mut self, bench: &Bench) {
        if let State::Leftover { since } = self.state {
            return self.clear_away(since);
        }
        if self.state == State::Over {
            return;
        }
        if let Some(Ok(Some(status))) = self.child.as_mut().map(Child::try_wait) {
            return self.ended(status, bench);
        }
        let settle = Duration::from_millis(self.experiment.settle_ms);
        match self.state {
            State::Coming => {
                if let Some(subject) = self.subject() {
                    self.state = State::Settling { since: Instant::now(), subject };
                } else if self.begun.elapsed() > Duration::from_secs(self.experiment.limit_s) {
                    self.fail(self.too_slow());
                    self.end(None);
                }
            }
            State::Settling { since, subject } if since.elapsed() >= settle => {
                // What was the innermost when it said so may have been the shell's child that said it.
                let subject = self.subject().unwrap_or(subject);
                if subject.is_there() {
                    self.facts.extend(facts::of_process(subject.pid));
                    self.look(bench, Some(subject.pid));
                } else {
                    self.fail(format!("what {} started was gone before it was looked at", self.script()));
                }
                self.end(Some(subject));
            }
            State::Ending { since, asked } if since.elapsed() > GRACE => self.insist(asked),
            _ => {}
        }
    }

    /// The script has ended: what it left behind goes, too.
    fn ended(&mut self, status: ExitStatus, bench: &Bench) {
        let exit = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
        self.facts.insert("exit".to_owned(), json!(exit));
        let took_ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.facts.insert("took_ms".to_owned(), json!(took_ms));
        match self.experiment.until {
            Until::End => self.look(bench, None),
            Until::Started | Until::Ready if !matches!(self.state, State::Ending { .. }) => {
                let missed = if self.experiment.until == Until::Ready { "said `ready`" } else { "had a container up" };
                self.fail(format!("{} ended before it {missed}: it stays in the foreground", self.script()));
            }
            Until::Started | Until::Ready => {}
        }
        self.state =
            if self.signal_group(sys::SIGTERM) { State::Leftover { since: Instant::now() } } else { State::Over };
    }

    /// Waits for what a script left in its process group, and then no longer.
    fn clear_away(&mut self, since: Instant) {
        const NOTHING: i32 = 0; // sent to see whether anyone is there, see kill(2)
        if since.elapsed() > GRACE {
            self.signal_group(sys::SIGKILL);
            self.state = State::Over;
        } else if !self.signal_group(NOTHING) {
            self.state = State::Over;
        }
    }

    /// Whether there was anyone to get it.
    fn signal_group(&self, signal: i32) -> bool {
        sys::kill(-self.pid(), signal).is_ok()
    }

    fn script(&self) -> &str {
        self.experiment.script.as_deref().unwrap_or_default()
    }

    /// The first thing that went wrong is what is told.
    fn fail(&mut self, error: String) {
        self.facts.entry("error").or_insert(json!(error));
    }

    fn too_slow(&self) -> String {
        let (script, limit) = (self.script(), self.experiment.limit_s);
        match self.experiment.until {
            Until::Started => format!("{script} started no container within {limit} s"),
            Until::Ready => format!("{script} said no `ready` within {limit} s"),
            Until::End => format!("{script} did not end within {limit} s"),
        }
    }

    /// The process to be looked at, once it is there. A trace has it by its number in the namespace of who wrote the trace:
    /// only a process that descends from the script is believed to be that one.
    fn subject(&self) -> Option<Subject> {
        let pid = match self.experiment.until {
            Until::End => None,
            Until::Started => {
                let running = self.traces().iter().rev().find_map(|lines| facts::running_container(lines));
                running.filter(|pid| depth(*pid, self.pid()).is_some())
            }
            Until::Ready => {
                let said = fs::read_to_string(self.folder.join("out")).unwrap_or_default();
                said.lines().any(|line| line.trim() == "ready").then(|| innermost(self.pid()))
            }
        };
        pid.and_then(Subject::of)
    }

    fn pid(&self) -> i32 {
        self.child.as_ref().map_or(0, |child| child.id().cast_signed())
    }

    /// The text of each trace, in the order in which the runs began: their files are named by the clock.
    fn traces(&self) -> Vec<String> {
        let found = fs::read_dir(self.folder.join("traces")).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = found.map(|entry| entry.path()).collect();
        paths.sort();
        paths.iter().map(|path| fs::read_to_string(path).unwrap_or_default()).collect()
    }

    /// Runs the lab's own commands.
    fn look(&mut self, bench: &Bench, subject: Option<i32>) {
        let mut seen = Map::new();
        for (name, line) in &self.experiment.look {
            let mut command = bench.command("timeout");
            command.args(["--signal=KILL", LOOK_LIMIT_S, "sh", "-c", line]);
            command.env("PID", subject.map(|pid| pid.to_string()).unwrap_or_default());
            let said = command.output().map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
            seen.insert(name.clone(), json!(said.unwrap_or_default()));
        }
        self.facts.insert("look".to_owned(), Value::Object(seen));
    }

    /// Kills what was looked at, so that the script goes on to its end; where there is no such, asks the script.
    fn end(&mut self, subject: Option<Subject>) {
        match subject {
            Some(subject) if subject.pid != self.pid() && subject.is_there() => {
                drop(sys::kill(subject.pid, sys::SIGKILL));
            }
            _ => drop(self.signal_group(sys::SIGTERM)),
        }
        self.state = State::Ending { since: Instant::now(), asked: subject.is_none() };
    }

    /// It did not end by itself: it is asked to, and the next time it has no choice.
    fn insist(&mut self, asked: bool) {
        self.signal_group(if asked { sys::SIGKILL } else { sys::SIGTERM });
        self.state = State::Ending { since: Instant::now(), asked: true };
    }

    /// Its facts, once it is over.
    pub fn told(&mut self) -> Value {
        let text = |name: &str| {
            let text = fs::read(self.folder.join(name)).unwrap_or_default();
            String::from_utf8_lossy(&text).trim().to_owned()
        };
        let traces: Vec<Value> = self.traces().iter().map(|lines| facts::of_trace(lines)).collect();
        let mut facts = std::mem::take(&mut self.facts);
        facts.insert("out".to_owned(), json!(text("out")));
        facts.insert("err".to_owned(), json!(text("err")));
        if let Some(last) = traces.last() {
            facts.insert("hostname".to_owned(), last["hostname"].clone());
            facts.insert("trace".to_owned(), last.clone());
        }
        facts.insert("traces".to_owned(), json!(traces));
        Value::Object(facts)
    }
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        if self.state == State::Over {
            return;
        }
        self.signal_group(sys::SIGTERM);
        let until = Instant::now() + GRACE;
        while let Some(Ok(None)) = self.child.as_mut().map(Child::try_wait) {
            if Instant::now() > until {
                self.signal_group(sys::SIGKILL);
            }
            std::thread::sleep(GLANCE);
        }
    }
}

/// Of the processes that descend from this one the deepest, and of these the youngest.
fn innermost(ancestor: i32) -> i32 {
    let place = |pid: i32| Some((depth(pid, ancestor)?, sys::start_ticks(pid)?, pid));
    facts::every_process().into_iter().filter_map(place).max().map_or(ancestor, |(_, _, pid)| pid)
}

/// How many generations a process is below another; nothing when it does not descend from it.
fn depth(pid: i32, ancestor: i32) -> Option<usize> {
    let parent = |pid: i32| -> Option<i32> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.split_whitespace().nth(1)?.parse().ok()
    };
    let way = std::iter::successors(Some(pid), |pid| parent(*pid).filter(|parent| *parent > 0));
    way.take(256).position(|above| above == ancestor)
}
