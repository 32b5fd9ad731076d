//! The story: a block a stage that a student can read in ten seconds.

use super::layout::{call, changed, columns, cut, dim, labelled, rule, sentences, shortened};
use super::value::{named_arguments, span, spelt};
use super::work::rows;
use super::{Block, Style};
use crate::trace::event::{Call, Event, Kind};
use crate::trace::signature::{Type, field_type, object_type, signature};
use crate::trace::stage::Stage;
use crate::trace::texts::english;
use serde_json::Value;

/// How many calls a block shows; `--explain=calls` has every one.
const CALLS: usize = 3;
/// How many where each is a step of its own: a system set up, a machine taken apart.
const STEPS: usize = 5;
/// How many changes a block shows; `--explain=json` has every one.
const CHANGES: usize = 5;

/// How many exits of a guest are: they are one story.
const EXITS: usize = 8;

/// How many letters of one argument are shown.
const LONGEST: usize = 72;
/// And of one that is all that an ioctl or a netlink message is about.
const LONGEST_STRUCTURE: usize = 120;
/// How many names share a row of changes.
const NAMES: usize = 3;

/// What is said while the program runs or rlab waits: it can't wait for the stage's end.
pub fn running(event: &Event, style: &Style) -> String {
    match &event.kind {
        Kind::Note { note, with } if said_at_once(note) => {
            format!("\n{}\n", sentences(&english().note(note, with), style))
        }
        _ => String::new(),
    }
}

fn said_at_once(note: &str) -> bool {
    note.starts_with("running") || note == "paused"
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
    let details = rows(&block.events, style)
        + &calls(&block.events, &block.stage, failed, style)
        + &changes(&block.events, style);
    if !details.is_empty() {
        out.push('\n');
        out += &details;
    }
    // What a VM does in its place is told where a container is made. Here one is made.
    if let Some((place, twin)) = stage.and_then(|text| text.twin(block.of_machine))
        && !failed
    {
        out += &dim(&labelled(place, twin.trim(), style), style);
    }
    out + "\n"
}

/// The end of a block's rule: where to read on, how much there was, how long it took.
fn ending(block: &Block, failed: bool, style: &Style) -> String {
    if skipped(block).is_some() {
        return "nothing to do".to_owned();
    }
    let count = |wanted: fn(&Kind) -> bool| block.events.iter().filter(|event| wanted(&event.kind)).count();
    let calls = count(|kind| matches!(kind, Kind::Call { .. }));
    let mut parts: Vec<String> = Vec::new();
    if let Some(text) = english().stage(&block.stage) {
        parts.push(format!("lab {}", text.lab));
        parts.extend(text.man.first().cloned());
    }
    if calls > 0 {
        parts.push(format!("{calls} {}", plural(calls, "call")));
    }
    let took = block.events.iter().rev().find_map(|event| match event.kind {
        Kind::Leave { dur_ns, .. } => Some(dur_ns),
        _ => None,
    });
    parts.push(match took {
        _ if failed => "failed".to_owned(),
        None => "did not end".to_owned(),
        Some(_) if style.stable => "(time)".to_owned(),
        Some(nanos) => span(nanos),
    });
    parts.join(" · ")
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
        Kind::Note { note, with } if !said_at_once(note) => Some(texts.note(note, with)),
        Kind::Skip { reason } => Some(texts.skips.get(reason.as_ref()).cloned().unwrap_or_else(|| reason.to_string())),
        _ => None,
    });
    notes.collect()
}

type Told<'a> = (&'a Call, Option<i64>, Option<&'a str>, bool);

/// The calls, aligned. The first of each name is shown, as far as there is room, and the one that failed.
fn calls(events: &[Event], stage: &str, failed: bool, style: &Style) -> String {
    let all: Vec<Told<'_>> = events
        .iter()
        .filter_map(|event| match &event.kind {
            Kind::Call { call, ret, errno, injected, .. } => Some((call, *ret, errno.as_deref(), *injected)),
            _ => None,
        })
        .collect();
    let shown = chosen(&all, stage, failed);
    let width = shown.iter().map(|at| all[*at].0.name.len()).max().unwrap_or(0);
    let mut out = String::new();
    for (what, ret, errno, injected) in shown.iter().map(|at| &all[*at]) {
        let name = format!("{:<width$}", what.name);
        let longest = if matches!(what.name.as_ref(), "ioctl" | "sendto") { LONGEST_STRUCTURE } else { LONGEST };
        let arguments: Vec<String> = named_arguments(what).iter().map(|text| cut(&shortened(text), longest)).collect();
        out += &call(
            &name,
            &arguments,
            &(result(&what.name, *ret, *errno) + if *injected { " (INJECTED)" } else { "" }),
            errno.is_some(),
            style,
        );
    }
    out
}

