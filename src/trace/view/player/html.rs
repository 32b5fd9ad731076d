//! The player as a piece of a page: text that reads well by itself, with what the script needs beside it.
//!
//! No blank line, heading or `code` may be in it: Markdown ends a block of HTML at a blank line, a heading would go into the
//! page's own contents, and the book's highlighter takes every `code` for a program's.

use super::state::{Difference, Panel};
use super::steps::{Section, Step, Steps};
use crate::trace::event::{Actor, Call, Kind};
use crate::trace::signature::{man_page, object_type};
use crate::trace::texts::english;
use crate::trace::view::layout::shortened;
use crate::trace::view::story::reading;
use crate::trace::view::value::{call_line, span};
use crate::trace::view::{calls, work};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// The whole figure.
pub fn figure(steps: &Steps<'_>, id: &str) -> String {
    let title = steps.title();
    let count: usize = steps.sections.iter().map(|section| section.steps.len().max(1)).sum();
    let about = format!("{count} steps in {} stages", steps.sections.len());
    let (id, title) = (escaped(id), escaped(&title));
    let mut out = format!(
        "<figure class=\"rlab-player\" id=\"{id}\" role=\"group\" aria-label=\"Trace player: {title}\">\n\
         <figcaption><span class=\"rp-title\">{title}</span> <span class=\"rp-about\">{about}</span></figcaption>\n"
    );
    out += &controls(steps, count);
    out += "<ol class=\"rp-stages\" role=\"list\">\n";
    for (number, section) in steps.sections.iter().enumerate() {
        out += &stage(number + 1, section, steps);
    }
    out += "</ol>\n";
    out += &panels(steps);
    out += "</figure>\n";
    out
}

/// Buttons and the slider. The script shows them: without it there is nothing to control.
fn controls(steps: &Steps<'_>, count: usize) -> String {
    let button = |go: &str, label: &str, sign: &str| {
        format!("<button type=\"button\" data-go=\"{go}\" aria-label=\"{label}\">{sign}</button>\n")
    };
    let map: String = steps
        .sections
        .iter()
        .map(|section| format!("<i style=\"flex-grow:{}\"></i>", section.steps.len().max(1)))
        .collect();
    format!(
        "<div class=\"rp-controls\" hidden>\n\
         <div class=\"rp-buttons\">\n{}{}{}{}</div>\n\
         <input type=\"range\" class=\"rp-slider\" min=\"1\" max=\"{}\" value=\"1\" step=\"1\" aria-label=\"Step\">\n\
         <div class=\"rp-map\" aria-hidden=\"true\">{map}</div>\n\
         <p class=\"rp-place\"><span class=\"rp-at\"></span> <span class=\"rp-keys\">← → step · ↑ ↓ stage</span></p>\n\
         <p class=\"rp-live\" aria-live=\"polite\"></p>\n\
         </div>\n",
        button("stage-back", "Previous stage", "« stage"),
        button("step-back", "Previous step", "‹ step"),
        button("step-on", "Next step", "step ›"),
        button("stage-on", "Next stage", "stage »"),
        count.max(1),
    )
}

fn stage(number: usize, section: &Section<'_>, steps: &Steps<'_>) -> String {
    let name = escaped(&section.stage);
    let text = english().stage(&section.stage);
    let mut about: Vec<String> = Vec::new();
    about.extend(text.and_then(|text| text.man.first().cloned()).filter(|_| !section.again));
    if section.failed {
        about.push("failed".to_owned());
    } else if section.took > 0 {
        about.push(span(section.took));
    }
    if section.again {
        about.push("continued".to_owned());
    }
    let failed = if section.failed { " rp-failed" } else { "" };
    let mut out = format!(
        "<li class=\"rp-stage{failed}\" data-stage=\"{name}\">\n\
         <p class=\"rp-head\"><b role=\"heading\" aria-level=\"3\"><span class=\"rp-number\">{number}</span> {name}</b> \
         <span class=\"rp-about\">{}</span></p>\n",
        escaped(&about.join(" · "))
    );
    if let Some(text) = text.filter(|_| !section.again) {
        let _never =
            writeln!(out, "<p class=\"rp-why\">{} {}</p>", escaped(text.what.trim()), escaped(text.why.trim()));
        if let Some((place, twin)) = text.twin(steps.of_machine) {
            let _never = writeln!(out, "<p class=\"rp-twin\"><b>{place}</b> {}</p>", escaped(twin.trim()));
        }
    }
    out += "<ol class=\"rp-steps\" role=\"list\">\n";
    for one in &section.steps {
        out += &step(one, steps);
    }
    if section.steps.is_empty() {
        out += "<li class=\"rp-note\">The trace tells of no call in this stage.</li>\n";
    }
    out + "</ol>\n</li>\n"
}

