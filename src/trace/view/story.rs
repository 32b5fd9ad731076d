//! The story: a block a stage that a student can read in ten seconds.

use super::layout::{call, changed, columns, dim, labelled, rule, sentences};
use super::value::{named_arguments, span, spelt};
use super::work::rows;
use super::{Block, Style};
use crate::trace::event::{Call, Event, Kind};
use crate::trace::signature::{Type, object_type, signature};
use crate::trace::texts::{StageText, english};
use serde_json::Value;

/// How many calls of one name are shown in full, and how many calls in all; the rest is counted. `--explain=calls` has
/// every one.
const CALLS_OF_A_NAME: usize = 2;
const CALLS: usize = 6;
/// How many rows of a table are shown.
const ROWS: usize = 10;

/// What is said while the program runs: the one sentence that can't wait for the stage's end.
pub fn running(event: &Event, style: &Style) -> String {
    match &event.kind {
        Kind::Note { note, with } if note.starts_with("running") => {
            format!("\n{}\n", sentences(&english().note(note, with), style))
        }
        _ => String::new(),
    }
}

/// The block of one stage.
pub fn block(block: &Block, style: &Style) -> String {
    let stage = english().stage(&block.stage);
    let failed = block.events.iter().any(|event| matches!(event.kind, Kind::Leave { failed: true, .. }));
    let mut out = rule(&format!("{} {}", block.number, block.stage), &ending(block, failed, style), failed, style);
    if let Some(reason) = skipped(block) {
        let reason = english().skips.get(reason).map_or(reason, String::as_str);
        return out + &sentences(reason, style) + "\n";
    }
    if let Some(text) = stage {
        out += &sentences(&format!("{} {}", text.what.trim(), text.why.trim()), style);
    }
    for note in notes(block) {
        out += &sentences(&note, style);
    }
    for part in [rows(&block.events, style), calls(&block.events, failed, style), changes(&block.events, style)] {
        if !part.is_empty() {
            out.push('\n');
            out += &part;
        }
    }
    if let Some(text) = stage
        && !failed
    {
        out.push('\n');
        out += &dim(&deeper(text, style), style);
    }
    out + "\n"
}

fn ending(block: &Block, failed: bool, style: &Style) -> String {
    if failed {
        return "failed".to_owned();
    }
    if skipped(block).is_some() {
        return "nothing to do".to_owned();
    }
    let took = block.events.iter().rev().find_map(|event| match event.kind {
        Kind::Leave { dur_ns, .. } => Some(dur_ns),
        _ => None,
    });
    match took {
        None => "did not end".to_owned(),
        Some(_) if style.stable => "(time)".to_owned(),
        Some(nanos) => span(nanos),
    }
}

/// The reason, when the stage consists of nothing else.
fn skipped(block: &Block) -> Option<&str> {
    let did = block
        .events
        .iter()
        .any(|event| matches!(event.kind, Kind::Call { .. } | Kind::Work { .. } | Kind::Change { .. }));
    block.events.iter().find_map(|event| match &event.kind {
        Kind::Skip { reason } if !did => Some(reason.as_ref()),
        _ => None,
    })
}

fn notes(block: &Block) -> Vec<String> {
    let texts = english();
    let notes = block.events.iter().filter_map(|event| match &event.kind {
        Kind::Note { note, with } if !note.starts_with("running") => Some(texts.note(note, with)),
        Kind::Skip { reason } => Some(texts.skips.get(reason.as_ref()).cloned().unwrap_or_else(|| reason.to_string())),
        _ => None,
    });
    notes.collect()
}

/// The calls, aligned. Many calls of one name are shown by their first ones and a count; what failed is always shown.
fn calls(events: &[Event], failed: bool, style: &Style) -> String {
    let all: Vec<(&Call, Option<i64>, Option<&str>)> = events
        .iter()
        .filter_map(|event| match &event.kind {
            Kind::Call { call, ret, errno, .. } => Some((call, *ret, errno.as_deref())),
            _ => None,
        })
        .collect();
    let width = all.iter().map(|(call, ..)| call.name.len()).max().unwrap_or(0);
    let (mut out, mut shown, mut hidden) = (String::new(), 0, 0);
    for (at, (what, ret, errno)) in all.iter().enumerate() {
        let before = all[..at].iter().filter(|(other, ..)| other.name == what.name).count();
        let last_of_failure = failed && at + 1 == all.len();
        if !last_of_failure && (before >= CALLS_OF_A_NAME || shown >= CALLS) {
            hidden += 1;
            continue;
        }
        shown += 1;
        let name = format!("{:<width$}", what.name);
        out += &call(&name, &named_arguments(what), &result(&what.name, *ret, *errno), errno.is_some(), style);
    }
    if hidden > 0 {
        out +=
            &dim(&sentences(&format!("and {hidden} more {}: --explain=calls", plural(hidden, "call")), style), style);
    }
    out
}

fn plural(count: usize, word: &str) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}

fn result(name: &str, ret: Option<i64>, errno: Option<&str>) -> String {
    match (ret, errno, signature(name).map(|signature| signature.ret)) {
        (_, Some(errno), _) => format!("= {errno}"),
        (Some(pid), _, Some(Type::Pid)) => format!("= {pid}"),
        (Some(number), ..) => format!("= {number}"),
        (None, None, _) => "= ?".to_owned(),
    }
}

/// What was read before and after, only where it differs.
fn changes(events: &[Event], style: &Style) -> String {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for event in events {
        if let Kind::Change { object, key, before, after } = &event.kind {
            let sort = object_type(object, key);
            let name = if key.is_empty() { object.to_string() } else { key.clone() };
            rows.push(vec![name, reading(sort, before), reading(sort, after)]);
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    let more = rows.len().saturating_sub(ROWS);
    rows.truncate(ROWS);
    rows.insert(0, vec![String::new(), "before".to_owned(), "after".to_owned()]);
    let mut out = changed(&columns(rows, style), style);
    if more > 0 {
        out += &dim(&sentences(&format!("and {more} more: --explain=json"), style), style);
    }
    out
}

fn reading(sort: Type, value: &Value) -> String {
    match value {
        Value::Null => "—".to_owned(),
        Value::String(text) => text.clone(),
        other => spelt(sort, other),
    }
}

fn deeper(text: &StageText, style: &Style) -> String {
    labelled("In a VM", text.vm.trim(), style) + &labelled("Deeper", &text.man.join(", "), style)
}
