//! Running what was understood: builtins here, everything else as a child process.
use std::collections::BTreeMap;
use std::env;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write, stderr};
use std::os::unix::process::CommandExt;
use std::process::{self, Stdio};

use super::super::error::{At, Error, Result};
use super::super::{complain, help};
use super::parse::{Command, When, parse};
use super::words::{Piece, Word};
use crate::sys::{Ended, signal_name, tool};

#[derive(Debug, PartialEq)]
pub enum Flow {
    Next,
    Exit,
}

/// What lasts from one line to the next.
pub struct Shell {
    /// Exit code of the last command, `$?`.
    pub status: u8,
    /// Someone reads along: who was sent to the background is worth a line.
    pub interactive: bool,
    variables: BTreeMap<String, String>,
}

impl Shell {
    pub fn new() -> Self {
        // A name or value that is no text cannot be typed here either.
        let variables =
            env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self { status: 0, interactive: false, variables: variables.collect() }
    }

    /// Runs a line. Only output that nobody can read any more is an error: the rest is told and becomes the status.
    pub fn line(&mut self, line: &str, out: &mut dyn Write) -> Result<Flow> {
        let commands = match parse(line) {
            Ok(commands) => commands,
            Err(mistake) => {
                complain(&mistake, "sh");
                self.status = 2;
                return Ok(Flow::Next);
            }
        };
        for command in commands {
            let wanted = match command.when {
                When::Always => true,
                When::AfterSuccess => self.status == 0,
                When::AfterFailure => self.status != 0,
            };
            if !wanted {
                continue;
            }
            match self.run(&command, out) {
                Ok(Flow::Next) => {}
                Ok(Flow::Exit) => return Ok(Flow::Exit),
                Err(Error::Output(e)) => return Err(Error::Output(e)),
                Err(e) => {
                    complain(&e, "sh");
                    self.status = 1;
                }
            }
            if tool::take_arrival(super::SIGINT) {
                // Ctrl-C means the whole line, not one command of it.
                break;
            }
        }
        Ok(Flow::Next)
    }

    fn run(&mut self, command: &Command, out: &mut dyn Write) -> Result<Flow> {
        let words: Vec<String> = command.words.iter().filter_map(|word| self.expand(word)).collect();
        let mut file = command.output.as_ref().map(|(file, append)| self.create(file, *append)).transpose()?;
        let mut out: &mut dyn Write = match &mut file {
            Some(file) => file,
            None => out,
        };
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.status = match words[..] {
            [] => 0,
            ["exit"] => return Ok(Flow::Exit),
            ["exit", code] => {
                self.status = code.parse().map_err(|_| not_a(code, "an exit code from 0 to 255"))?;
                return Ok(Flow::Exit);
            }
            ["cd"] => self.change_dir(&self.variables.get("HOME").cloned().unwrap_or("/".to_owned()))?,
            ["cd", dir] => self.change_dir(dir)?,
            ["help"] => {
                help::run(&[], &mut out)?;
                writeln!(out, "\nat this prompt: cd, exit, exec, NAME=VALUE, $NAME, $?, ;, &&, ||, &, <, >, >>")?;
                0
            }
            [one] if assignment(one).is_some() => {
                let (name, value) = assignment(one).unwrap_or_default();
                self.variables.insert(name.to_owned(), value.to_owned());
                0
            }
            [program, ref args @ ..] => {
                out.flush()?;
                self.program(command, program, args, file)?
            }
        };
        Ok(Flow::Next)
    }

    /// What is no builtin: a child, or with `exec` this very process.
    fn program(&self, command: &Command, program: &str, args: &[&str], out: Option<File>) -> Result<u8> {
        if let ("exec", [program, args @ ..]) = (program, args) {
            let failed = crate::sys::tool::exec(&mut self.process(command, program, args, out)?);
            return Ok(not_run(program, &failed));
        }
        match self.process(command, program, args, out)?.spawn() {
            Ok(child) if command.background => {
                if self.interactive {
                    writeln!(stderr(), "[{}]", child.id())?;
                }
                Ok(0)
            }
            Ok(child) => wait(child.id().cast_signed()),
            Err(e) => Ok(not_run(program, &e)),
        }
    }

