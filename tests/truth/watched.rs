//! What the watching itself does: with a trace and without one the same calls are made, but for those listed here.

use super::change::{Change, seen};
use super::compare::Event;
use super::scope::{Part, is_thread};
use super::untold::{Own, Weight, weigh};
use std::collections::{BTreeMap, BTreeSet};

/// What only a run with a trace does, or does otherwise, and why.
pub static OF_THE_TRACE: &[(&str, &str)] = &[
    ("files", "the trace is a file in the container's directory, and that of --trace-out a copy of it"),
    (
        "close_range",
        "around the descriptors that init keeps there are gaps to be closed, and the trace is one that it keeps",
    ),
    ("reads", "the state of the kernel is read before and after: files of /proc and /sys, namespaces, links"),
];

/// The changes of a run, process by process in the order of their birth, with what differs from run to run taken out.
pub fn changes(parts: &[Part], own: &Own<'_>) -> Vec<Vec<String>> {
    let names = names(parts);
    let of = |part: &Part| {
        let counts = |(at, change): &(usize, Change)| {
            let weight = weigh(part, *at, change, own);
            let is_own = matches!(weight, Some(Weight::Excepted("begin")));
            !is_own && !matches!(weight, None | Some(Weight::Optional)) && !is_the_traces(change, own)
        };
        let listed = seen(&part.process).into_iter().enumerate().filter(counts);
        listed.map(|(_, change)| renamed(&without_numbers(change), &names)).collect()
    };
    parts.iter().map(of).collect()
}

fn is_the_traces(change: &Change, own: &Own<'_>) -> bool {
    let about = |name: &str| change.args.iter().any(|(_, value)| value.ends_with(name));
    about("/trace.jsonl")
        || about(&own.trace.to_string_lossy())
        || (change.call == "close_range" && change.args.iter().any(|(name, value)| name == "flags" && value == "0"))
}

/// Without the numbers of descriptors and of links: these are given anew in each run.
fn without_numbers(mut change: Change) -> String {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    change.args.retain(|(name, value)| !(["oldfd", "fd"].contains(&name.as_str()) && is_number(value)));
    for (name, value) in &mut change.args {
        if name == "message" {
            let of_a_link = |field: &&str| !["link=", "master=", "oif="].iter().any(|name| field.contains(name));
            *value = value.split(", ").filter(of_a_link).collect::<Vec<_>>().join(", ");
        } else if value.strip_prefix("/proc/self/fd/").is_some_and(is_number) {
            *value = "/proc/self/fd/N".to_owned();
        } else if let Some((number, path)) = value.split_once('<')
            && is_number(number)
        {
            *value = path.to_owned();
        }
    }
    change.to_string()
}

/// By what a run's own names and numbers are replaced.
fn names(parts: &[Part]) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for (at, part) in parts.iter().enumerate() {
        names.insert(part.process.pid.to_string(), format!("process {at}"));
    }
    for seen in parts.iter().flat_map(|part| &part.process.calls).filter(|seen| is_thread(seen)) {
        names.insert(seen.result.clone(), "thread".to_owned());
    }
    for word in parts.iter().flat_map(|part| &part.process.calls).flat_map(|seen| &seen.args).flat_map(|arg| words(arg))
    {
        let hex = word.bytes().all(|byte| byte.is_ascii_hexdigit());
        if word.len() == 64 && hex && !names.contains_key(word) {
            names.insert(word[..12].to_owned(), "short".to_owned());
            names.insert(word.to_owned(), "long".to_owned());
        }
        if word.len() == 11 && word.starts_with("veth") {
            names.insert(word.to_owned(), "veth".to_owned());
        }
    }
    names
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric())
}

fn renamed(text: &str, names: &BTreeMap<String, String>) -> String {
    let pieces = text.split_inclusive(|letter: char| !letter.is_ascii_alphanumeric());
    let mut out = String::new();
    for piece in pieces {
        let word = piece.trim_end_matches(|letter: char| !letter.is_ascii_alphanumeric());
        out += names.get(word).map_or(word, String::as_str);
        out += &piece[word.len()..];
    }
    out
}

/// Which files only the first of two runs has opened: what was read for the story's sake.
pub fn read_by_the_first_alone(first: &[Part], second: &[Part]) -> BTreeSet<String> {
    let opened = |parts: &[Part]| -> BTreeSet<String> {
        let names = names(parts);
        let calls = parts.iter().flat_map(|part| seen(&part.process));
        let opened = calls.filter(|change| change.call == "openat" && change.result == "a descriptor");
        opened.map(|change| renamed(&change.args[0].1, &names)).collect()
    };
    opened(first).difference(&opened(second)).cloned().collect()
}

/// How many events of each kind a trace has.
pub fn kinds(events: &[Event]) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for event in events {
        let kind = match event.get("work").and_then(|work| work.as_str()) {
            Some(work) => format!("work {work}"),
            None => event["kind"].as_str().unwrap().to_owned(),
        };
        *kinds.entry(kind).or_default() += 1;
    }
    kinds
}
