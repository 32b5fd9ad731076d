//! One rlab that runs while it is looked at: what it says is read as it comes, and it is ended on every way out.
//!
//! The clock is CLOCK_MONOTONIC of the host, begun just before the fork. What happens inside is seen from outside only, by the
//! first byte that arrives: a guest's own clock starts at another time, and by emulation runs at another speed.

use super::error::Error;
use crate::sys;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long an rlab is given to take its container or machine down before it is killed.
const GRACE: Duration = Duration::from_secs(20);
/// How exactly an end is seen.
const GLANCE: Duration = Duration::from_millis(1);
/// How soon Ctrl-C is seen while nothing else comes.
const LONGEST_WAIT_MS: u16 = 50;
/// Of what a failed run said, the end is kept: the error is there.
const KEPT_STDERR: usize = 2000;

/// A running rlab.
pub struct Running {
    command: String,
    child: Child,
    begun: Instant,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    said: String,
    complained: String,
    ended: Option<ExitStatus>,
}

/// An rlab that has ended.
pub struct Finished {
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
    /// From the fork to the end.
    pub took: Duration,
}

impl Running {
    /// Starts it in a process group of its own: Ctrl-C is for whoever compares, who then ends both sides in order.
    pub fn start(mut command: Command, called: String) -> Result<Running, Error> {
        command.arg0("rlab").process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        sys::end_with_us(&mut command);
        let begun = Instant::now();
        let started = command.spawn();
        let mut child = started.map_err(|error| Error::Start { command: called.clone(), error })?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (said, complained) = (String::new(), String::new());
        Ok(Running { command: called, child, begun, stdout, stderr, said, complained, ended: None })
    }

    /// Its number.
    pub fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// Since the fork.
    pub fn age(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Waits for the first byte on standard output, or, of a program that says nothing, for its end.
    pub fn first_byte(&mut self, limit: Duration) -> Result<Duration, Error> {
        self.until(limit, "say anything", |running| !running.said.is_empty() || running.ended.is_some())?;
        let age = self.age();
        // One that failed has said nothing inside.
        if self.said.is_empty() && !self.ended.is_some_and(|status| status.success()) {
            return Err(self.failure());
        }
        Ok(age)
    }

    /// Waits until a text was written to standard output.
    pub fn says(&mut self, text: &str, limit: Duration) -> Result<(), Error> {
        self.until(limit, "say what was waited for", |running| running.said.contains(text) || running.ended.is_some())?;
        if self.said.contains(text) { Ok(()) } else { Err(self.failure()) }
    }

    /// Looks on for a while.
    pub fn watch(&mut self, span: Duration) -> Result<(), Error> {
        if self.ends_within(span)? { Err(self.failure()) } else { Ok(()) }
    }

    /// Whether it ends by itself so soon.
    pub fn ends_within(&mut self, span: Duration) -> Result<bool, Error> {
        let until = Instant::now() + span;
        while self.ended.is_none() && Instant::now() < until {
            self.pump(until.saturating_duration_since(Instant::now()))?;
        }
        Ok(self.ended.is_some())
    }

    /// Waits for its end, which must be a good one.
    pub fn finish(self, limit: Duration) -> Result<Finished, Error> {
        let (finished, good, failure) = self.finish_anyhow(limit)?;
        if good { Ok(finished) } else { Err(failure) }
    }

    /// Waits for its end, and gives whether it was a good one, and else the error it would be.
    pub fn finish_anyhow(mut self, limit: Duration) -> Result<(Finished, bool, Error), Error> {
        self.until(limit, "end", |running| running.ended.is_some())?;
        let good = self.ended.is_some_and(|status| status.success());
        let failure = self.failure();
        let (stdout, stderr) = (std::mem::take(&mut self.said), std::mem::take(&mut self.complained));
        Ok((Finished { stdout, stderr, took: self.age() }, good, failure))
    }

    /// Asks it to end as Ctrl-C in its own terminal would not: by SIGTERM to rlab alone. Gives how long it took.
    pub fn stop(mut self) -> Result<Duration, Error> {
        let asked = Instant::now();
        self.ask_to_end()?;
        self.until(self.age() + GRACE, "end when it was asked to", |running| running.ended.is_some())?;
        Ok(asked.elapsed())
    }

    /// Sends SIGTERM, and does not wait.
    pub fn ask_to_end(&mut self) -> Result<(), Error> {
        if self.ended.is_none() { Ok(sys::kill(self.pid(), sys::SIGTERM)?) } else { Ok(()) }
    }

    /// Whether it has ended; its streams are read on, so that it cannot stop at a full pipe.
    pub fn has_ended(&mut self) -> Result<bool, Error> {
        self.pump(Duration::ZERO)?;
        Ok(self.ended.is_some())
    }

    /// The error of an rlab that ended too early.
    pub fn failure(&self) -> Error {
        let status = self.ended.map_or_else(|| "nothing".to_owned(), |status| status.to_string());
        Error::Ended { command: self.command.clone(), status, stderr: self.last_words() }
    }

    /// The error of an rlab that does not do in time what it should.
    pub fn too_slow(&self, what: &'static str, limit: Duration) -> Error {
        Error::TooLong { command: self.command.clone(), what, limit, stderr: self.last_words() }
    }

    /// The error of a tool that said something strange.
    pub fn strange(command: &str, expected: &'static str, found: &str) -> Error {
        Error::Answer { command: command.to_owned(), expected, found: found.chars().take(200).collect() }
    }

    fn last_words(&self) -> String {
        let all: Vec<char> = self.complained.trim().chars().collect();
        all[all.len().saturating_sub(KEPT_STDERR)..].iter().collect()
    }

    fn until(&mut self, limit: Duration, what: &'static str, done: impl Fn(&Running) -> bool) -> Result<(), Error> {
        while !done(self) {
            if self.age() > limit {
                return Err(self.too_slow(what, limit));
            }
            self.pump(Duration::from_millis(LONGEST_WAIT_MS.into()))?;
        }
        Ok(())
    }

    /// Takes what there is to read, waiting at most that long for it, and sees whether the process has ended.
    fn pump(&mut self, longest: Duration) -> Result<(), Error> {
        if sys::end_is_asked_for().is_some() {
            return Err(Error::Interrupted);
        }
        let wait_ms = u16::try_from(longest.as_millis()).unwrap_or(u16::MAX).min(LONGEST_WAIT_MS);
        let fds: Vec<_> = [self.stdout.as_ref().map(AsFd::as_fd), self.stderr.as_ref().map(AsFd::as_fd)]
            .into_iter()
            .flatten()
            .collect();
        if fds.is_empty() {
            // Both ends closed: the process is about to end, or has.
            std::thread::sleep(GLANCE.min(longest));
        } else {
            // A failing poll shows as nothing to read, and the limit ends the wait.
            let ready = sys::poll_readable(&fds, Some(wait_ms)).unwrap_or_default();
            let mut ready = ready.into_iter();
            let (has_stdout, has_stderr) = (self.stdout.is_some(), self.stderr.is_some());
            if has_stdout && ready.next() == Some(true) {
                take(&mut self.stdout, &mut self.said);
            }
            if has_stderr && ready.next() == Some(true) {
                take(&mut self.stderr, &mut self.complained);
            }
        }
        // What it said last is read before it counts as ended.
        if self.stdout.is_none() && self.stderr.is_none() && self.ended.is_none() {
            self.ended = self.child.try_wait().ok().flatten();
        }
        Ok(())
    }
}

/// Reads once, which does not wait after poll has said so; closes the pipe at its end.
fn take(pipe: &mut Option<impl Read>, into: &mut String) {
    let mut bytes = [0; 65536];
    match pipe.as_mut().map(|pipe| pipe.read(&mut bytes)) {
        Some(Ok(count @ 1..)) => into.push_str(&String::from_utf8_lossy(&bytes[..count])),
        _ => *pipe = None,
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended.is_some() {
            return;
        }
        // Not by `stop`, which a second Ctrl-C would break off; of several, all were asked before the first is waited for.
        let _gone = self.ask_to_end();
        let until = Instant::now() + GRACE;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > until {
                let _gone = self.child.kill();
                let _gone = self.child.wait();
                return;
            }
            take_ready(&mut self.stdout, &mut self.said);
            take_ready(&mut self.stderr, &mut self.complained);
            std::thread::sleep(GLANCE);
        }
    }
}

