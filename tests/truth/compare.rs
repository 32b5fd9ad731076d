//! The verdict: what was told beside what happened, process by process, in order.

use super::change::{Change, seen, told};
use super::scope::Part;
use super::untold::{Own, Weight, weigh};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// One event of a trace.
pub type Event = Map<String, Value>;

/// A place where the story and the kernel differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disagreement {
    /// It happened and was not told.
    Missing(i32, Change),
    /// It was told and did not happen, or not there.
    Invented(i32, Change),
    /// It was told otherwise than it happened.
    Altered {
        /// The process.
        pid: i32,
        /// As rlab has it.
        told: Change,
        /// As strace has it.
        seen: Change,
    },
}

impl std::fmt::Display for Disagreement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Disagreement::Missing(pid, seen) => write!(f, "[{pid}] not told:  {seen}"),
            Disagreement::Invented(pid, told) => write!(f, "[{pid}] invented:  {told}"),
            Disagreement::Altered { pid, told, seen } => {
                write!(f, "[{pid}] told as    {told}\n        but it was {seen}")
            }
        }
    }
}

/// What came of a comparison.
#[derive(Debug, Default)]
pub struct Verdict {
    /// How many calls were told and happened so.
    pub agreed: usize,
    /// Where they differ.
    pub disagreements: Vec<Disagreement>,
    /// How many calls were left out, by the name of the exception.
    pub excepted: BTreeMap<&'static str, usize>,
    /// How many processes were compared.
    pub processes: usize,
}

/// Compares a trace with what strace saw.
pub fn compare(events: &[Event], parts: &[Part], own: &Own<'_>) -> Verdict {
    let mut verdict = Verdict::default();
    let mut by_pid: BTreeMap<i32, Vec<Change>> = BTreeMap::new();
    for event in events.iter().filter(|event| event["kind"] == "call") {
        by_pid.entry(event["pid"].as_i64().unwrap() as i32).or_default().push(told(event));
    }
    let lookups: Vec<i32> = parts.iter().filter(|part| looks_up(part)).map(|part| part.process.pid).collect();
    for part in parts {
        let pid = part.process.pid;
        let mut owed: Vec<(Change, bool)> = Vec::new();
        for (at, change) in seen(&part.process).into_iter().enumerate() {
            let lookup = lookups.iter().any(|lookup| *lookup == pid || change.result == lookup.to_string());
            match weigh(part, at, &change, own) {
                None => {}
                Some(Weight::Owed) if lookup => *verdict.excepted.entry("names").or_default() += 1,
                Some(Weight::Excepted(name)) => *verdict.excepted.entry(name).or_default() += 1,
                Some(weight) => owed.push((change, weight == Weight::Owed)),
            }
        }
        verdict.processes += 1;
        align(pid, &by_pid.remove(&pid).unwrap_or_default(), &owed, &mut verdict);
    }
    for (pid, told) in by_pid {
        verdict.disagreements.extend(told.into_iter().map(|told| Disagreement::Invented(pid, told)));
    }
    verdict
}

/// Whether it became getent.
fn looks_up(part: &Part) -> bool {
    let argv = part.became.as_ref().and_then(|execve| execve.get(1));
    argv.is_some_and(|argv| argv.starts_with("[\"getent\", "))
}

/// The shortest list of differences between two sequences. `seen` says of each call whether it is owed.
fn align(pid: i32, told: &[Change], seen: &[(Change, bool)], verdict: &mut Verdict) {
    // cost[i][j]: the least number of differences between what is left from i on and from j on.
    let mut cost = vec![vec![0usize; seen.len() + 1]; told.len() + 1];
    let missing = |j: usize| usize::from(seen[j].1);
    let pair = |i: usize, j: usize| match (&told[i], &seen[j]) {
        (told, (seen, _)) if told == seen => Some(0),
        (told, (seen, true)) if told.call == seen.call => Some(1),
        _ => None,
    };
    for i in (0..=told.len()).rev() {
        for j in (0..=seen.len()).rev() {
            let invent = (i < told.len()).then(|| 1 + cost[i + 1][j]);
            let miss = (j < seen.len()).then(|| missing(j) + cost[i][j + 1]);
            let both = if i < told.len() && j < seen.len() { pair(i, j) } else { None };
            let both = both.map(|cost_of_pair| cost_of_pair + cost[i + 1][j + 1]);
            cost[i][j] = [invent, miss, both].into_iter().flatten().min().unwrap_or(0);
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < told.len() || j < seen.len() {
        let both = if i < told.len() && j < seen.len() { pair(i, j) } else { None };
        if let Some(differs) = both.filter(|of_pair| of_pair + cost[i + 1][j + 1] == cost[i][j]) {
            let (told, seen) = (told[i].clone(), seen[j].0.clone());
            match differs {
                0 => verdict.agreed += 1,
                _ => verdict.disagreements.push(Disagreement::Altered { pid, told, seen }),
            }
            (i, j) = (i + 1, j + 1);
        } else if j < seen.len() && missing(j) + cost[i][j + 1] == cost[i][j] {
            if seen[j].1 {
                verdict.disagreements.push(Disagreement::Missing(pid, seen[j].0.clone()));
            }
            j += 1;
        } else {
            verdict.disagreements.push(Disagreement::Invented(pid, told[i].clone()));
            i += 1;
        }
    }
}
