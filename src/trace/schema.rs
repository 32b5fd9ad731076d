//! The published form of the trace: a JSON Schema that a course can check its own tools against.

use super::event::SCHEMA_VERSION;
use super::signature::{SIGNATURES, Type};
use super::stage::Stage;
use serde_json::{Map, Value, json};

/// JSON Schema (2020-12) of one line of a trace. It is made from the same tables that write and read the events.
pub fn json_schema() -> Value {
    let stages: Vec<&str> = Stage::ALL.iter().map(|stage| stage.id()).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "rlab trace event",
        "description": "One line of a trace file. A reader skips fields and kinds that it does not know.",
        "type": "object",
        "required": ["v", "seq", "t_ns", "actor", "pid", "stage", "kind"],
        "properties": {
            "v": {"const": SCHEMA_VERSION, "description": "schema version"},
            "seq": {"type": "integer", "minimum": 1, "description": "counts the events of one run over all its processes"},
            "t_ns": {"type": "integer", "minimum": 0, "description": "monotonic nanoseconds since the trace was opened"},
            "actor": {"enum": ["engine", "parent", "init", "shim", "vm", "guest"], "description": "which part of rlab wrote it"},
            "pid": {"type": "integer", "description": "the writer's process number as the host sees it; a guest's is its own kernel's"},
            "stage": {"enum": stages},
            "kind": {"enum": ["enter", "leave", "call", "work", "change", "skip", "note"]}
        },
        "oneOf": [
            kind("enter", json!({}), &[]),
            kind("leave", json!({"dur_ns": {"type": "integer"}, "failed": {"type": "boolean"}}), &["dur_ns"]),
            kind("skip", json!({"reason": {"type": "string", "description": "the name of a text"}}), &["reason"]),
            kind("note", json!({"note": {"type": "string", "description": "the name of a text"}, "with": {"type": "object"}}), &["note", "with"]),
            kind("work", json!({"work": {"type": "string"}, "with": {"type": "object", "description": "what it was about and what it counted"}}), &["work", "with"]),
            kind("change", json!({
                "object": {"type": "string"}, "key": {"type": "string"},
                "before": {"description": "what was read before; null when there was none"},
                "after": {"description": "what was read after; null when there is none any more"}
            }), &["object", "key", "before", "after"]),
            kind("call", json!({
                "call": {"enum": SIGNATURES.iter().map(|signature| signature.name).collect::<Vec<_>>()},
                "args": {"type": "object", "description": "in the call's order; see $defs for each call"},
                "ret": {"type": "integer"},
                "errno": {"type": "string", "pattern": "^E[A-Z0-9]+$"},
                "injected": {"type": "boolean", "description": "the error was asked for with --inject: the kernel was not asked"},
                "dur_ns": {"type": "integer"}
            }), &["call", "args", "dur_ns"]),
        ],
        "$defs": definitions()
    })
}

fn kind(name: &str, properties: Value, required: &[&str]) -> Value {
    let mut all = Map::new();
    all.insert("kind".into(), json!({"const": name}));
    if let Value::Object(more) = properties {
        all.extend(more);
    }
    json!({"properties": all, "required": required})
}

/// Every call's arguments, with the sort of each value: what a reader needs to mask or to print them.
fn definitions() -> Value {
    let calls = SIGNATURES.iter().map(|signature| {
        let arguments: Map<String, Value> =
            signature.args.iter().map(|(name, sort)| ((*name).to_owned(), argument(*sort))).collect();
        let definition = json!({
            "type": "object",
            "description": signature.man,
            "properties": arguments,
            "x-returns": sort_name(signature.ret)
        });
        (signature.name.to_owned(), definition)
    });
    Value::Object(calls.collect())
}

fn argument(sort: Type) -> Value {
    json!({"x-sort": sort_name(sort)})
}

fn sort_name(sort: Type) -> String {
    format!("{sort:?}").to_lowercase()
}