/// One event: its kind for the script and the style, who told it, what it says.
fn step(step: &Step<'_>, steps: &Steps<'_>) -> String {
    let actor = format!("{:?}", step.event.actor).to_lowercase();
    let guest = if step.event.actor == Actor::Guest { " of the guest" } else { "" };
    let who = if step.event.pid == 0 { actor } else { format!("{actor} {}", step.event.pid) } + guest;
    let (class, head, body) = match &step.event.kind {
        Kind::Call { call, ret, errno, injected, .. } => {
            let result = calls::result(call, *ret, errno.as_deref(), *injected);
            let (class, end) = if errno.is_some() { ("rp-call rp-failed", " · failed") } else { ("rp-call", "") };
            let head = format!("call · {who} · {}{end}", man_page(&call.name));
            (class, head, call_words(call, &result))
        }
        Kind::Change { object, key, before, after } => {
            ("rp-change", format!("change, read by {who}"), change_words(object, key, before, after))
        }
        Kind::Work { work, with } => ("rp-work", format!("work · {who}"), work_words(work, with, steps.stable)),
        Kind::Skip { reason } => {
            let text = english().skips.get(reason.as_ref()).map_or(reason.as_ref(), String::as_str);
            ("rp-skip", "nothing to do".to_owned(), escaped(text))
        }
        Kind::Note { note, with } => ("rp-note", format!("note · {who}"), escaped(&english().note(note, with))),
        Kind::Enter | Kind::Leave { .. } => return String::new(),
    };
    let by = step.by.map(|row| format!(" data-by=\"{row}\"")).unwrap_or_default();
    let data = data(&step.differences);
    format!("<li class=\"{class}\"{by}{data}><span class=\"rp-who\">{}</span> {body}</li>\n", escaped(&head))
}

/// The line of `--explain=calls`, without who made the call and how long it took.
fn call_words(call: &Call, result: &str) -> String {
    let line = format!("{} = {result}", call_line(call));
    let (name, rest) = line.split_at(call.name.len());
    format!("<samp><b>{}</b>{}</samp>", escaped(name), escaped(rest))
}

fn change_words(object: &str, key: &str, before: &Value, after: &Value) -> String {
    let told = |value: &Value| match value {
        Value::Null => "nothing".to_owned(),
        _ => escaped(&reading(object_type(object, key), value)),
    };
    let what = if key.is_empty() { String::new() } else { format!(" {}", escaped(&shortened(key))) };
    format!("<samp><b>{}</b>{what}: {} → {}</samp>", escaped(object), told(before), told(after))
}

fn work_words(name: &str, with: &Map<String, Value>, stable: bool) -> String {
    let cells = work::row(name, &work::Fields { with, stable });
    let told: Vec<&str> = cells.iter().map(String::as_str).filter(|cell| !cell.is_empty()).collect();
    format!("<samp><b>{}</b> {}</samp>", escaped(&name.replace('_', " ")), escaped(&told.join("  ")))
}

/// What the script applies: a list of rows, each with its value and its note, or alone when it is gone.
fn data(differences: &[Difference]) -> String {
    if differences.is_empty() {
        return String::new();
    }
    let one = |difference: &Difference| match &difference.cell {
        Some(cell) if cell.note.is_empty() => json!([difference.row, cell.text]),
        Some(cell) => json!([difference.row, cell.text, cell.note]),
        None => json!([difference.row]),
    };
    let list = Value::Array(differences.iter().map(one).collect()).to_string();
    // In single quotes JSON stays as it is, and as short.
    format!(" data-d='{}'", list.replace('&', "&amp;").replace('\'', "&#39;").replace('<', "&lt;"))
}

fn panels(steps: &Steps<'_>) -> String {
    let order = steps.order();
    let mut out = "<div class=\"rp-panels\" hidden>\n".to_owned();
    for panel in Panel::ALL {
        let rows: Vec<&(usize, usize)> = order.iter().filter(|(row, _)| steps.rows[*row].panel == panel).collect();
        if rows.is_empty() {
            continue;
        }
        let title = panel.title();
        let name = format!("{panel:?}").to_lowercase();
        let _never = writeln!(
            out,
            "<section class=\"rp-panel\" data-panel=\"{name}\" aria-label=\"{title}\">\n<p class=\"rp-panel-name\">{title}</p>\n\
             <p class=\"rp-none\">none</p>\n<ul class=\"rp-rows\" role=\"list\">"
        );
        for (row, depth) in rows {
            let indent = if *depth == 0 { String::new() } else { format!(" style=\"--rp-depth:{depth}\"") };
            let _never = writeln!(
                out,
                "<li data-r=\"{row}\"{indent} hidden><span class=\"rp-mark\"></span> <span class=\"rp-key\">{}</span> \
                 <span class=\"rp-cell\"><span class=\"rp-value\"></span> <span class=\"rp-beside\"></span></span></li>",
                escaped(&steps.rows[*row].label)
            );
        }
        out += "</ul>\n</section>\n";
    }
    out + "</div>\n"
}

/// Text for a page. Line breaks in it would end a block of HTML in Markdown.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ if letter.is_control() => out.push(' '),
            _ => out.push(letter),
        }
    }
    out
}
