//! A machine that runs: its process, its console, the channel into it, and the user's terminal and signals.
//!
//! One loop waits on all of them. What the machine is waited for changes: the kernel's first words, the guest's rlab, the
//! program, its end.

use super::console::Console;
use super::input::Input;
use super::outcome::{Outcome, Reached};
use super::output::Output;
use crate::shim::{Signals, asks_to_end};
use crate::sys::{self, Child, Ended, Errno, Ready};
use crate::trace;
use crate::vm::order::{Decoder, Garbled, Order, Piece};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

const CHUNK: usize = 64 * 1024;
/// As much of what QEMU complains about is kept: the first of it tells most.
const MOST_COMPLAINTS: usize = 64 * 1024;
/// As often as that someone looks whether there is an answer.
const TICK_MS: u16 = 20;
/// As many requests to end as docker run takes before it stops being polite.
const PATIENCE: usize = 3;
/// How long a kernel that has given up may take to its restart, which ends QEMU. Some never come so far: when memory was so
/// short that not even that could be set up.
const RESTART: Duration = Duration::from_secs(3);

/// What the loop waits on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Qemu,
    Complaint,
    Signal,
    Console,
    FromGuest,
    ToGuest,
    Input,
    ToUser(usize),
}

/// A running machine.
pub struct Session<'a> {
    process: Child,
    /// What QEMU has said on its standard error.
    complaints: Vec<u8>,
    pidfd: OwnedFd,
    channel: Option<OwnedFd>,
    decoder: Decoder,
    to_guest: Vec<u8>,
    to_user: [Output; 2],
    /// The serial console.
    pub console: Console,
    input: Input,
    signals: &'a mut Signals,
    order: Option<Order>,
    terminal: bool,
    reached: Reached,
    /// How the program has ended, as soon as the guest has told it; what it said last may still wait for its reader.
    told: Option<Ended>,
    ended: Option<Outcome>,
    requests: usize,
    /// How long the trace had been open here when the guest's began.
    later: Option<Duration>,
}

