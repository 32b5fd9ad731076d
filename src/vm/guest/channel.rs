//! The guest's end of the channel: a port of a virtio console, which is a queue in memory that QEMU reads and fills.
//!
//! virtio specification, "Console Device".

use crate::shim::Failure;
use crate::sys::{self, Errno, Ready};
use crate::trace::Event;
use crate::vm::order::{Decoder, Order, PORT, Piece};
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

/// Where the kernel lists the ports, each with a file that holds its name.
const PORTS: &str = "/sys/class/virtio-ports";
/// How long the driver may take to report the port after it was loaded, in steps of [`STEP_MS`].
const STEPS: u32 = 500;
const STEP_MS: u16 = 10;
/// As much as is read at once.
const CHUNK: usize = 16 * 1024;

/// The channel, from inside.
pub struct Channel {
    port: File,
    decoder: Decoder,
    /// What the other side has not taken yet.
    waiting: Vec<u8>,
    /// The trace, opened while its path still leads to it, and read from where it was sent last.
    trace: Option<File>,
}

impl Channel {
    /// Finds the port by its name and opens it.
    pub fn open(trace: &str) -> Result<Channel, Failure> {
        for _ in 0..STEPS {
            if let Some(path) = find() {
                let opened = OpenOptions::new().read(true).write(true).open(&path);
                let port = opened.map_err(|error| lost(&format!("{}: {error}", path.display())))?;
                sys::set_nonblocking(&port).map_err(|errno| lost(errno.desc()))?;
                return Ok(Channel {
                    port,
                    decoder: Decoder::default(),
                    waiting: Vec::new(),
                    trace: File::open(trace).ok(),
                });
            }
            let _time_passes = sys::poll_readable(&[], Some(STEP_MS));
        }
        Err(lost(&format!("no port named {PORT} in {PORTS}: has this kernel no driver virtio_console?")))
    }

    /// Puts a piece into the queue and sends as much as is taken at once.
    pub fn send(&mut self, piece: &Piece) -> Result<(), Failure> {
        self.waiting.extend(piece.encode());
        self.flush()
    }

    /// Sends what waits, as far as it is taken.
    pub fn flush(&mut self) -> Result<(), Failure> {
        while !self.waiting.is_empty() {
            match sys::write(&self.port, &self.waiting) {
                Ok(written) => drop(self.waiting.drain(..written)),
                Err(Errno::EAGAIN | Errno::EINTR) => break,
                Err(errno) => return Err(lost(errno.desc())),
            }
        }
        Ok(())
    }

    /// Sends the rest and waits until the host has hung up. What the port has taken lies in a queue that goes with the
    /// machine: only the host knows when it has heard all, and its user may read slowly.
    pub fn finish(&mut self) {
        while self.flush().is_ok() && matches!(self.receive(), Ok(true)) {
            let _time_passes = sys::poll(&self.wanted(), None);
        }
    }

    /// How much waits.
    pub fn waiting_bytes(&self) -> usize {
        self.waiting.len()
    }

    /// What the host has said, as far as it is here. False when nobody is there any more.
    pub fn receive(&mut self) -> Result<bool, Failure> {
        let mut buffer = [0; CHUNK];
        match sys::read(&self.port, &mut buffer) {
            Ok(0) => Ok(false),
            Ok(length) => {
                self.decoder.push(&buffer[..length]);
                Ok(true)
            }
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(true),
            Err(errno) => Err(lost(errno.desc())),
        }
    }

    /// The next whole piece.
    pub fn next(&mut self) -> Result<Option<Piece>, Failure> {
        self.decoder.next().map_err(|garbled| lost(&garbled.to_string()))
    }

    /// Waits for the order: nothing else comes before it.
    pub fn order(&mut self) -> Result<Order, Failure> {
        loop {
            match self.next()? {
                Some(Piece::Order(order)) => return Ok(*order),
                Some(_) => return Err(lost("something else came before the order")),
                None => {}
            }
            let _time_passes = sys::poll_readable(&[self.fd()], None);
            if !self.receive()? {
                return Err(lost("the host has hung up"));
            }
        }
    }

    /// Sends the events that have been written since the last time, by this process and by others.
    pub fn send_events(&mut self) {
        let Some(file) = &mut self.trace else { return };
        let mut text = Vec::new();
        // Lines are written whole, see the trace's own rule, so what is read are whole lines.
        let _unreadable = file.read_to_end(&mut text);
        for line in text.split(|byte| *byte == b'\n') {
            if let Ok(event) = serde_json::from_slice::<Event>(line) {
                // A gap in the story is no reason to stop the program.
                let _gone = self.send(&Piece::Event(Box::new(event)));
            }
        }
    }

    /// To wait on.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.port.as_fd()
    }

    /// What to wait for.
    pub fn wanted(&self) -> Vec<(BorrowedFd<'_>, Ready)> {
        let write = (!self.waiting.is_empty()).then_some((self.port.as_fd(), Ready::Write));
        [(self.port.as_fd(), Ready::Read)].into_iter().chain(write).collect()
    }
}

fn find() -> Option<PathBuf> {
    let ports = std::fs::read_dir(PORTS).ok()?.flatten();
    let named = |path: &PathBuf| std::fs::read_to_string(path.join("name")).is_ok_and(|name| name.trim() == PORT);
    let port = ports.map(|port| port.path()).find(named)?;
    Some(PathBuf::from("/dev").join(port.file_name()?))
}

/// The channel is not there, or broke.
pub fn lost(reason: &str) -> Failure {
    Failure::Refused { stage: "guest_init".to_owned(), reason: format!("channel to the host: {reason}") }
}
