//! Bytes between the user and the program: three pipes, or one terminal.
//!
//! The program never gets rlab's own descriptors. With those it could change the user's terminal, or keep it busy after
//! its end. Docker does the same: pipes without `-t`, a terminal of the container's own with it.

use super::{Error, Task};
use crate::runtime::Stdio;
use crate::sys::{self, RawMode, Ready};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

const CHUNK: usize = 16 * 1024;
/// PIPE_BUF: a pipe that is ready for writing takes this much without making us wait, see pipe(7).
const SURE_BYTES: usize = 4096;

/// From one of the program's outputs to one of ours. Ours may not take it now: then the program waits, but not rlab, which
/// has signals to hear (`rlab run … | less`, and Ctrl-C).
struct Output {
    from: OwnedFd,
    to_stderr: bool,
    waiting: Vec<u8>,
}

/// From our input to the program's. What it doesn't take at once is kept here.
struct Input {
    to: Option<OwnedFd>,
    waiting: Vec<u8>,
    ended: bool,
}

/// All streams of one container.
pub struct Relay {
    outputs: Vec<Output>,
    input: Option<Input>,
    console: Option<OwnedFd>,
    raw: Option<RawMode>,
    terminal: bool,
    interactive: bool,
}

impl Relay {
    /// Makes the streams and gives the ends that become the program's own.
    pub fn new(task: &Task) -> Result<(Relay, Stdio), Error> {
        let mut relay = Relay {
            outputs: Vec::new(),
            input: None,
            console: None,
            raw: None,
            terminal: task.terminal,
            interactive: task.interactive,
        };
        let mut stdio = Stdio { ends: [None, None, None] };
        if task.terminal {
            return Ok((relay, stdio));
        }
        let piped = |errno| Error::Streams { what: "pipe2", errno };
        stdio.ends[0] = Some(if task.interactive {
            let (theirs, ours) = sys::pipe().map_err(piped)?;
            sys::set_nonblocking(&ours).map_err(piped)?;
            relay.input = Some(Input { to: Some(ours), waiting: Vec::new(), ended: false });
            theirs
        } else {
            sys::open_null().map_err(|errno| Error::Streams { what: "/dev/null", errno })?
        });
        for (end, to_stderr) in [(1, false), (2, true)] {
            let (ours, theirs) = sys::pipe().map_err(piped)?;
            stdio.ends[end] = Some(theirs);
            relay.outputs.push(Output { from: ours, to_stderr, waiting: Vec::new() });
        }
        Ok((relay, stdio))
    }

    /// Takes the outer end of the container's terminal, gives it our window's size and puts our own into raw mode.
    pub fn attach(&mut self, console: Option<OwnedFd>) -> Result<(), Error> {
        let Some(console) = console else { return Ok(()) };
        let cloned = |error: std::io::Error| Error::Streams {
            what: "terminal",
            errno: sys::Errno::from_raw(error.raw_os_error().unwrap_or_default()),
        };
        let (from, to) = (console.try_clone().map_err(cloned)?, console.try_clone().map_err(cloned)?);
        self.outputs.push(Output { from, to_stderr: false, waiting: Vec::new() });
        if self.interactive {
            self.input = Some(Input { to: Some(to), waiting: Vec::new(), ended: false });
        }
        self.console = Some(console);
        self.resize();
        Ok(())
    }

    /// From now on the container's terminal does the line editing.
    pub fn go_raw(&mut self) {
        if self.terminal && self.interactive && sys::isatty(std::io::stdin()) {
            self.raw = RawMode::enter().ok();
        }
    }

    /// Gives the user's terminal back as it was.
    pub fn restore(&mut self) {
        self.raw = None;
    }

    /// The container's terminal takes the size of ours.
    pub fn resize(&self) {
        if let (Some(console), Some(size)) = (&self.console, sys::window_size(std::io::stdin())) {
            let _no_window = sys::set_window_size(console, size);
        }
    }

