//! A page with everything put in that it names.

use super::Fault;
use super::block::{Block, Kind};
use super::directive;
use super::fence::{Fence, Piece, pieces};
use super::knowledge::Knowledge;
use super::labs::Lab;
use super::sources::Sources;

/// What pages are made from.
pub struct Shelf<'a> {
    /// The repository's files.
    pub sources: &'a Sources,
    /// What others know.
    pub knowledge: &'a Knowledge,
    /// The labs.
    pub labs: Vec<Lab>,
    /// The pages of stages in the book's order: `stages/exec.md`.
    pub stages: Vec<String>,
}

/// The page at hand.
pub struct Page<'a> {
    /// Its file, from the repository's root.
    pub file: &'a str,
    /// The way from it to the book's first folder: `../`.
    pub to_root: &'a str,
}

/// What is wrong, and the next step.
pub type Refusal = (String, String);

/// The page's text with everything put in; what could not be put in is told, and shown in its place.
pub fn expand(text: &str, page: &Page<'_>, shelf: &Shelf<'_>, faults: &mut Vec<Fault>) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut players = 0;
    for piece in pieces(text) {
        let (line, indent, put_in) = match piece {
            Piece::Prose { line: from, text } => {
                for (line, (what, next)) in
                    text.lines().zip(from..).filter_map(|(text, line)| Some((line, stray(text)?)))
                {
                    faults.push(Fault { page: page.file.to_owned(), line, what, next });
                }
                out += &text;
                continue;
            }
            Piece::Fence(fence) => {
                let lines: Vec<&str> = fence.lines.iter().map(String::as_str).collect();
                let put_in = match Block::parse(page.file, fence.line, &fence.info, &lines) {
                    Ok(None) if included(&lines).is_none() => {
                        out += &fence.whole;
                        continue;
                    }
                    Ok(None) => include(&fence, page, shelf),
                    Ok(Some(block)) if block.kind == Kind::Player => {
                        players += 1;
                        directive::player::player(&block, shelf, players == 1)
                    }
                    Ok(Some(block)) => directive::console::console(&block, shelf),
                    Err(refusal) => Err(refusal),
                };
                (fence.line, fence.indent, put_in)
            }
            Piece::Directive { line, indent, name, arguments } => {
                let put_in = directive::put_in(&name, &arguments, page, shelf, faults);
                (line, indent, put_in)
            }
        };
        let shown = put_in.unwrap_or_else(|(what, next)| {
            faults.push(Fault { page: page.file.to_owned(), line, what: what.clone(), next });
            directive::missing(&what)
        });
        // An HTML block ends at a blank line, and would take the next line of prose with it.
        for line in shown.lines() {
            out += &format!("{indent}{line}\n");
        }
        out.push('\n');
    }
    out
}

/// What a line of prose holds that would stay on the page as it is, unseen by any test.
fn stray(line: &str) -> Option<Refusal> {
    let alone = || "it stands on a line of its own, with nothing but blanks before it".to_owned();
    let outside_of_code = |mark: &str| line.split('`').step_by(2).any(|part| part.contains(mark));
    if outside_of_code("{{#") {
        return Some(("a directive inside a sentence or a list is none".to_owned(), alone()));
    }
    let item = line.trim_start().trim_start_matches(|letter: char| letter.is_ascii_digit());
    let quoted = item.trim_start_matches(['>', '-', '*', '+', '.', ' ']);
    let marks = ["```", "~~~"].iter().any(|mark| quoted.starts_with(mark)) && quoted.len() < item.len();
    marks.then(|| ("a block behind a mark of a list or a quotation is not checked".to_owned(), alone()))
}

/// The file that a block of code is, when it is nothing but that.
fn included<'a>(lines: &[&'a str]) -> Option<&'a str> {
    let [line] = lines else { return None };
    line.trim().strip_prefix("{{#include ")?.strip_suffix("}}")
}

/// A block of code that is a file beside the page.
fn include(fence: &Fence, page: &Page<'_>, shelf: &Shelf<'_>) -> Result<String, Refusal> {
    let lines: Vec<&str> = fence.lines.iter().map(String::as_str).collect();
    let beside = page.file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let path = format!("{beside}/{}", included(&lines).unwrap_or_default());
    let Some(text) = shelf.sources.text(&path) else {
        return Err((format!("{path} is not there"), "the path is from the page's own folder".to_owned()));
    };
    Ok(format!("````{}\n{}\n````", fence.info, text.trim_end()))
}
