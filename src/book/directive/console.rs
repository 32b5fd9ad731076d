//! Console blocks: commands, and what they said when a test ran them last.

use crate::book::block::Block;
use crate::book::expand::{Refusal, Shelf};
use crate::book::html::escape;
use crate::book::select::{Line, select};
use crate::book::{host, snapshot};

/// The block as it is on a terminal, with what it was checked on below it.
pub fn console(block: &Block, shelf: &Shelf<'_>) -> Result<String, Refusal> {
    let said = snapshot::read(block, shelf.sources)?;
    let next = "look into the snapshot, or leave the attribute out".to_owned();
    let shown = select(&said, &block.part).map_err(|what| (what, next))?;
    let mut lines: Vec<String> = vec![];
    for (command, shown) in said.iter().zip(shown) {
        let (prompt, text) = command.typed.split_at(2);
        lines.push(format!("<span class=\"prompt\">{}</span><b>{}</b>", escape(prompt), escape(text)));
        lines.extend(shown.iter().map(line));
    }
    Ok(format!(
        "<figure class=\"console\"><pre tabindex=\"0\"><code class=\"nohighlight\">{}</code></pre><figcaption>{}</figcaption></figure>",
        lines.join("&#10;"),
        checked(block, shelf)
    ))
}

/// A line. Rules of a story, and what it says of the other side, stand back.
fn line(line: &Line) -> String {
    match line {
        Line::Cut => "<span class=\"cut\">…</span>".to_owned(),
        Line::Said(text) if text.starts_with("── ") => rule(text),
        Line::Said(text) => escape(text),
    }
}

/// `── 9 namespaces ──── namespaces(7) · 16 calls ──` with the name in the middle of it.
fn rule(text: &str) -> String {
    let name = text.trim_start_matches('─').trim_start();
    let Some(end) = name.find(" ─") else { return escape(text) };
    let (name, rest) = name.split_at(end);
    format!(
        "<span class=\"rule\">── </span><span class=\"stage-name\">{}</span><span class=\"rule\">{}</span>",
        escape(name),
        escape(rest)
    )
}

/// What it was checked on; and, where the host that makes the page is not like that, that it isn't checked there.
pub fn checked(block: &Block, shelf: &Shelf<'_>) -> String {
    let needs: Vec<&str> = block.needs.iter().map(|need| host::told(need)).collect();
    let needs = if needs.is_empty() { String::new() } else { format!(", {}", needs.join(", ")) };
    let told = format!("checked: output of rlab {}{needs}", shelf.knowledge.version);
    let lacks = block.lacks();
    let here = if lacks.is_empty() {
        String::new()
    } else {
        format!(" <strong>not checked where this page was made: {}</strong>", escape(&lacks.join("; ")))
    };
    escape(&told) + &here
}
