//! Player blocks: the trace of a command, to be gone through step by step.

use super::console::caption;
use crate::book::block::Block;
use crate::book::expand::{Refusal, Shelf};
use crate::book::html::escape;
use crate::book::snapshot;
use crate::trace::{Call, call_line};
use serde_json::Value;

/// The player of a recorded trace.
pub fn player(block: &Block, shelf: &Shelf<'_>) -> Result<String, Refusal> {
    let said = snapshot::read(block, shelf.sources)?;
    let lines = said.iter().flat_map(|said| &said.lines);
    let events: Vec<Value> = lines
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|event: &Value| event["kind"].is_string())
        .collect();
    if events.is_empty() {
        let next = "give the command --explain=json, and --stable".to_owned();
        return Err(("no command of the block tells a trace".to_owned(), next));
    }
    let typed: Vec<&str> = said.iter().map(|said| said.typed.as_str()).collect();
    Ok(format!("<figure class=\"player\">{}{}</figure>", fragment(&events, &typed.join("\n")), caption(block, shelf)))
}

/// The events, as plain text that can be unfolded.
fn fragment(events: &[Value], typed: &str) -> String {
    let calls = events.iter().filter(|event| event["kind"] == "call").filter_map(|event| {
        let call: Call = serde_json::from_value(event.clone()).ok()?;
        Some(escape(&format!("{:<13} {}", event["stage"].as_str().unwrap_or_default(), call_line(&call))))
    });
    let calls: Vec<String> = calls.collect();
    format!(
        "<details><summary><code>{}</code>: {} calls</summary><pre tabindex=\"0\"><code class=\"nohighlight\">{}</code></pre></details>",
        escape(typed),
        calls.len(),
        calls.join("&#10;")
    )
}