    fn process(&self, command: &Command, program: &str, args: &[&str], out: Option<File>) -> Result<process::Command> {
        let mut process = process::Command::new(program);
        process.args(args).env_clear().envs(&self.variables);
        if let Some(file) = out {
            process.stdout(file);
        }
        if command.background {
            // Out of reach of Ctrl-C, and of what is typed at the prompt.
            process.process_group(0).stdin(Stdio::null());
        }
        if let Some(input) = &command.input {
            let name = self.expand(input).unwrap_or_default();
            process.stdin(File::open(&name).at(&name)?);
        }
        Ok(process)
    }

    fn create(&self, file: &Word, append: bool) -> Result<File> {
        let name = self.expand(file).unwrap_or_default();
        OpenOptions::new().create(true).write(true).append(append).truncate(!append).open(&name).at(name)
    }

    fn change_dir(&self, dir: &str) -> Result<u8> {
        env::set_current_dir(dir).at(dir)?;
        Ok(0)
    }

    /// A word that is only a variable without a value is no word at all, unless it was quoted.
    fn expand(&self, word: &Word) -> Option<String> {
        let mut text = String::new();
        for piece in &word.pieces {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Variable(name) if name == "?" => text.push_str(&self.status.to_string()),
                Piece::Variable(name) if name == "$" => text.push_str(&process::id().to_string()),
                Piece::Variable(name) => text.push_str(self.variables.get(name).map_or("", String::as_str)),
            }
        }
        (word.quoted || !text.is_empty()).then_some(text)
    }
}

fn not_a(text: &str, expected: &'static str) -> Error {
    Error::NotA { text: text.to_owned(), expected }
}

fn assignment(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let valid = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (valid && name.starts_with(|c: char| !c.is_ascii_digit())).then_some((name, value))
}

/// Waits for a command and says what ended it, if it was not its own end.
fn wait(pid: i32) -> Result<u8> {
    let ended = tool::wait_for(pid).at("wait4")?;
    match ended {
        // The terminal has shown ^C without a line's end.
        Ended::Signalled(super::SIGINT) => writeln!(stderr())?,
        Ended::Signalled(signal) => writeln!(stderr(), "sh: process {pid} was ended by {}", signal_name(signal))?,
        Ended::Exited(_) => {}
    }
    Ok(ended.code())
}

/// 127 when there is no such program, 126 when it cannot be run: as every shell says it.
fn not_run(program: &str, error: &io::Error) -> u8 {
    if error.kind() == ErrorKind::NotFound && !program.contains('/') {
        complain(&format_args!("{program}: no such command; `help` lists the tools"), "sh");
        return 127;
    }
    let errno = error.raw_os_error().map_or_else(|| error.to_string(), tool::describe_errno);
    complain(&format_args!("{program}: {errno}"), "sh");
    if error.kind() == ErrorKind::NotFound { 127 } else { 126 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> (String, u8) {
        let dir = tempfile::tempdir().unwrap();
        let mut shell = Shell::new();
        shell.variables.insert("F".into(), dir.path().join("out").display().to_string());
        shell.line(line, &mut Vec::new()).unwrap();
        (std::fs::read_to_string(dir.path().join("out")).unwrap_or_default(), shell.status)
    }

    #[test]
    fn conditions_and_status_follow_the_commands() {
        assert_eq!(said("false || echo $? > $F"), ("1\n".into(), 0));
        assert_eq!(said("false && echo no > $F; true").0, "");
        assert_eq!(said("/nosuchfolder/nosuchcommand").1, 127);
        assert_eq!(said("/etc/passwd").1, 126);
        assert_eq!(said("'unclosed").1, 2);
        assert_eq!(said("exit 7; echo no > $F"), (String::new(), 7));
    }

    #[test]
    fn variables_words_and_appending() {
        assert_eq!(said("A='x  y'; echo $A \"$A\" $NONE \"\" z > $F; echo more >> $F").0, "x  y x  y  z\nmore\n");
        assert_eq!(said("echo one > $F; cat < $F").1, 0);
    }
}