/// Reads if there is something to be read: who is ending may still have much to say, and would wait at a full pipe.
fn take_ready(pipe: &mut Option<impl Read + AsFd>, into: &mut String) {
    let ready = pipe.as_ref().and_then(|pipe| sys::poll_readable(&[pipe.as_fd()], Some(0)).ok());
    if ready.is_some_and(|ready| ready == [true]) {
        take(pipe, into);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    fn shell(script: &str) -> Running {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Running::start(command, "sh".to_owned()).unwrap()
    }

    #[test]
    fn the_first_byte_counts_and_the_end_of_who_says_nothing() {
        let mut running = shell("printf x; exec sleep 60");
        let first = running.first_byte(SOON).unwrap();
        assert!(first <= running.age() && running.said == "x");
        assert!(shell("exit 0").first_byte(SOON).is_ok());
        let failed = shell("echo why >&2; exit 3").first_byte(SOON).unwrap_err().to_string();
        assert_eq!(failed, "`sh` ended with exit status: 3: why");
    }

    #[test]
    fn all_that_is_said_is_kept() {
        let long = shell("i=0; while [ $i -lt 3000 ]; do echo line $i; echo e >&2; i=$((i+1)); done");
        let finished = long.finish(SOON).unwrap();
        assert_eq!(finished.stdout.lines().last(), Some("line 2999"));
        assert!(shell("exec sleep 60").finish(Duration::from_millis(30)).is_err_and(|error| error.hint().is_some()));
    }

    #[test]
    fn it_is_ended_when_nobody_needs_it() {
        let mut running = shell("echo up; exec sleep 60");
        running.says("up", SOON).unwrap();
        let pid = running.pid();
        drop(running);
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
        let mut running = shell("trap 'exit 0' TERM; echo up; while :; do sleep 0.01; done");
        running.says("up", SOON).unwrap();
        assert!(running.stop().is_ok());
    }
}