impl<'a> Session<'a> {
    /// Looks after a QEMU that was just started.
    pub fn new(
        process: Child,
        channel: OwnedFd,
        console: OwnedFd,
        order: Order,
        signals: &'a mut Signals,
    ) -> Result<Session<'a>, Errno> {
        sys::set_nonblocking(&channel)?;
        let pidfd = sys::pidfd_open(process.pid)?;
        Ok(Session {
            pidfd,
            process,
            complaints: Vec::new(),
            channel: Some(channel),
            decoder: Decoder::default(),
            to_guest: Vec::new(),
            to_user: Output::both(),
            console: Console::new(console),
            input: Input::new(order.interactive),
            signals,
            terminal: order.terminal,
            order: Some(order),
            reached: Reached::Power,
            told: None,
            ended: None,
            requests: 0,
            later: None,
        })
    }

    /// QEMU's process.
    pub fn pid(&self) -> i32 {
        self.process.pid
    }

    /// How far it has come.
    pub fn reached(&self) -> Reached {
        self.reached
    }

    /// Until the machine has come so far, or `limit` is over.
    pub fn until(&mut self, wanted: Reached, limit: Duration) -> Outcome {
        let begun = Instant::now();
        loop {
            if let Some(ended) = &self.ended {
                return ended.clone();
            }
            if self.reached >= wanted {
                return Outcome::Reached;
            }
            if begun.elapsed() >= limit {
                return Outcome::Silent;
            }
            self.turn(Some(TICK_MS));
        }
    }

    /// Until the program has ended; `look` is called between, and ends the waiting as `Reached` by true.
    pub fn until_looked(&mut self, mut look: impl FnMut() -> bool) -> Outcome {
        loop {
            if let Some(ended) = &self.ended {
                return ended.clone();
            }
            if look() {
                return Outcome::Reached;
            }
            self.turn(Some(TICK_MS));
        }
    }

    /// Whether the program has ended, or the machine.
    pub fn is_over(&self) -> bool {
        self.told.is_some() || self.ended.is_some()
    }

    /// Until the program has ended.
    pub fn until_ended(&mut self) -> Outcome {
        while self.ended.is_none() {
            // A kernel that has given up says nothing more by which to wake us.
            let limit_ms = self.console.panicked_at.map(|_| TICK_MS);
            self.turn(limit_ms);
        }
        self.ended.clone().unwrap_or(Outcome::Dead)
    }

    /// From now on the guest's terminal does the line editing.
    pub fn go_raw(&mut self) {
        self.input.go_raw(self.terminal);
    }

    /// Gives the user's terminal back as it was.
    pub fn restore(&mut self) {
        self.input.restore();
    }

    /// Pulls the plug, if it is still in; gives how QEMU ended and what it said on its standard error.
    pub fn switch_off(&mut self, patience_ms: u16) -> Result<(Ended, String), sys::Error> {
        self.input.restore();
        self.channel = None;
        let in_time = sys::poll_readable(&[self.pidfd.as_fd()], Some(patience_ms)).is_ok_and(|ready| ready[0]);
        if !in_time {
            sys::pidfd_send_signal(self.pidfd.as_fd(), self.process.pid, sys::SIGKILL)?;
        }
        let ended = sys::wait(self.process.pid, true)?.map_or(Ended::Exited(0), |(_, ended)| ended);
        self.console.drain();
        while self.process.stderr.is_some() {
            self.hear_complaints();
        }
        Ok((ended, String::from_utf8_lossy(&self.complaints).into_owned()))
    }

    /// Unread, they would fill their pipe, and QEMU would wait in the middle of one.
    fn hear_complaints(&mut self) {
        let Some(stderr) = &self.process.stderr else { return };
        let mut buffer = [0; 4096];
        match sys::read(stderr, &mut buffer) {
            Ok(length) if length > 0 => {
                let room = MOST_COMPLAINTS.saturating_sub(self.complaints.len()).min(length);
                self.complaints.extend_from_slice(&buffer[..room]);
            }
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            _ => self.process.stderr = None,
        }
    }

    /// Waits once, and moves what is ready.
    fn turn(&mut self, limit_ms: Option<u16>) {
        self.obey();
        if self.ended.is_some() {
            // A signal was the end of it, and nothing may come after that by which to wake us.
            return;
        }
        let wanted = self.wanted();
        let polled: Vec<_> = wanted.iter().map(|(_, fd, ready)| (*fd, *ready)).collect();
        let ready = sys::poll(&polled, limit_ms).unwrap_or_default();
        let ready: Vec<Source> =
            wanted.iter().zip(ready).filter(|(_, ready)| *ready).map(|((source, ..), _)| *source).collect();
        for source in &ready {
            match source {
                Source::Console => self.console.turn(),
                Source::Complaint => self.hear_complaints(),
                Source::FromGuest => self.hear(),
                Source::ToGuest => self.say(),
                Source::Input => {
                    if let Some(piece) = self.input.turn() {
                        self.tell(&piece);
                    }
                }
                // Nobody reads it any more, and the guest closes its own end, too.
                Source::ToUser(which) => {
                    if !self.to_user[*which].hand_on() {
                        self.tell(&Piece::Unread(u8::from(*which == 1)));
                    }
                }
                Source::Qemu | Source::Signal => {}
            }
        }
        if self.reached == Reached::Power && self.console.kernel_after.is_some() {
            self.reached = Reached::Kernel;
        }
        if self.console.panicked_at.is_some_and(|at| at.elapsed() >= RESTART) {
            self.end(Outcome::Silent);
        }
        if ready.contains(&Source::Qemu) {
            self.end(Outcome::Dead);
        }
        if let Some(ended) = self.told.filter(|_| !self.is_heard_slowly()) {
            self.end(Outcome::Ended(ended));
        }
    }

    fn wanted(&self) -> Vec<(Source, BorrowedFd<'_>, Ready)> {
        let mut wanted = vec![(Source::Signal, self.signals.fd(), Ready::Read)];
        wanted.extend(self.console.fd().map(|fd| (Source::Console, fd, Ready::Read)));
        wanted.extend(self.process.stderr.as_ref().map(|pipe| (Source::Complaint, pipe.as_fd(), Ready::Read)));
        // Who reads our output sets the pace: the guest's program waits, but its signals pass.
        let slow = self.is_heard_slowly();
        match &self.channel {
            Some(channel) if !slow => wanted.push((Source::FromGuest, channel.as_fd(), Ready::Read)),
            Some(_) => {}
            // Not before the channel's end was read and passed on: its last words are worth more than its death.
            None if !slow => wanted.push((Source::Qemu, self.pidfd.as_fd(), Ready::Read)),
            None => {}
        }
        if let Some(channel) = self.channel.as_ref().filter(|_| self.has_to_say()) {
            wanted.push((Source::ToGuest, channel.as_fd(), Ready::Write));
        }
        if self.reached == Reached::Program && self.input.wants() {
            wanted.push((Source::Input, sys::stdin(), Ready::Read));
        }
        for (which, output) in self.to_user.iter().enumerate().filter(|(_, output)| output.is_waiting()) {
            wanted.push((Source::ToUser(which), output.target(), Ready::Write));
        }
        wanted
    }

    /// Whether something that the program said waits for its reader.
    fn is_heard_slowly(&self) -> bool {
        self.to_user.iter().any(Output::is_waiting)
    }

    /// Whether something waits that the guest can be told: before it has its order, nothing else makes sense to it.
    fn has_to_say(&self) -> bool {
        self.order.is_none() && !self.to_guest.is_empty()
    }

    /// The user's signals are the program's. Before there is one, and when it does not listen, the plug is pulled.
    fn obey(&mut self) {
        while let Some(signal) = self.signals.next() {
            match signal {
                sys::SIGWINCH => {
                    if let Some(size) = sys::window_size(std::io::stdin()).filter(|_| self.terminal) {
                        self.tell(&size.into());
                    }
                }
                // These are about rlab's own children and pipes.
                sys::SIGCHLD | sys::SIGPIPE => {}
                signal if asks_to_end(signal) && self.reached < Reached::Program => {
                    self.end(Outcome::Interrupted(signal));
                }
                // It is over, but for what nobody reads.
                signal if asks_to_end(signal) && self.told.is_some() => {
                    self.end(self.told.map_or(Outcome::Dead, Outcome::Ended));
                }
                signal => {
                    self.requests += usize::from(asks_to_end(signal));
                    if self.requests >= PATIENCE {
                        self.end(Outcome::Ended(Ended::Signalled(sys::SIGKILL)));
                    }
                    self.tell(&Piece::Signal(signal));
                }
            }
        }
    }

    fn end(&mut self, outcome: Outcome) {
        self.ended.get_or_insert(outcome);
    }

    /// Puts a piece into the queue.
    fn tell(&mut self, piece: &Piece) {
        self.to_guest.extend(piece.encode());
        self.say();
    }

    fn say(&mut self) {
        let Some(channel) = self.channel.as_ref().filter(|_| self.has_to_say()) else { return };
        match sys::write(channel, &self.to_guest) {
            Ok(written) => drop(self.to_guest.drain(..written)),
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            // QEMU is gone, and that is noticed elsewhere.
            Err(_) => self.to_guest.clear(),
        }
    }

    fn hear(&mut self) {
        let Some(channel) = &self.channel else { return };
        let mut buffer = vec![0; CHUNK];
        match sys::read(channel, &mut buffer) {
            Err(Errno::EAGAIN | Errno::EINTR) => return,
            Ok(0) | Err(_) => {
                self.channel = None;
                return;
            }
            Ok(length) => self.decoder.push(&buffer[..length]),
        }
        loop {
            match self.decoder.next() {
                Ok(Some(piece)) => self.heard(piece),
                Ok(None) => return,
                Err(garbled) => {
                    self.channel = None;
                    return self.end(Outcome::Garbled(garbled));
                }
            }
        }
    }

    fn heard(&mut self, piece: Piece) {
        match piece {
            Piece::Here => {
                self.reached = Reached::Guest;
                if let Some(order) = self.order.take() {
                    self.to_guest.splice(..0, Piece::Order(Box::new(order)).encode());
                    self.say();
                }
            }
            Piece::Started(_) => self.reached = Reached::Program,
            Piece::Taken(bytes) => self.input.taken(bytes),
            Piece::Output(bytes) => self.to_user[0].push(&bytes),
            Piece::Errors(bytes) => self.to_user[1].push(&bytes),
            Piece::Event(event) => {
                // Its clock began when the guest's rlab did, so the first event is the beginning.
                let later = *self.later.get_or_insert_with(trace::elapsed);
                trace::take_in(*event, later);
                // On a terminal that is the program's, the story's lines would run down like stairs. They come when it is ours.
                if !self.input.is_raw() {
                    trace::pump();
                }
            }
            Piece::Failed(failure) => self.end(Outcome::Failed(failure)),
            Piece::Ended(ended) => self.told = Some(ended),
            // What only a host says.
            other => self.end(Outcome::Garbled(Garbled(format!("{other:?}").chars().take(40).collect()))),
        }
    }
}
