//! `sh`: a plain prompt to type the tools at.
//!
//! It is the lab image's process 1, so it also does that process's duty: children whose parents ended are given to it
//! by the kernel, and stay zombies until it waits for them. See pid_namespaces(7).
mod job;
mod parse;
mod words;

use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, IsTerminal, Read, Write, stderr, stdin};
use std::os::fd::AsFd;

use super::error::At;
use super::{Error, Result, text};
use crate::sys::tool;
use job::{Flow, Shell};

const SIGINT: i32 = 2;
const SIGCHLD: i32 = 17;

pub fn run(args: &[OsString], out: &mut dyn Write) -> Result<u8> {
    let args: Vec<&str> = args.iter().map(text).collect::<Result<_>>()?;
    let mut shell = Shell::new();
    match args[..] {
        ["-c", line] => {
            shell.line(line, out)?;
        }
        [] if stdin().is_terminal() => {
            // Ctrl-C goes to all processes in front of the terminal: the tool dies of it, the prompt must not.
            tool::catch(&[SIGINT, SIGCHLD]).at("sigaction")?;
            shell.interactive = true;
            interact(&mut shell, out)?;
        }
        [] => script(&mut shell, stdin().as_fd().try_clone_to_owned().at("standard input")?.into(), out)?,
        [file] => script(&mut shell, File::open(file).at(file)?, out)?,
        _ => return Err(Error::Usage),
    }
    Ok(shell.status)
}

fn script(shell: &mut Shell, mut input: File, out: &mut dyn Write) -> Result<()> {
    while let Some(line) = read_line(&mut input)? {
        if shell.line(&line, out)? == Flow::Exit {
            break;
        }
    }
    Ok(())
}

fn interact(shell: &mut Shell, out: &mut dyn Write) -> Result<()> {
    let mut input: File = stdin().as_fd().try_clone_to_owned().at("standard input")?.into();
    let prompt = if tool::ids().is_ok_and(|ids| ids.euid == 0) { "lab# " } else { "lab$ " };
    loop {
        write!(stderr(), "{prompt}")?;
        if !wait_for_line(&input)? {
            writeln!(stderr())?;
            shell.status = 130;
            continue;
        }
        let Some(line) = read_line(&mut input)? else {
            writeln!(stderr())?;
            return Ok(());
        };
        if shell.line(&line, out)? == Flow::Exit {
            return Ok(());
        }
    }
}

/// Buries who ended meanwhile; false when Ctrl-C was pressed instead of a line.
fn wait_for_line(input: &File) -> Result<bool> {
    loop {
        while tool::reap_one() {}
        if tool::take_arrival(SIGINT) {
            return Ok(false);
        }
        if tool::wait_for_input(input.as_fd()).at("standard input")? {
            return Ok(true);
        }
    }
}

/// Byte by byte: what stands behind the line belongs to the command that will read it.
fn read_line(input: &mut File) -> Result<Option<String>> {
    let mut line = Vec::new();
    let mut byte = [0];
    loop {
        match input.read(&mut byte) {
            Ok(0) if line.is_empty() => return Ok(None),
            Ok(0) => break,
            Ok(_) if byte[0] == b'\n' => break,
            Ok(_) => line.push(byte[0]),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            // A terminal that was hung up answers so: there will be no more lines.
            Err(e) if e.raw_os_error() == Some(5) => return Ok(None),
            Err(e) => return Err(e).at("standard input"),
        }
    }
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}
