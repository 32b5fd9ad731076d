//! `{{#events}}`: the fields of a trace's events, from the schema that `rlab trace schema` prints.

use crate::book::html::{escape, sentence};
use crate::trace::json_schema;
use serde_json::Value;

/// The fields that every event has, those of each kind, and the calls with their arguments.
pub fn events() -> String {
    let schema = json_schema();
    let mut out = format!("### Every event\n\n{}\n\n", fields(&schema["properties"], &schema["required"], "kind"));
    for kind in schema["oneOf"].as_array().into_iter().flatten() {
        let name = kind["properties"]["kind"]["const"].as_str().unwrap_or_default();
        out += &format!("### {name}\n\n{}\n\n", fields(&kind["properties"], &kind["required"], ""));
    }
    out += "### Calls and their arguments\n\n";
    out += &calls(&schema["$defs"]);
    let whole = serde_json::to_string_pretty(&schema).unwrap_or_default();
    out += &format!(
        "\n\n<details><summary>The schema as a whole, as <code>rlab trace schema</code> prints it</summary><pre tabindex=\"0\"><code class=\"nohighlight\">{}</code></pre></details>",
        escape(&whole)
    );
    out
}

/// A row a field. `kind` itself is told by the headings.
fn fields(properties: &Value, required: &Value, keep: &str) -> String {
    let is_required = |name: &str| required.as_array().is_some_and(|all| all.iter().any(|one| one == name));
    let rows: Vec<String> = properties
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| *name != "kind" || keep == "kind")
        .map(|(name, field)| {
            let may = if is_required(name) { "" } else { " <i>not always there</i>" };
            let about = field["description"].as_str().map(sentence).unwrap_or_default();
            format!(
                "<div><code>{}</code> <span>{}{may}</span><p>{about}{}</p></div>",
                escape(name),
                sort(field),
                values(field)
            )
        })
        .collect();
    if rows.is_empty() {
        return "<p>It has no field of its own.</p>".to_owned();
    }
    format!("<div class=\"arguments\">{}</div>", rows.concat())
}

fn sort(field: &Value) -> String {
    match (&field["type"], &field["const"]) {
        (Value::String(sort), _) => escape(sort),
        (_, Value::Null) if field["enum"].is_array() => "string, one of these".to_owned(),
        (_, Value::Null) => "any".to_owned(),
        (_, constant) => escape(&format!("always {constant}")),
    }
}

/// The values that a field can have, where they are few; the calls have a table of their own.
fn values(field: &Value) -> String {
    let all: Vec<String> =
        field["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).map(escape).collect();
    if all.is_empty() || all.len() > 60 {
        return String::new();
    }
    format!(" {}", all.iter().map(|value| format!("<code>{value}</code>")).collect::<Vec<_>>().join(" "))
}

fn calls(definitions: &Value) -> String {
    let rows = definitions.as_object().into_iter().flatten().map(|(name, call)| {
        let arguments = call["properties"].as_object().into_iter().flatten().map(|(name, argument)| {
            let sort = argument["x-sort"].as_str().unwrap_or_default();
            format!("<code>{}</code> {}", escape(name), escape(sort))
        });
        let arguments: Vec<String> = arguments.collect();
        let man = call["description"].as_str().map(escape).unwrap_or_default();
        format!("<div><code>{}</code> <span>{man}</span><p>{}</p></div>", escape(name), arguments.join(", "))
    });
    format!("<div class=\"arguments\">{}</div>", rows.collect::<String>())
}
