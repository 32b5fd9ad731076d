//! Bulk work in the story: one row for thousands of calls, with its counts and bytes.

use super::layout::{columns, sentences, shortened};
use super::value::{bytes, span};
use super::{Style, machine};
use crate::trace::event::{Event, Kind};
use serde_json::{Map, Value};

/// How many rows of one kind of work are shown.
const ROWS: usize = 8;
/// How many firewall rules are: they are long.
const RULES: usize = 3;
/// How many parts of a machine, groups of its kernel's log, instructions of its program: each says something of its own.
const PARTS: usize = 14;

/// The rows of all bulk work of a stage, work of one name in one table.
pub fn rows(events: &[Event], style: &Style) -> String {
    let mut tables: Vec<(&str, Vec<Vec<String>>)> = Vec::new();
    for event in events {
        if let Kind::Work { work, with } = &event.kind
            && work != "home"
        {
            let row = row(work, &Fields { with, stable: style.stable });
            let table = machine::table_of(work);
            match tables.last_mut() {
                Some((name, rows)) if *name == table => rows.push(row),
                _ => tables.push((table, vec![row])),
            }
        }
    }
    let render = |(name, rows): (&str, Vec<Vec<String>>)| {
        let rows = machine::table(name, rows, style.stable);
        let most = match name {
            "part" | "boot" | "code" => PARTS,
            _ if rows[0].len() == 1 => RULES,
            _ => ROWS,
        };
        let rows = if rows.len() > most { telling(rows, most) } else { rows };
        // A single cell is a line of text, not a column: it may be as long as a rule of a firewall.
        if rows.iter().all(|row| row.len() == 1) {
            return rows.iter().map(|row| sentences(&row[0], style)).collect();
        }
        columns(rows, style)
    };
    tables.into_iter().map(render).collect()
}

/// Firewall rules say what happens; the tables and chains they hang in are many and say little.
fn telling(rows: Vec<Vec<String>>, most: usize) -> Vec<Vec<String>> {
    let (rules, rest): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row[0].starts_with("add rule"));
    let all = rules.len() + rest.len();
    let mut shown: Vec<Vec<String>> = if rules.is_empty() { rest } else { rules };
    shown.truncate(most - 1);
    let hidden = all - shown.len();
    let mut more = vec![format!("and {hidden} more (--explain=json)")];
    more.resize(shown[0].len(), String::new());
    shown.push(more);
    shown
}

/// What a piece of work is about, by name.
pub(super) struct Fields<'a> {
    pub(super) with: &'a Map<String, Value>,
    pub(super) stable: bool,
}

impl Fields<'_> {
    pub(super) fn text(&self, name: &str) -> String {
        match self.with.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        }
    }

    fn number(&self, name: &str) -> u64 {
        self.with.get(name).and_then(Value::as_u64).unwrap_or_default()
    }

    /// A size, or its place in stable mode.
    pub(super) fn bytes(&self, name: &str) -> String {
        if self.stable { "(size)".to_owned() } else { bytes(self.number(name)) }
    }

    fn span(&self, name: &str) -> String {
        if self.stable { "(time)".to_owned() } else { span(self.number(name)) }
    }

    pub(super) fn count(&self, name: &str, word: &str) -> Option<String> {
        let number = self.number(name);
        if self.stable {
            return self.with.contains_key(name).then(|| format!("(n) {word}"));
        }
        let word = if number == 1 { word.trim_end_matches('s') } else { word };
        (number > 0).then(|| format!("{number} {word}"))
    }

    /// A time that was counted in milliseconds.
    pub(super) fn millis(&self, name: &str) -> String {
        if self.stable { "(time)".to_owned() } else { format!("{} ms", self.number(name)) }
    }

    /// A digest as long everywhere: its first twelve digits.
    fn digest(&self, name: &str) -> String {
        let text = self.text(name);
        if self.stable { text } else { text.trim_start_matches("sha256:").chars().take(12).collect() }
    }
}

/// One piece of work, by columns.
pub(super) fn row(work: &str, fields: &Fields<'_>) -> Vec<String> {
    match work {
        "exchange" => vec![
            fields.text("method"),
            shortened(&fields.text("url")),
            fields.text("status"),
            fields.bytes("bytes"),
            fields.span("dur_ns"),
        ],
        "bundle" => vec![shortened(&fields.text("path"))],
        "blob" => {
            let came = if fields.with.contains_key("came") {
                fields.text("came")
            } else if fields.with.contains_key("bytes") {
                format!("{} in {}", fields.bytes("bytes"), fields.span("dur_ns"))
            } else {
                "already here".to_owned()
            };
            vec![fields.text("role"), fields.digest("digest"), came, fields.text("remark")]
        }
        "check" => vec![fields.text("what"), fields.digest("digest"), fields.text("verdict")],
        "layer" => vec![fields.text("name"), fields.digest("diff_id"), layer_size(fields), fields.text("verdict")],
        "filter" => vec![format!(
            "{} instructions: {} calls pass, {} depend on their arguments, the rest gets {}",
            fields.text("instructions"),
            fields.text("allowed"),
            fields.text("conditional"),
            fields.text("default")
        )],
        "rules" => vec![fields.text("rule")],
        "guest_kernel" | "initramfs" | "drivers" | "disk" | "part" | "boot" | "answer" | "code" => {
            machine::row(work, fields)
        }
        "port_proxy" => vec![format!("process {}: {}", fields.text("pid"), fields.text("command"))],
        _ => vec![
            fields.with.iter().map(|(name, _)| format!("{name}={}", fields.text(name))).collect::<Vec<_>>().join("  "),
        ],
    }
}

fn layer_size(fields: &Fields<'_>) -> String {
    if fields.with.get("reused") == Some(&Value::Bool(true)) {
        return "already here".to_owned();
    }
    let parts = [
        Some(format!("{} → {}", fields.bytes("bytes_in"), fields.bytes("bytes_out"))),
        fields.count("files", "files"),
        fields.count("dirs", "dirs"),
        fields.count("whiteouts", "whiteouts"),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
