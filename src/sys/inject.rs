//! Failures on demand: what a call's refusal does, or a death right after it, can be tried where it never happens by itself.
//!
//! A container is made by some two hundred calls, and each can fail on somebody's host. `--inject CALL=ERRNO` lets one
//! fail here: it is not made, and rlab is told that errno. The course breaks containers with it, and the tests break each
//! call of a run in turn. Without a rule it is one relaxed load of a flag per call.

use super::errno::{errno_name, errno_number};
use super::seq::shared_counter;
use crate::trace::{self, Call, Stage};
use nix::sys::signal::{SigSet, Signal, raise};
use serde_json::json;
use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// What happens instead of a call, or right after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call is not made, and is taken to have failed with this number, see errno(3).
    Errno(i32),
    /// The call is made, and the process waits after it until it gets SIGCONT, for someone to look around or to kill it.
    Pause,
}

/// `[STAGE/]CALL=ERRNO[:when=N]` or `[STAGE/]CALL=pause[:when=N]`, after strace's `-e inject=CALL:error=ERRNO:when=N`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Only calls of this stage.
    stage: Option<Stage>,
    /// The call, as strace prints it.
    call: String,
    fault: Fault,
    /// Only the Nth such call of the run, counted from 1 over all its processes. Without it, each.
    when: Option<u64>,
}

/// What is wrong with a rule.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadRule {
    /// It is not built like one.
    #[error(
        "{0:?} is no rule: one reads CALL=ERRNO, say mount=EPERM; STAGE/CALL=ERRNO:when=2 is the second such call of a stage"
    )]
    Shape(String),
    /// No call of that name is ever made.
    #[error("rlab makes no call {0:?}: `rlab run --explain=calls` shows those that it makes")]
    Call(String),
    /// No stage has that name.
    #[error("there is no stage {0:?}: `rlab run --explain=brief` lists them")]
    Stage(String),
    /// No error has that name.
    #[error("there is no error {0:?}: errno(3) lists them; `pause` waits after the call")]
    Errno(String),
    /// Nothing of rlab is left in the process after it.
    #[error("after its execve the process is the program: nothing of rlab is left in it to wait")]
    NoAfter,
    /// Counted from 1.
    #[error("when={0} is no count: the first such call is when=1")]
    When(String),
}

impl FromStr for Rule {
    type Err = BadRule;

    fn from_str(text: &str) -> Result<Rule, BadRule> {
        let (what, how) = text.split_once('=').ok_or_else(|| BadRule::Shape(text.to_owned()))?;
        let (stage, call) = match what.split_once('/') {
            Some((stage, call)) => (Some(Stage::of(stage).ok_or_else(|| BadRule::Stage(stage.to_owned()))?), call),
            None => (None, what),
        };
        if !trace::is_told(call) {
            return Err(BadRule::Call(call.to_owned()));
        }
        let (fault, when) = match how.split_once(':') {
            Some((fault, rest)) => {
                (fault, Some(rest.strip_prefix("when=").ok_or_else(|| BadRule::Shape(text.to_owned()))?))
            }
            None => (how, None),
        };
        let fault = match fault {
            "pause" if call.starts_with("execve") => return Err(BadRule::NoAfter),
            "pause" => Fault::Pause,
            name => Fault::Errno(errno_number(name).ok_or_else(|| BadRule::Errno(name.to_owned()))?),
        };
        let count = |text: &str| text.parse().ok().filter(|n| *n > 0).ok_or_else(|| BadRule::When(text.to_owned()));
        Ok(Rule { stage, call: call.to_owned(), fault, when: when.map(count).transpose()? })
    }
}

/// A rule with how many calls it has met, counted in memory that init shares with its parent.
struct Armed {
    rule: Rule,
    met: &'static AtomicU64,
}

static ARMED: AtomicBool = AtomicBool::new(false);
/// Whether [`refusal`] was asked about a call after which to wait.
static PAUSE: AtomicBool = AtomicBool::new(false);
static RULES: OnceLock<Vec<Armed>> = OnceLock::new();

/// Has these rules obeyed from here on, in this process and in those that it makes. Once a process.
pub fn arm(rules: &[Rule]) {
    let rules: Vec<Armed> = rules.iter().map(|rule| Armed { rule: rule.clone(), met: shared_counter() }).collect();
    ARMED.store(!rules.is_empty() && RULES.set(rules).is_ok(), Relaxed);
}

