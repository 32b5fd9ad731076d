//! `{{#source PATH ANCHOR}}`: a piece of a file, between `ANCHOR: name` and `ANCHOR_END: name`.

use crate::book::expand::{Refusal, Shelf};
use crate::book::html::escape;

/// The piece, with its path below it.
pub fn source(arguments: &str, shelf: &Shelf<'_>) -> Result<String, Refusal> {
    let Some((path, anchor)) = arguments.split_once(' ') else {
        let next = "write {{#source src/runtime/stage/exec.rs stage}}".to_owned();
        return Err(("a source is named by a path and an anchor".to_owned(), next));
    };
    let Some(text) = shelf.sources.text(path) else {
        return Err((format!("{path} is not there"), "paths are from the repository's root".to_owned()));
    };
    let Some(piece) = between(&text, anchor.trim()) else {
        let next = format!("write `// ANCHOR: {anchor}` and `// ANCHOR_END: {anchor}` into the file");
        return Err((format!("{path} has no anchor `{anchor}`"), next));
    };
    // The empty element keeps mdBook from taking lines with `#` for ones to be hidden.
    Ok(format!(
        "<figure class=\"source\"><pre tabindex=\"0\"><code class=\"language-{}\">{}<span></span></code></pre><figcaption>{}</figcaption></figure>",
        language(path),
        escape(&piece),
        escape(path)
    ))
}

/// The lines between two marks, moved to the left edge. Other anchors' marks inside are left out.
fn between(text: &str, anchor: &str) -> Option<String> {
    let is = |line: &str, mark: &str| line.split_once(mark).is_some_and(|(_, name)| name.trim() == anchor);
    let mut lines = text.lines().skip_while(|line| !is(line, "ANCHOR:"));
    lines.next()?;
    let mut piece = vec![];
    loop {
        let line = lines.next()?;
        if is(line, "ANCHOR_END:") {
            break;
        }
        if !line.contains("ANCHOR:") && !line.contains("ANCHOR_END:") {
            piece.push(line);
        }
    }
    let indent = |line: &&str| line.len() - line.trim_start().len();
    let common = piece.iter().filter(|line| !line.trim().is_empty()).map(indent).min().unwrap_or(0);
    Some(piece.iter().map(|line| line.get(common..).unwrap_or("")).collect::<Vec<_>>().join("\n"))
}

fn language(path: &str) -> &str {
    match path.rsplit('.').next() {
        Some("rs") => "rust",
        Some("sh") => "bash",
        Some("toml") => "toml",
        Some("py") => "python",
        Some("c") => "c",
        _ => "plaintext",
    }
}

#[cfg(test)]
mod tests {
    use super::between;

    #[test]
    fn a_piece_stands_at_the_left_edge() {
        let text = "a\n    // ANCHOR: one\n    b\n      // ANCHOR: two\n\n      c\n    // ANCHOR_END: one\n// ANCHOR_END: two\n";
        assert_eq!(between(text, "one").as_deref(), Some("b\n\n  c"));
        assert_eq!(between(text, "three"), None);
        assert_eq!(between("// ANCHOR: open\na\n", "open"), None);
    }
}
