//! The story: a block a stage that a student can read in ten seconds.

use super::layout::{call, changed, columns, dim, labelled, rule, sentences, shortened};
use super::value::{named_arguments, span, spelt};
use super::work::rows;
use super::{Block, Style};
use crate::trace::event::{Call, Event, Kind};
use crate::trace::signature::{Type, object_type, signature};
use crate::trace::texts::{StageText, english};
use serde_json::Value;

/// How many calls a block shows; `--explain=calls` has every one.
const CALLS: usize = 3;
/// How many changes a block shows; `--explain=json` has every one.
const CHANGES: usize = 6;
/// Calls that prepare others or look around. They are shown when nothing else is there.
const MINOR: [&str; 7] = ["openat", "openat2", "chdir", "fchdir", "umask", "close_range", "dup3"];

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
        return out + &dim(&sentences(reason, style), style) + "\n";
    }
    if let Some(text) = stage {
        out += &sentences(&format!("{} {}", text.what.trim(), text.why.trim()), style);
    }
    for note in notes(block) {
        out += &sentences(&note, style);
    }
    let details = rows(&block.events, style) + &calls(&block.events, failed, style) + &changes(&block.events, style);
    if !details.is_empty() {
        out.push('\n');
        out += &details;
    }
    if let Some(text) = stage
        && !failed
    {
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

type Told<'a> = (&'a Call, Option<i64>, Option<&'a str>);

/// The calls, aligned. The first of each name is shown, as far as there is room, and the one that failed.
fn calls(events: &[Event], failed: bool, style: &Style) -> String {
    let all: Vec<Told<'_>> = events
        .iter()
        .filter_map(|event| match &event.kind {
            Kind::Call { call, ret, errno, .. } => Some((call, *ret, errno.as_deref())),
            _ => None,
        })
        .collect();
    let shown = chosen(&all, failed);
    let width = shown.iter().map(|at| all[*at].0.name.len()).max().unwrap_or(0);
    let mut out = String::new();
    for (what, ret, errno) in shown.iter().map(|at| &all[*at]) {
        let name = format!("{:<width$}", what.name);
        let arguments: Vec<String> = named_arguments(what).iter().map(|text| shortened(text)).collect();
        out += &call(&name, &arguments, &result(&what.name, *ret, *errno), errno.is_some(), style);
    }
    let hidden = all.len() - shown.len();
    if hidden > 0 {
        out +=
            &dim(&sentences(&format!("and {hidden} more {} (--explain=calls)", plural(hidden, "call")), style), style);
    }
    out
}

/// Which calls are shown: first of each name, those that change something before those that prepare; in their order.
fn chosen(all: &[Told<'_>], failed: bool) -> Vec<usize> {
    let first = |at: &usize| !all[..*at].iter().any(|(other, ..)| other.name == all[*at].0.name);
    let refused = |at: &usize| all[*at].2.is_some();
    let minor = |at: &usize| MINOR.contains(&all[*at].0.name.as_ref());
    let mut chosen: Vec<usize> = Vec::new();
    if failed && let Some(last) = (0..all.len()).rev().find(refused) {
        chosen.push(last);
    }
    let by_weight: [&dyn Fn(&usize) -> bool; 3] =
        [&|at| first(at) && !minor(at) && !refused(at), &|at| !minor(at) && !refused(at), &|at| !refused(at)];
    for wanted in by_weight {
        for at in (0..all.len()).filter(wanted) {
            if chosen.len() < CALLS && !chosen.contains(&at) {
                chosen.push(at);
            }
        }
    }
    chosen.sort_unstable();
    chosen
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
            let name = if key.is_empty() { object.to_string() } else { shortened(key) };
            rows.push(vec![name, reading(sort, before), "→".to_owned(), reading(sort, after)]);
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    let more = rows.len().saturating_sub(CHANGES);
    rows.truncate(CHANGES);
    let mut out = changed(&columns(rows, style), style);
    if more > 0 {
        out += &dim(&sentences(&format!("and {more} more {} (--explain=json)", plural(more, "change")), style), style);
    }
    out
}

fn reading(sort: Type, value: &Value) -> String {
    match value {
        Value::Null => "—".to_owned(),
        Value::String(text) => shortened(text),
        // A structure is told by its values: what they are is clear from the name before them.
        Value::Object(fields) => {
            let values = fields.iter().map(|(name, value)| {
                format!("{name} {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            });
            values.collect::<Vec<_>>().join(", ")
        }
        other => spelt(sort, other),
    }
}

fn deeper(text: &StageText, style: &Style) -> String {
    labelled("In a VM", text.vm.trim(), style) + &labelled("Deeper", &text.man.join(", "), style)
}
