//! Rules, wrapped sentences and aligned columns: layout before colour.

use super::Style;
use comfy_table::{ContentArrangement, Table, presets};
use owo_colors::OwoColorize;

/// Sentences never grow wider than this, however wide the terminal: long lines are hard to read.
const SENTENCE: usize = 80;
const INDENT: &str = "   ";

/// The rule that opens a block: number, name and time.
pub fn rule(name: &str, end: &str, failed: bool, style: &Style) -> String {
    let width = style.width.clamp(40, 100);
    let used = 3 + name.chars().count() + 1 + 1 + end.chars().count() + 3;
    let line = "─".repeat(width.saturating_sub(used).max(3));
    match (style.colour, failed) {
        (false, _) => format!("── {name} {line} {end} ──\n"),
        (true, false) => format!("{} {} {}\n", "──".dimmed(), name.bold().cyan(), format!("{line} {end} ──").dimmed()),
        (true, true) => {
            format!("{} {} {} {} {}\n", "──".dimmed(), name.bold().red(), line.dimmed(), end.red(), "──".dimmed())
        }
    }
}

/// A paragraph, indented and wrapped.
pub fn sentences(text: &str, style: &Style) -> String {
    hanging(INDENT, INDENT, text, style)
}

/// A paragraph with a label before its first line.
pub fn labelled(label: &str, text: &str, style: &Style) -> String {
    let width = (label.chars().count() + 3).max(10);
    let first = format!("{INDENT}{label:<width$}");
    hanging(&first, &" ".repeat(first.chars().count()), text, style)
}

fn hanging(first: &str, rest: &str, text: &str, style: &Style) -> String {
    let width = style.width.clamp(40, SENTENCE);
    let options = textwrap::Options::new(width).initial_indent(first).subsequent_indent(rest).break_words(true);
    textwrap::fill(text, options) + "\n"
}

/// Ids and digests are as long everywhere: their first twelve digits.
pub fn shortened(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(|letter: char| !letter.is_ascii_hexdigit()) {
        let digits = piece.trim_end_matches(|letter: char| !letter.is_ascii_hexdigit());
        match digits.len() {
            32.. => out.extend([&digits[..12], "…", &piece[digits.len()..]]),
            _ => out.push_str(piece),
        }
    }
    out
}

/// A long value is cut: the other views have it whole.
pub fn cut(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        text.to_owned()
    } else {
        text.chars().take(longest - 1).chain(['…']).collect()
    }
}

/// A call: its name, its arguments over as many lines as they need, and the result at the right edge.
pub fn call(name: &str, arguments: &[String], result: &str, failed: bool, style: &Style) -> String {
    let width = style.width.clamp(40, 100);
    let first = format!("{INDENT}{name}  ");
    let rest = " ".repeat(first.chars().count());
    let room = width.saturating_sub(result.chars().count() + 2);
    let options = textwrap::Options::new(room)
        .initial_indent(&first)
        .subsequent_indent(&rest)
        .break_words(true)
        .word_separator(textwrap::WordSeparator::Custom(pieces))
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    let mut lines: Vec<String> = textwrap::wrap(&arguments.join(" "), options).into_iter().map(Into::into).collect();
    if let Some(last) = lines.last_mut() {
        let gap = width.saturating_sub(last.chars().count() + result.chars().count()).max(1);
        let end = if failed && style.colour { result.red().to_string() } else { result.to_owned() };
        last.push_str(&" ".repeat(gap));
        last.push_str(&end);
    }
    lines.join("\n") + "\n"
}

/// Where an argument may be broken: after a space, and between flags, folders and options.
pub fn pieces(line: &str) -> Box<dyn Iterator<Item = textwrap::core::Word<'_>> + '_> {
    Box::new(line.split_inclusive([' ', '|', '/', ',', ':']).map(textwrap::core::Word::from))
}

/// Aligned columns without lines between them.
pub fn columns(rows: Vec<Vec<String>>, style: &Style) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(style.width.clamp(40, 100) - INDENT.len()).unwrap_or(80));
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.to_string().lines().map(|line| format!("{}\n", format!("{INDENT}{line}").trim_end())).collect()
}

/// What is there for a second look only.
pub fn dim(text: &str, style: &Style) -> String {
    if style.colour { text.lines().map(|line| format!("{}\n", line.dimmed())).collect() } else { text.to_owned() }
}

/// What changed.
pub fn changed(text: &str, style: &Style) -> String {
    if style.colour { text.green().to_string() } else { text.to_owned() }
}