/// Whether there is any rule.
pub(super) fn armed() -> bool {
    ARMED.load(Relaxed)
}

/// What is to happen at this call. Asking counts.
pub(super) fn fault(call: &str) -> Option<Fault> {
    let stage = trace::current_stage();
    let rules = RULES.get().into_iter().flatten();
    let meant = rules.filter(|armed| armed.rule.call == call && armed.rule.stage.is_none_or(|only| only == stage));
    // Each rule counts what it meets, also where another is obeyed.
    let due = meant.filter(|armed| {
        let met = armed.met.fetch_add(1, Relaxed) + 1;
        armed.rule.when.is_none_or(|when| when == met)
    });
    due.map(|armed| armed.rule.fault).reduce(|first, _| first)
}

/// The error that a rule wants of a call that a child is about to make.
pub(super) fn wanted(call: &str) -> Option<i32> {
    match armed().then(|| fault(call))?? {
        Fault::Errno(errno) => Some(errno),
        Fault::Pause => None,
    }
}

/// For the calls that do not go through [`super::traced`]: the error that a rule wants, told already. Asking counts.
pub(super) fn refusal(describe: impl FnOnce() -> Call) -> Option<super::Error> {
    if !armed() {
        return None;
    }
    let call = describe();
    match fault(&call.name)? {
        Fault::Errno(errno) => Some(refuse(call, errno)),
        Fault::Pause => {
            PAUSE.store(true, Relaxed);
            None
        }
    }
}

/// To be asked after such a call: waits, if a rule wanted that when it was asked before.
pub(super) fn pause_after(describe: impl FnOnce() -> Call) {
    if PAUSE.swap(false, Relaxed) {
        pause(&describe());
    }
}

/// Tells of a call that was refused without having been made.
pub(super) fn refuse(call: Call, errno: i32) -> super::Error {
    trace::injected(call.clone(), errno_name(errno));
    super::Error { injected: true, ..super::Error::new(call, errno) }
}

/// Waits for SIGCONT. A signal that asks for the end is kept for those whose business it is, and ends the waiting.
pub(super) fn pause(call: &Call) {
    trace::note("paused", || json!({"call": call.name, "pid": trace::own_number()}));
    trace::pump();
    let ends = super::ASK_TO_END.into_iter().filter_map(|signal| Signal::try_from(signal).ok());
    let awaited: SigSet = ends.chain([Signal::SIGCONT]).collect();
    // Unblocked they would be acted upon, not waited for.
    let Ok(before) = awaited.thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_BLOCK) else { return };
    match awaited.wait() {
        Ok(Signal::SIGCONT) | Err(_) => {}
        Ok(asks_to_end) => {
            let _pending_again = raise(asks_to_end);
        }
    }
    let _as_before = before.thread_set_mask();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> Result<Rule, BadRule> {
        text.parse()
    }

    #[test]
    fn a_rule_is_read_as_strace_would_have_it() {
        let plain = Rule { stage: None, call: "mount".into(), fault: Fault::Errno(1), when: None };
        assert_eq!(rule("mount=EPERM"), Ok(plain.clone()));
        let second = Rule { stage: Some(Stage::Mounts), when: Some(2), ..plain.clone() };
        assert_eq!(rule("mounts/mount=EPERM:when=2"), Ok(second));
        assert_eq!(rule("mount=pause"), Ok(Rule { fault: Fault::Pause, ..plain }));
    }

    #[test]
    fn what_is_no_rule_is_named() {
        for text in ["mount", "", "mount=EPERM:2", "mount=EPERM:when"] {
            assert_eq!(rule(text), Err(BadRule::Shape(text.into())));
        }
        assert_eq!(rule("swapon=EPERM"), Err(BadRule::Call("swapon".into())));
        assert_eq!(rule("reactor/mount=EPERM"), Err(BadRule::Stage("reactor".into())));
        assert_eq!(rule("mount=ENOPE"), Err(BadRule::Errno("ENOPE".into())));
        assert_eq!(rule("execve=pause"), Err(BadRule::NoAfter));
        assert_eq!(rule("mount=EUNKNOWN"), Err(BadRule::Errno("EUNKNOWN".into())));
        for count in ["0", "-1", "x", ""] {
            assert_eq!(rule(&format!("mount=EPERM:when={count}")), Err(BadRule::When(count.into())));
        }
    }
}
