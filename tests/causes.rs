//! Failures that learners meet, each truly provoked: the error must name its cause, and the check that it names must show
//! that, run in the same surroundings.

mod exec;
mod power;
mod room;
mod surroundings;
mod table;

use crate::harness::lab::Lab;
use crate::harness::{Output, Running};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

/// Where rlab is run: behind other programs, after some lines of shell.
struct Place<'a> {
    lab: &'a Lab,
    /// Such as `unshare --mount`.
    behind: &'a [&'a str],
    /// What is done there before.
    lines: String,
}

impl<'a> Place<'a> {
    /// The host itself.
    fn host(lab: &'a Lab) -> Self {
        Self { lab, behind: &[], lines: String::new() }
    }

    /// A mount namespace of its own, after these lines of shell.
    fn mounts(lab: &'a Lab, lines: impl Into<String>) -> Self {
        Self { lab, behind: &["unshare", "--mount"], lines: lines.into() }
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let shell = ["sh", "-ec", &format!("{}\nexec \"$0\" \"$@\"", self.lines), program];
        let words = [self.behind, &shell, arguments].concat();
        let mut command = Command::new(words[0]);
        let rlab = Path::new(env!("CARGO_BIN_EXE_rlab"));
        let path = format!("{}:{}", rlab.parent().unwrap().display(), std::env::var("PATH").unwrap_or_default());
        command.args(&words[1..]).env("RLAB_ROOT", self.lab.root()).env("PATH", path).env("LC_ALL", "C.UTF-8");
        command.env("RLAB_CONFIG", self.lab.folder().join("config.toml")).current_dir("/").stdin(Stdio::null());
        command
    }

    /// `rlab` with these arguments, there.
    #[track_caller]
    fn rlab(&self, arguments: &[&str]) -> Output {
        Running::start(&mut self.command(env!("CARGO_BIN_EXE_rlab"), arguments)).wait(SOON)
    }

    /// A run of a tool of the lab image, there.
    #[track_caller]
    fn tool(&self, flags: &[&str], command: &[&str]) -> Output {
        self.rlab(&Lab::arguments(flags, command))
    }

    /// Runs the check that an error names, in the same place, and gives what it writes.
    #[track_caller]
    fn check(&self, failed: &Output) -> String {
        let check = failed.stderr.lines().find_map(|line| line.strip_prefix("  check: "));
        let check = check.unwrap_or_else(|| panic!("no check is named\n{failed}"));
        let seen = Running::start(&mut self.command("sh", &["-c", check])).wait(SOON);
        format!("{}{}", seen.stdout, seen.stderr)
    }
}

/// Fails the test unless the error says this, wherever its lines break.
#[track_caller]
fn says(output: &Output, sentence: &str) {
    let told = output.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains(sentence), "nothing about {sentence:?}\n{output}");
}

/// Fails the test unless rlab failed with this sentence in its message, and its check shows this.
#[track_caller]
fn caused(place: &Place<'_>, output: Output, sentence: &str, shown: &str) {
    let output = output.ended_with(125);
    says(&output, sentence);
    let seen = place.check(&output);
    assert!(seen.contains(shown), "the check shows no {shown:?}, but {seen:?}\n{output}");
}
