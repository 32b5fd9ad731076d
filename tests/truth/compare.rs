//! The verdict: what was told beside what happened, process by process, in order.

use super::change::{Change, seen, told};
use super::scope::Part;
use super::untold::{Own, Weight, weigh};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashSet};

/// One event of a trace.
pub type Event = Map<String, Value>;

/// What a process of rlab's did, and what the story owes to each call.
pub struct Happened {
    /// The process.
    pub pid: i32,
    /// Its calls in order.
    pub calls: Vec<(Change, Weight)>,
}

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
}

/// What strace saw of rlab's processes, ready to be compared.
pub fn happened(parts: &[Part], own: &Own<'_>) -> Vec<Happened> {
    // The C library's own program for names is run by it: so are the calls that make it and collect it.
    let lookups: Vec<i32> = parts.iter().filter(|part| looks_up(part)).map(|part| part.process.pid).collect();
    let of = |part: &Part| {
        let pid = part.process.pid;
        let weighed = |(at, change): (usize, Change)| {
            let lookup = lookups.iter().any(|lookup| *lookup == pid || change.result == lookup.to_string());
            match weigh(part, at, &change, own)? {
                Weight::Owed if lookup => Some((change, Weight::Excepted("names"))),
                weight => Some((change, weight)),
            }
        };
        Happened { pid, calls: seen(&part.process).into_iter().enumerate().filter_map(weighed).collect() }
    };
    parts.iter().map(of).collect()
}

/// Whether it became getent.
fn looks_up(part: &Part) -> bool {
    let argv = part.became.as_ref().and_then(|execve| execve.get(1));
    argv.is_some_and(|argv| argv.starts_with("[\"getent\", "))
}

/// Compares a trace with what happened.
pub fn compare(events: &[Event], happened: &[Happened]) -> Verdict {
    let mut verdict = Verdict::default();
    let mut by_pid: BTreeMap<i32, Vec<Change>> = BTreeMap::new();
    for event in events.iter().filter(|event| event["kind"] == "call") {
        by_pid.entry(event["pid"].as_i64().unwrap() as i32).or_default().push(told(event));
    }
    for process in happened {
        align(process, &by_pid.remove(&process.pid).unwrap_or_default(), &mut verdict);
    }
    for (pid, told) in by_pid {
        verdict.disagreements.extend(told.into_iter().map(|told| Disagreement::Invented(pid, told)));
    }
    verdict
}

/// Finds the shortest list of differences between two sequences.
fn align(process: &Happened, told: &[Change], verdict: &mut Verdict) {
    let pid = process.pid;
    // What is not owed is taken for what was told only when it is the very same; else it plays no part.
    let words: HashSet<&Change> = told.iter().collect();
    let (seen, rest): (Vec<Seen<'_>>, Vec<Seen<'_>>) =
        process.calls.iter().partition(|(change, weight)| *weight == Weight::Owed || words.contains(change));
    rest.into_iter().for_each(|call| verdict.leave_out(pid, call));
    let same = |(told, seen): &(&Change, &Seen<'_>)| **told == seen.0;
    let begin = told.iter().zip(&seen).take_while(same).count();
    let end = told[begin..].iter().rev().zip(seen[begin..].iter().rev()).take_while(same).count();
    verdict.agreed += begin + end;
    let (told, seen) = (&told[begin..told.len() - end], &seen[begin..seen.len() - end]);
    let cost = costs(told, seen);
    let (mut i, mut j) = (0, 0);
    while i < told.len() || j < seen.len() {
        let both = if i < told.len() && j < seen.len() { pair(&told[i], seen[j]) } else { None };
        if let Some(differs) = both.filter(|of_pair| of_pair + cost[i + 1][j + 1] == cost[i][j]) {
            let (told, seen) = (told[i].clone(), seen[j].0.clone());
            match differs {
                0 => verdict.agreed += 1,
                _ => verdict.disagreements.push(Disagreement::Altered { pid, told, seen }),
            }
            (i, j) = (i + 1, j + 1);
        } else if j < seen.len() && missed(seen[j]) + cost[i][j + 1] == cost[i][j] {
            verdict.leave_out(pid, seen[j]);
            j += 1;
        } else {
            verdict.disagreements.push(Disagreement::Invented(pid, told[i].clone()));
            i += 1;
        }
    }
}

/// A call that happened, with what is owed to it.
type Seen<'a> = &'a (Change, Weight);

impl Verdict {
    /// A call was not told.
    fn leave_out(&mut self, pid: i32, (change, weight): Seen<'_>) {
        match weight {
            Weight::Owed => self.disagreements.push(Disagreement::Missing(pid, change.clone())),
            Weight::Excepted(name) => *self.excepted.entry(name).or_default() += 1,
            Weight::Optional => {}
        }
    }
}

/// `[i][j]`: the least number of differences between what is left of the two from `i` and from `j` on.
fn costs(told: &[Change], seen: &[Seen<'_>]) -> Vec<Vec<usize>> {
    let mut cost = vec![vec![0; seen.len() + 1]; told.len() + 1];
    for i in (0..=told.len()).rev() {
        for j in (0..=seen.len()).rev() {
            let (more_told, more_seen) = (i < told.len(), j < seen.len());
            let both = if more_told && more_seen { pair(&told[i], seen[j]) } else { None };
            let ways = [
                more_told.then(|| 1 + cost[i + 1][j]),
                more_seen.then(|| missed(seen[j]) + cost[i][j + 1]),
                both.map(|of_pair| of_pair + cost[i + 1][j + 1]),
            ];
            cost[i][j] = ways.into_iter().flatten().min().unwrap_or(0);
        }
    }
    cost
}

/// What it costs not to tell a call.
fn missed(seen: Seen<'_>) -> usize {
    usize::from(seen.1 == Weight::Owed)
}

/// What it costs to take the one for the other, if that makes sense.
fn pair(told: &Change, (seen, weight): Seen<'_>) -> Option<usize> {
    if told == seen {
        return Some(0);
    }
    (told.call == seen.call && *weight == Weight::Owed).then_some(1)
}