    /// What to wait for.
    pub fn wanted(&self) -> Vec<(BorrowedFd<'_>, Ready)> {
        let mut wanted: Vec<_> = self.outputs.iter().map(Output::wanted).collect();
        if let Some(input) = &self.input {
            match &input.to {
                Some(to) if !input.waiting.is_empty() => wanted.push((to.as_fd(), Ready::Write)),
                Some(_) if !input.ended => wanted.push((sys::stdin(), Ready::Read)),
                _ => {}
            }
        }
        wanted
    }

    /// Moves what is ready; `ready` is in the order of [`Relay::wanted`]. Gives whether anything moved.
    pub fn turn(&mut self, ready: &[bool]) -> bool {
        let outputs = self.outputs.len();
        let mut moved = false;
        if let (Some(true), Some(input)) = (ready.get(outputs), &mut self.input) {
            moved = true;
            input.turn();
        }
        let mut at = 0;
        self.outputs.retain_mut(|output| {
            let ready = ready.get(at).copied().unwrap_or(false);
            at += 1;
            moved |= ready;
            !ready || output.turn()
        });
        if self.outputs.is_empty() && self.console.is_some() {
            // Nobody reads the terminal any more. Kept open it would fill up, and the program wait for ever: so it is hung
            // up, as when a window is closed.
            (self.console, self.input) = (None, None);
        }
        moved
    }

    /// The program has ended: whatever the user still types is not for it.
    pub fn end_input(&mut self) {
        self.input = None;
    }

    /// Whether the program may still write something.
    pub fn open(&self) -> bool {
        !self.outputs.is_empty()
    }
}

impl Output {
    fn wanted(&self) -> (BorrowedFd<'_>, Ready) {
        if self.waiting.is_empty() { (self.from.as_fd(), Ready::Read) } else { (self.target(), Ready::Write) }
    }

    fn target(&self) -> BorrowedFd<'static> {
        if self.to_stderr { sys::stderr() } else { sys::stdout() }
    }

    /// Gives false when one of the sides is gone.
    fn turn(&mut self) -> bool {
        if !self.waiting.is_empty() {
            return self.hand_on();
        }
        let mut buffer = [0; CHUNK];
        match sys::read(&self.from, &mut buffer) {
            // EIO: the last process that had this terminal open is gone.
            Ok(0) | Err(sys::Errno::EIO) => false,
            Ok(length) => {
                self.waiting.extend_from_slice(&buffer[..length]);
                true
            }
            Err(sys::Errno::EAGAIN | sys::Errno::EINTR) => true,
            Err(_) => false,
        }
    }

    /// Our reader may be gone (`rlab run … | head`): then the program gets its SIGPIPE, when its pipe is closed by us.
    fn hand_on(&mut self) -> bool {
        let sure = self.waiting.len().min(SURE_BYTES);
        match sys::write(self.target(), &self.waiting[..sure]) {
            Ok(written) => {
                self.waiting.drain(..written);
                true
            }
            Err(sys::Errno::EAGAIN | sys::Errno::EINTR) => true,
            Err(_) => false,
        }
    }
}

impl Input {
    fn turn(&mut self) {
        if self.waiting.is_empty() {
            let mut buffer = [0; CHUNK];
            match sys::read(sys::stdin(), &mut buffer) {
                Ok(0) => self.ended = true,
                Ok(length) => self.waiting.extend_from_slice(&buffer[..length]),
                Err(sys::Errno::EAGAIN | sys::Errno::EINTR) => {}
                Err(_) => self.ended = true,
            }
        }
        self.hand_on();
    }

    fn hand_on(&mut self) {
        let Some(to) = &self.to else { return };
        if !self.waiting.is_empty() {
            match sys::write(to, &self.waiting) {
                Ok(written) => drop(self.waiting.drain(..written)),
                Err(sys::Errno::EAGAIN | sys::Errno::EINTR) => {}
                Err(_) => (self.waiting, self.ended) = (Vec::new(), true),
            }
        }
        if self.ended && self.waiting.is_empty() {
            self.to = None; // the program sees the end of its input
        }
    }
}
