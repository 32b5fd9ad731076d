//! Printing: results on standard output, everything else on standard error, colours only where they are wanted.

use super::Failure;
use crate::sys;
use crate::sys::cause::Cause;
use crate::trace::Style;
use anstream::{AutoStream, ColorChoice};
use owo_colors::OwoColorize;
use std::io::{ErrorKind, Stderr, Stdout, Write};
use std::process::ExitCode;

/// What a terminal without a known size is taken for.
const DEFAULT_COLUMNS: usize = 80;

/// Where and how to print.
pub struct Ui {
    out: AutoStream<Stdout>,
    err: AutoStream<Stderr>,
    /// Why a result did not come out.
    lost: Option<std::io::Error>,
}

impl Ui {
    /// Decides about colours by NO_COLOR, CLICOLOR and whether there is a terminal.
    pub fn new() -> Ui {
        Ui { out: AutoStream::auto(std::io::stdout()), err: AutoStream::auto(std::io::stderr()), lost: None }
    }

    /// A result. A reader that went away (`| head`) is no error; a full disk is one, see [`Ui::lost`].
    pub fn result(&mut self, text: &str) {
        let written = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
        if let Err(error) = written
            && error.kind() != ErrorKind::BrokenPipe
        {
            self.lost.get_or_insert(error);
        }
    }

    /// Why a part of the results did not come out, if one did not.
    pub fn lost(&mut self) -> Option<std::io::Error> {
        self.lost.take()
    }

    /// A status line, in a terminal at its width.
    pub fn status(&mut self, text: &str) {
        let columns = sys::window_size(std::io::stderr()).map(|size| usize::from(size.columns));
        let _gone = writeln!(self.err, "{}", folded(&harmless(text), columns));
    }

    /// An error, its likeliest cause with the command that shows it, the next step, and the exit code it means.
    pub fn failure(&mut self, failure: &Failure, cause: Option<Cause>) -> ExitCode {
        let _gone = writeln!(self.err, "{} {}", "rlab:".red().bold(), harmless(&failure.to_string()));
        let (why, check, fix) = cause.map(|cause| (cause.why, cause.check, cause.fix)).unwrap_or_default();
        self.labelled("cause:", &why);
        if !check.is_empty() {
            // Never folded: it is there to be copied.
            let _gone = writeln!(self.err, "  {} {}", "check:".bold(), harmless(&check));
        }
        let hint = if fix.is_empty() { failure.hint().unwrap_or_default() } else { fix };
        self.labelled("try:", &hint);
        ExitCode::from(failure.exit_code())
    }

    /// A sentence below an error, folded.
    fn labelled(&mut self, label: &str, text: &str) {
        if !text.is_empty() {
            let indent = " ".repeat(label.len() + 3);
            let wrapped =
                textwrap::fill(&harmless(text), textwrap::Options::new(77 - label.len()).subsequent_indent(&indent));
            let _gone = writeln!(self.err, "  {} {wrapped}", label.bold());
        }
    }

    /// How a story on standard error is laid out.
    pub fn story_style(&self, stable: bool) -> Style {
        let columns = sys::window_size(std::io::stderr()).map_or(DEFAULT_COLUMNS, |size| usize::from(size.columns));
        let columns = if columns == 0 { DEFAULT_COLUMNS } else { columns };
        // A stable story is compared letter by letter: it must not depend on the window it is made in.
        if stable {
            return Style { width: DEFAULT_COLUMNS, colour: false, stable };
        }
        Style { width: columns, colour: AutoStream::choice(&std::io::stderr()) != ColorChoice::Never, stable }
    }

    /// How a story on standard output is laid out.
    pub fn result_style(&self, stable: bool) -> Style {
        let columns = sys::window_size(std::io::stdout()).map_or(DEFAULT_COLUMNS, |size| usize::from(size.columns));
        let colour = !stable && AutoStream::choice(&std::io::stdout()) != ColorChoice::Never;
        Style { width: if stable || columns == 0 { DEFAULT_COLUMNS } else { columns }, colour, stable }
    }

    /// Standard output for a story.
    pub fn result_output() -> Box<dyn Write + Send> {
        Box::new(std::io::stdout())
    }

    /// Standard error for a story: it knows its colours itself.
    pub fn story_output() -> Box<dyn Write + Send> {
        Box::new(std::io::stderr())
    }
}

/// A text in which strangers have had a say, an image's history or a registry's answer, without what would move the
/// cursor, rename the window or type for the user.
pub fn harmless(text: &str) -> String {
    let is_harmful = |letter: char| letter.is_control() && letter != '\n';
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_harmful(letter) { out.extend(letter.escape_unicode()) } else { out.push(letter) }
    }
    out
}

/// In lines of a terminal; as it is where there is none, or none that knows its width. A path or an address stays whole.
fn folded(text: &str, columns: Option<usize>) -> String {
    match columns {
        Some(columns @ 1..) => textwrap::fill(text, textwrap::Options::new(columns).break_words(false)),
        _ => text.to_owned(),
    }
}

/// clap's own message about the arguments, with Docker's exit code.
pub fn usage(error: &clap::Error) -> ExitCode {
    let _gone = error.print();
    ExitCode::from(if error.use_stderr() { 125 } else { 0 })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_status_is_folded_where_it_is_read() {
        let text = "unpacking /a/path/of/some/length from here";
        assert_eq!(super::folded(text, Some(20)), "unpacking\n/a/path/of/some/length\nfrom here");
        assert_eq!(super::folded(text, Some(80)), text);
        assert_eq!((super::folded(text, None), super::folded(text, Some(0))), (text.to_owned(), text.to_owned()));
    }

    #[test]
    fn a_foreign_text_cannot_write_to_the_terminal() {
        assert_eq!(super::harmless("a\x1b]0;x\x07\r\u{9b}b\n"), "a\\u{1b}]0;x\\u{7}\\u{d}\\u{9b}b\n");
    }
}