/// Which calls are shown: those the stage is about, first of each name, before those that prepare; in their order. What
/// was called again in the same words says nothing new.
fn chosen(all: &[Told<'_>], stage: &str, failed: bool) -> Vec<usize> {
    let own = Stage::of(stage).map_or::<&[&str], _>(&[], Stage::own_calls);
    let most = if own.len() > CALLS || stage == Stage::Release.id() { STEPS } else { CALLS };
    let sort = |call: &Call| own.iter().position(|own| is_called(call, own));
    let first = |at: &usize| !all[..*at].iter().any(|(other, ..)| sort(other) == sort(all[*at].0));
    let refused = |at: &usize| all[*at].2.is_some();
    let again = |at: &usize| all[..*at].iter().any(|(other, ..)| *other == all[*at].0);
    // A program that was tried before it was wanted is told once, as it was wanted.
    let tried = |at: &usize| {
        let program = |call: &Call| (call.name == "execve").then(|| call.args.get("pathname").cloned());
        let own = program(all[*at].0);
        own.is_some() && all[at + 1..].iter().any(|(later, ..)| program(later) == own)
    };
    let ours = |at: &usize| sort(all[*at].0).is_some() && !refused(at) && !again(at) && !tried(at);
    let mut chosen: Vec<usize> = Vec::new();
    if failed && let Some(last) = (0..all.len()).rev().find(refused) {
        chosen.push(last);
    }
    // Where a stage has calls of its own, what prepares them is only counted.
    let by_weight: [&dyn Fn(&usize) -> bool; 3] =
        [&|at| ours(at) && first(at), &|at| ours(at), &|at| own.is_empty() && !refused(at)];
    for wanted in by_weight {
        for at in (0..all.len()).filter(wanted) {
            if chosen.len() < most && !chosen.contains(&at) {
                chosen.push(at);
            }
        }
    }
    chosen.sort_unstable();
    chosen
}

/// Whether a stage means this call by `own`: its name, or what makes one of many of a name its own: an ioctl's request, a
/// mount's filesystem, a message's type.
fn is_called(call: &Call, own: &str) -> bool {
    let argument = |name| call.args.get(name).is_some_and(|value| value == own);
    let message = || call.args.get("message").and_then(|message| message.get("type")).is_some_and(|sort| sort == own);
    call.name == own || argument("op") || argument("filesystemtype") || message()
}

fn plural(count: usize, word: &str) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}

fn result(name: &str, ret: Option<i64>, errno: Option<&str>) -> String {
    match (ret, errno, signature(name).map(|signature| signature.ret)) {
        (_, Some(errno), _) => format!("= {errno}"),
        (Some(pid), _, Some(Type::Pid)) => format!("= {pid}"),
        (Some(mode), _, Some(Type::Mode)) => format!("= {mode:04o}"),
        (Some(address), _, Some(Type::Address)) => format!("= {address:#x}"),
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
            let (before, after) = (reading(sort, before), reading(sort, after));
            // Many things that changed alike are one row.
            match rows.iter_mut().find(|row| row[1] == before && row[3] == after) {
                Some(row) => row[0] = format!("{}\n{name}", row[0]),
                None => rows.push(vec![name, before, "→".to_owned(), after]),
            }
        }
    }
    let exits = events.iter().any(|event| matches!(&event.kind, Kind::Change { object, .. } if object == "exit"));
    let hidden = rows.len().saturating_sub(if exits { EXITS } else { CHANGES });
    rows.truncate(rows.len() - hidden);
    for row in &mut rows {
        let names: Vec<&str> = row[0].split('\n').collect();
        row[0] = match names.len() {
            ..=NAMES => names.join(" "),
            all => format!("{} +{}", names[..NAMES].join(" "), all - NAMES),
        };
    }
    if rows.is_empty() {
        return String::new();
    }
    let more = if hidden > 0 { format!("   and {hidden} more (--explain=json)\n") } else { String::new() };
    changed(&columns(rows, style), style) + &more
}

/// A value that was read, without quotes.
pub(super) fn reading(sort: Type, value: &Value) -> String {
    match value {
        Value::Null => "—".to_owned(),
        Value::String(text) => shortened(text),
        // A structure is told by its values: what they are is clear from the name before them.
        Value::Object(fields) => {
            let values = fields.iter().map(|(name, value)| {
                format!("{name} {}", value.as_str().map_or_else(|| spelt(field_type(name), value), str::to_owned))
            });
            values.collect::<Vec<_>>().join(", ")
        }
        other => spelt(sort, other),
    }
}
