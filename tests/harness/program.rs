//! A program that runs beside the test: what it writes is collected, and it ends when the test does.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// How long a program is given to end by itself when it was asked to.
const GRACE: Duration = Duration::from_secs(15);
const GLANCE: Duration = Duration::from_millis(10);

/// What a program left behind when it had ended.
#[derive(Debug)]
pub struct Output {
    /// How it was called.
    pub called: String,
    /// How it ended.
    pub status: ExitStatus,
    /// Everything it wrote to standard output.
    pub stdout: String,
    /// Everything it wrote to standard error.
    pub stderr: String,
}

impl Output {
    /// Fails the test unless the program ended with this status.
    #[track_caller]
    pub fn ended_with(self, code: i32) -> Self {
        assert_eq!(self.status.code(), Some(code), "{self}");
        self
    }

    /// Fails the test unless the program succeeded.
    #[track_caller]
    pub fn succeeded(self) -> Self {
        self.ended_with(0)
    }

    /// Fails the test unless this is all that was written to standard output, but for the last line break.
    #[track_caller]
    pub fn wrote(self, text: &str) -> Self {
        assert_eq!(self.stdout.trim_end_matches('\n'), text, "{self}");
        self
    }

    /// Fails the test unless this is one of the lines that were written to standard output.
    #[track_caller]
    pub fn wrote_line(self, line: &str) -> Self {
        assert!(self.stdout.lines().any(|written| written == line), "no line {line:?} in standard output\n{self}");
        self
    }

    /// Fails the test unless a line that was written to standard output has this in it.
    #[track_caller]
    pub fn wrote_line_with(self, part: &str) -> Self {
        assert!(self.stdout.lines().any(|written| written.contains(part)), "no line with {part:?}\n{self}");
        self
    }

    /// Fails the test unless standard error has this in it.
    #[track_caller]
    pub fn told(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "nothing about {text:?} in standard error\n{self}");
        self
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "$ {}\n{}", self.called, self.status)?;
        write!(f, "--- stdout\n{}\n--- stderr\n{}\n---", self.stdout.trim_end(), self.stderr.trim_end())
    }
}

/// Bytes that come in while someone waits for them.
#[derive(Clone, Default)]
pub struct Inbox {
    received: Arc<(Mutex<Received>, Condvar)>,
}

#[derive(Default)]
struct Received {
    bytes: Vec<u8>,
    ended: bool,
}

impl Inbox {
    /// Collects everything that `source` gives, on a thread of its own.
    pub fn collect(mut source: impl Read + Send + 'static) -> Self {
        let inbox = Self::default();
        let filled = inbox.clone();
        std::thread::spawn(move || {
            let mut part = [0; 8192];
            // A terminal whose other end is closed says EIO where a pipe says nothing more.
            while let Ok(count @ 1..) = source.read(&mut part) {
                filled.received.0.lock().unwrap().bytes.extend_from_slice(&part[..count]);
                filled.received.1.notify_all();
            }
            filled.received.0.lock().unwrap().ended = true;
            filled.received.1.notify_all();
        });
        inbox
    }

    /// What has come in so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.received.0.lock().unwrap().bytes).into_owned()
    }

    /// Waits until `enough` says so of the text, or nothing more can come, or the time is over. Gives whether it did.
    pub fn wait_until(&self, timeout: Duration, enough: impl Fn(&str) -> bool) -> bool {
        let until = Instant::now() + timeout;
        let mut state = self.received.0.lock().unwrap();
        loop {
            if enough(&String::from_utf8_lossy(&state.bytes)) {
                return true;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || state.ended {
                return false;
            }
            state = self.received.1.wait_timeout(state, left).unwrap().0;
        }
    }

    /// Waits until nothing more can come, but no longer than that.
    pub fn wait_for_end(&self, timeout: Duration) {
        let until = Instant::now() + timeout;
        let mut state = self.received.0.lock().unwrap();
        while !state.ended && Instant::now() < until {
            state = self.received.1.wait_timeout(state, until.saturating_duration_since(Instant::now())).unwrap().0;
        }
    }
}

/// A program that runs beside the test. Dropped, it is asked to end, and ended if it does not.
pub struct Running {
    called: String,
    child: Child,
    stdout: Inbox,
    stderr: Inbox,
}

impl Running {
    /// Starts a program; its input is what the command says, nothing if it says nothing.
    #[track_caller]
    pub fn start(command: &mut Command) -> Self {
        let called = spelt(command);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start `{called}`: {error}"));
        let stdout = Inbox::collect(child.stdout.take().unwrap());
        let stderr = Inbox::collect(child.stderr.take().unwrap());
        Self { called, child, stdout, stderr }
    }

    /// Its number.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// Gives it this as its whole standard input, which its command must have made a pipe.
    pub fn write_stdin(&mut self, bytes: &[u8]) {
        self.child.stdin.take().expect("its input is a pipe").write_all(bytes).unwrap();
    }

    /// Waits until standard output has `text` in it.
    #[track_caller]
    pub fn wait_for_stdout(&self, text: &str, timeout: Duration) {
        let came = self.stdout.wait_until(timeout, |stdout| stdout.contains(text));
        assert!(came, "no {text:?} in standard output within {timeout:?}\n{}", self.so_far());
    }

    /// Waits until standard error has `text` in it.
    #[track_caller]
    pub fn wait_for_stderr(&self, text: &str, timeout: Duration) {
        let came = self.stderr.wait_until(timeout, |stderr| stderr.contains(text));
        assert!(came, "no {text:?} in standard error within {timeout:?}\n{}", self.so_far());
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).expect("the program still runs");
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits until it ends by itself, and fails the test when it does not in time.
    #[track_caller]
    pub fn wait(mut self, timeout: Duration) -> Output {
        let until = Instant::now() + timeout;
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < until, "still running after {timeout:?}\n{}", self.so_far());
            std::thread::sleep(GLANCE);
        }
        let status = self.child.wait().unwrap();
        // A process that was left behind could hold the other end for ever; that is for the inventory to find.
        self.stdout.wait_for_end(Duration::from_secs(2));
        self.stderr.wait_for_end(Duration::from_secs(2));
        Output { called: self.called.clone(), status, stdout: self.stdout.text(), stderr: self.stderr.text() }
    }

    /// What it has written to standard output until now.
    pub fn stdout_so_far(&self) -> String {
        self.stdout.text()
    }

    fn so_far(&self) -> String {
        let (stdout, stderr) = (self.stdout.text(), self.stderr.text());
        format!("$ {}\n--- stdout so far\n{stdout}\n--- stderr so far\n{stderr}\n---", self.called)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Asks a child to end, gives it time to clean up after itself, and ends it then.
pub fn end(child: &mut Child) {
    let until = Instant::now() + GRACE;
    if let Ok(None) = child.try_wait() {
        let _ = kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM);
    }
    while let Ok(None) = child.try_wait() {
        if Instant::now() > until {
            let _ = child.kill();
            let _ = child.wait();
            return;
        }
        std::thread::sleep(GLANCE);
    }
}

/// The command line, as one would type it.
pub fn spelt(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args().map(|argument| argument.to_string_lossy()) {
        let plain =
            !argument.is_empty() && argument.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c));
        let written = if plain { write!(text, " {argument}") } else { write!(text, " '{argument}'") };
        written.expect("a String takes everything");
    }
    text
}
