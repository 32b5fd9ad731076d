//! What a reader can take in: the size of a file and of a function, how it opens, what it is called.

use super::Breach;
use super::paths::functions;
use super::source::Source;

const FILE_LINES: usize = 500;
const FUNCTION_LINES: usize = 60;
/// In a stage file the reasons are the lesson; with more comment than this the calls are lost among them.
const STAGE_COMMENT_PERCENT: std::ops::RangeInclusive<usize> = 25..=50;
/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["utils", "util", "helpers", "helper", "common", "manager", "misc"];
const UNFINISHED: &[&str] = &["TODO", "FIXME", "XXX", "HACK"];

/// Every breach of size, opening and name in one file.
pub fn check(source: &Source) -> Vec<Breach> {
    let mut breaches = vec![];
    let mut breach = |line, rule: &'static str, what: String| {
        breaches.push(Breach { path: source.path.clone(), line, rule, what });
    };
    let length = source.text.lines().count();
    if length > FILE_LINES {
        breach(length, "file length", format!("{length} lines, at most {FILE_LINES}"));
    }
    if !source.text.starts_with("//!") {
        breach(1, "opening", "a file opens with `//!` and the problem that it solves".to_owned());
    }
    let stem = source.path.rsplit('/').next().and_then(|name| name.strip_suffix(".rs")).unwrap_or_default();
    if EMPTY_NAMES.contains(&stem) || source.path.split('/').any(|part| EMPTY_NAMES.contains(&part)) {
        breach(1, "name", "the name says nothing about what is inside".to_owned());
    }
    for function in functions(source) {
        if function.lines > FUNCTION_LINES {
            let what = format!("`{}` has {} lines, at most {FUNCTION_LINES}", function.name, function.lines);
            breach(function.line, "function length", what);
        }
    }
    for (number, comment) in source.comments.lines().enumerate() {
        if comment.split(|c: char| !c.is_alphanumeric()).any(|word| UNFINISHED.contains(&word)) {
            breach(number + 1, "unfinished", comment.trim().to_owned());
        }
    }
    if source.path.starts_with("src/runtime/stage/") && stem != "mod" {
        let percent = comment_percent(source);
        if !STAGE_COMMENT_PERCENT.contains(&percent) {
            breach(
                1,
                "stage comments",
                format!("{percent} % of the lines are comment, wanted {STAGE_COMMENT_PERCENT:?} %"),
            );
        }
    }
    breaches
}

/// How many of the lines that are neither blank nor for tests hold a comment.
fn comment_percent(source: &Source) -> usize {
    let lines = source.text.lines().zip(source.comments.lines()).enumerate();
    let read: Vec<bool> = lines
        .filter(|(at, (text, _))| !text.trim().is_empty() && !source.is_test(at + 1))
        .map(|(_, (_, comment))| !comment.trim().is_empty())
        .collect();
    read.iter().filter(|is_comment| **is_comment).count() * 100 / read.len().max(1)
}
