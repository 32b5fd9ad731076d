//! A terminal with a program in it, and someone who types: keys go in, what would be on the screen comes out.

use super::program::{Inbox, end, spelt};
use nix::fcntl::{OFlag, open};
use nix::pty::{Winsize, grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::sys::stat::Mode;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::Mutex;
use std::time::{Duration, Instant};

nix::ioctl_write_ptr_bad!(set_window_size, nix::libc::TIOCSWINSZ, Winsize);
nix::ioctl_write_int_bad!(set_controlling_terminal, nix::libc::TIOCSCTTY);

/// Ctrl-C, as a terminal sends it.
pub const CTRL_C: &str = "\x03";
/// Ctrl-D: the end of what is typed.
pub const CTRL_D: &str = "\x04";

/// A terminal with one program in it, which is ended when the terminal is dropped.
pub struct Terminal {
    called: String,
    keyboard: File,
    screen: Inbox,
    /// How much of the screen's text was already waited for.
    read: Mutex<usize>,
    child: Child,
}

/// Both ends of a new terminal, close-on-exec from the start: tests run in threads, and a program that another thread
/// starts in between would inherit an end, keep it open, and never let the terminal hang up.
fn pair(columns: u16, rows: u16) -> (OwnedFd, OwnedFd) {
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let master = posix_openpt(flags).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let slave = open(ptsname_r(&master).unwrap().as_str(), flags, Mode::empty()).unwrap();
    let size = size(columns, rows);
    // SAFETY: the kernel reads a structure of its own layout that lives across the call.
    unsafe { set_window_size(slave.as_raw_fd(), &raw const size).unwrap() };
    // SAFETY: the number is taken out of its owner, and given to the next.
    (unsafe { OwnedFd::from_raw_fd(master.into_raw_fd()) }, slave)
}

impl Terminal {
    /// Starts a program in a terminal of its own, of this size.
    #[track_caller]
    pub fn start(mut command: Command, columns: u16, rows: u16) -> Self {
        let (master, slave) = pair(columns, rows);
        let copy = |end: &OwnedFd| end.try_clone().unwrap();
        let called = spelt(&command);
        command.stdin(copy(&slave)).stdout(copy(&slave)).stderr(copy(&slave));
        // SAFETY: three system calls that need no memory and no lock, which is all that may happen between fork and exec.
        unsafe {
            command.pre_exec(|| {
                // Tests that were started in the background, with Ctrl-C ignored, hand that on to all that they start.
                signal(Signal::SIGINT, SigHandler::SigDfl)?;
                nix::unistd::setsid()?;
                set_controlling_terminal(0, 0)?;
                Ok(())
            });
        }
        let child = command.spawn().unwrap_or_else(|error| panic!("cannot start `{called}`: {error}"));
        // The command and the pair hold the program's end open; while anyone does, the end of its output never comes.
        drop((command, slave));
        let screen = Inbox::collect(File::from(copy(&master)));
        Self { called, keyboard: File::from(master), screen, read: Mutex::new(0), child }
    }

    /// Types a text. A line ends with `\r`, which is what the Enter key sends.
    pub fn type_in(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until `text` has come to the screen, after what was waited for before.
    #[track_caller]
    pub fn wait_for(&self, text: &str, timeout: Duration) {
        let mut read = self.read.lock().unwrap();
        let begin = *read;
        let came = self.screen.wait_until(timeout, |screen| screen[floor(screen, begin)..].contains(text));
        let screen = self.screen.text();
        assert!(came, "no {text:?} on the screen within {timeout:?}\n$ {}\n{screen}\n---", self.called);
        let from = floor(&screen, begin);
        *read = screen[from..].find(text).map_or(begin, |place| from + place + text.len());
    }

    /// Gives the terminal another size, as if its window had been dragged.
    pub fn resize(&self, columns: u16, rows: u16) {
        // SAFETY: the descriptor is a terminal and the structure is as the kernel wants it.
        unsafe { set_window_size(self.keyboard.as_raw_fd(), &size(columns, rows)) }.unwrap();
    }

    /// Everything that came to the screen, without the sequences for colours and places.
    pub fn text(&self) -> String {
        anstream::adapter::strip_str(&self.screen.text()).to_string()
    }

    /// The same with these sequences.
    pub fn raw(&self) -> String {
        self.screen.text()
    }

    /// Waits until the program ends by itself.
    #[track_caller]
    pub fn wait(&mut self, timeout: Duration) -> ExitStatus {
        let until = Instant::now() + timeout;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                self.screen.wait_for_end(Duration::from_secs(2));
                return status;
            }
            let screen = || self.screen.text();
            assert!(Instant::now() < until, "still running after {timeout:?}\n$ {}\n{}\n---", self.called, screen());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn size(columns: u16, rows: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

/// The nearest border between characters at or before a place.
fn floor(text: &str, place: usize) -> usize {
    (0..=place.min(text.len())).rev().find(|place| text.is_char_boundary(*place)).unwrap_or(0)
}
