//! How marks look: a line each, and below what is not right what was found, how to look, and one hint.

use super::Desk;
use crate::lab::course::Filled;
use crate::lab::manifest::PREDICT;
use crate::lab::mark::{Mark, Marked};
use crate::lab::{Error, Lab};
use crate::trace::Style;
use owo_colors::OwoColorize;
use std::path::Path;

/// Where texts are folded: a terminal of the usual size, whatever this one has.
const COLUMNS: usize = 78;
/// Where the text of a line begins.
const INDENT: usize = 7;

/// What this host lacks for a lab, and how to get it.
pub fn missing(lab: &Lab) -> Option<(String, String)> {
    crate::lab::needs::missing(&lab.manifest.needs)
}

/// Marks what is in a folder.
pub fn mark(lab: &Filled, folder: &Path, desk: &Desk) -> Result<Marked, Error> {
    crate::lab::mark::in_folder(lab, folder, desk.root.clone())
}

/// One hint.
pub fn hint(id: &str, rung: usize, rungs: usize, text: &str) -> String {
    let more = if rung + 1 < rungs { "" } else { ", the last" };
    format!("{id} · hint {} of {rungs}{more}\n{}\n", rung + 1, folded("", text, 3))
}

/// The whole result.
pub fn shown(lab: &Filled, marked: &Marked, style: &Style) -> String {
    let mut text = format!("lab {} · {}\n\n", lab.manifest.number, lab.manifest.title);
    if !marked.ran {
        return text + &not_run(lab, marked);
    }
    for mark in &marked.marks {
        text += &line(mark, style);
    }
    if marked.open().any(|mark| mark.look.as_ref().is_some_and(|look| look.contains("$PID"))) {
        text += "\n$PID is the process that was looked at: ps lists it while the script runs.\n";
    }
    let (points, all, number) = (marked.points(), lab.manifest.points(), lab.manifest.number);
    text += &match marked.first_open() {
        None => format!("\n{points} of {all} points: done\n"),
        Some(mark) => format!("\n{points} of {all} points · more help: rlab lab hint {number} {}\n", mark.id),
    };
    text
}

/// Nothing was run, because a prediction is missing.
fn not_run(lab: &Filled, marked: &Marked) -> String {
    let mut text = "Predict first: nothing has been run yet. In answers.toml, under [predict]:\n\n".to_owned();
    for mark in marked.open().filter(|mark| mark.found.is_some()) {
        text += &folded("", &format!("{}: {}", mark.id.trim_start_matches(PREDICT), mark.say), 3);
        text.push('\n');
        if let (Some(_), Some(found)) = (&mark.predicted, &mark.found) {
            text += &(folded("", found, INDENT) + "\n");
        }
    }
    text + &format!("\nthen: rlab lab check {}\n", lab.manifest.number)
}

fn line(mark: &Mark, style: &Style) -> String {
    let label = if mark.passed { "  ok   " } else { "  no   " };
    let say = match &mark.predicted {
        Some(made) if mark.passed => format!("predicted: {} {made}", mark.say),
        _ => mark.say.clone(),
    };
    let mut text = folded(label, &say, INDENT) + "\n";
    if !mark.passed && style.colour {
        text = text.replacen("no", &"no".red().bold().to_string(), 1);
    }
    let sentence = |label: &str, part: &str| folded(&format!("       {label}"), part, INDENT + label.len()) + "\n";
    text.extend(mark.found.as_ref().map(|found| sentence("", found)));
    // A command is there to be copied, and is never folded.
    text.extend(mark.look.as_ref().map(|look| format!("       look   {look}\n")));
    text.extend(mark.hint.as_ref().map(|hint| sentence("hint   ", hint)));
    text
}

fn folded(first: &str, text: &str, indent: usize) -> String {
    let indent = " ".repeat(indent);
    let first = if first.is_empty() { indent.as_str() } else { first };
    textwrap::fill(
        &super::super::ui::harmless(text),
        textwrap::Options::new(COLUMNS).initial_indent(first).subsequent_indent(&indent),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_was_found_and_how_to_look() {
        let mark = Mark {
            id: "pid".to_owned(),
            say: "the container is in the host's PID namespace".to_owned(),
            predicted: None,
            observed: None,
            passed: false,
            points: 1,
            found: Some("found own; wanted host".to_owned()),
            look: Some("readlink /proc/$PID/ns/pid".to_owned()),
            mistake: None,
            hint: Some("Which flag of docker run names the PID namespace?".to_owned()),
        };
        let style = Style { width: 80, colour: false, stable: true };
        let wanted = "  no   the container is in the host's PID namespace\n       found own; wanted host\n       look   readlink /proc/$PID/ns/pid\n       hint   Which flag of docker run names the PID namespace?\n";
        assert_eq!(line(&mark, &style), wanted);
    }
}
