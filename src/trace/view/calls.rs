//! The view for those who know strace: a line a call, and marks where a stage begins.

use super::value::{call_line, spelt};
use crate::trace::event::{Call, Event, Kind};
use crate::trace::signature::{Type, object_type, signature};
use serde_json::{Map, Value};

/// One line for an event.
pub fn line(event: &Event) -> String {
    let who = format!("[{:?} {}]", event.actor, event.pid).to_lowercase();
    match &event.kind {
        Kind::Enter => format!("# {}\n", event.stage),
        Kind::Leave { failed: true, .. } => format!("# {} failed\n", event.stage),
        Kind::Leave { .. } => String::new(),
        Kind::Call { call, ret, errno, injected, dur_ns } => {
            let result = result(call, *ret, errno.as_deref(), *injected);
            let took = if *dur_ns == 0 { String::new() } else { format!(" <{:.6}>", *dur_ns as f64 / 1e9) };
            format!("{who} {} = {result}{took}\n", call_line(call))
        }
        Kind::Work { work, with } => format!("{who} # {work} {}\n", Value::Object(short(with))),
        Kind::Change { object, key, before, after } => {
            let sort = object_type(object, key);
            format!("{who} # {object} {key}: {} -> {}\n", spelt(sort, before), spelt(sort, after))
        }
        Kind::Skip { reason } => format!("{who} # nothing to do: {reason}\n"),
        Kind::Note { note, with } => format!("{who} # {note} {}\n", Value::Object(with.clone())),
    }
}

/// What a call returned, as strace prints it.
pub(super) fn result(call: &Call, ret: Option<i64>, errno: Option<&str>, injected: bool) -> String {
    match (ret, errno) {
        (_, Some(name)) if injected => format!("-1 {name} (INJECTED)"),
        (_, Some(name)) => format!("-1 {name}"),
        (Some(number), None) => result_number(&call.name, number),
        (None, None) => "?".to_owned(),
    }
}

/// Without long lists, such as the instructions of a filter: the JSON view has them.
fn short(with: &Map<String, Value>) -> Map<String, Value> {
    let is_short = |value: &Value| value.as_array().is_none_or(|items| items.len() <= 32);
    with.iter().filter(|(_, value)| is_short(value)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn result_number(call: &str, number: i64) -> String {
    match signature(call).map(|signature| signature.ret) {
        Some(Type::Mode) => format!("{number:#05o}").replacen("0o", "0", 1),
        Some(Type::Address) => format!("{number:#x}"),
        _ => number.to_string(),
    }
}
