//! Terminals: a pair of ends for the container, and the user's own terminal in raw mode meanwhile.

use super::rootdir::Place;
use super::{Result, traced};
use crate::trace::Call;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::sys::termios::{LocalFlags, SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::Path;

/// Rows and columns of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowSize {
    /// Lines.
    pub rows: u16,
    /// Characters in a line.
    pub columns: u16,
}

/// A new pseudoterminal from the devpts at `ptmx`, see pts(4): the end that rlab keeps, and the end for the program.
pub fn open_pty(ptmx: &Path) -> Result<(OwnedFd, OwnedFd)> {
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let master = traced(
        || {
            Call::new("openat")
                .arg("dirfd", "AT_FDCWD")
                .path("pathname", ptmx)
                .arg("flags", "O_RDWR|O_NOCTTY|O_CLOEXEC")
        },
        || open(ptmx, flags, Mode::empty()),
    )?;
    let number = master.as_raw_fd();
    traced(
        || Call::new("ioctl").arg("fd", number).arg("op", "TIOCSPTLCK").arg("arg", "[0]"),
        // SAFETY: the kernel reads one int, which lives across the call.
        || unsafe {
            let unlocked: libc::c_int = 0;
            Errno::result(libc::ioctl(number, libc::TIOCSPTLCK, &raw const unlocked)).map(drop)
        },
    )?;
    let slave = traced(
        || Call::new("ioctl").arg("fd", number).arg("op", "TIOCGPTPEER").arg("arg", "O_RDWR|O_NOCTTY|O_CLOEXEC"),
        // SAFETY: plain numbers; the descriptor that comes back is ours.
        || unsafe {
            let fd = Errno::result(libc::ioctl(number, libc::TIOCGPTPEER, flags.bits()))?;
            Ok(OwnedFd::from_raw_fd(fd))
        },
    )?;
    Ok((master, slave))
}

/// Makes an open terminal the controlling terminal of this session: ioctl(2) TIOCSCTTY.
pub fn set_controlling_terminal(terminal: BorrowedFd<'_>) -> Result<()> {
    let number = terminal.as_raw_fd();
    traced(
        || Call::new("ioctl").arg("fd", number).arg("op", "TIOCSCTTY").arg("arg", "0"),
        // SAFETY: plain numbers.
        || Errno::result(unsafe { libc::ioctl(number, libc::TIOCSCTTY, 0) }).map(drop),
    )
}

/// dup3(2) onto standard input, output and error.
pub fn become_stdio(terminal: BorrowedFd<'_>) -> Result<()> {
    let number = terminal.as_raw_fd();
    for target in 0..=2 {
        super::dup3(number, target)?;
    }
    Ok(())
}

/// Bind-mounts a terminal's end over a file inside the tree.
pub fn bind_terminal(terminal: BorrowedFd<'_>, at: &Place) -> Result<()> {
    let source = format!("/proc/self/fd/{}", terminal.as_raw_fd());
    super::mount::mount_at(Some(&source), at, None, super::mount::MsFlags::MS_BIND, None)
}

/// The size of a terminal's window, or nothing when it is no terminal.
pub fn window_size(terminal: impl AsFd) -> Option<WindowSize> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the kernel fills a structure of its own layout that lives across the call.
    let result = unsafe { libc::ioctl(terminal.as_fd().as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) };
    (result == 0).then_some(WindowSize { rows: size.ws_row, columns: size.ws_col })
}

/// Sets the size of a terminal's window, ioctl(2) TIOCSWINSZ; its foreground processes get SIGWINCH.
pub fn set_window_size(terminal: impl AsFd, size: WindowSize) -> Result<()> {
    let number = terminal.as_fd().as_raw_fd();
    let window = libc::winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
    traced(
        || {
            let spelt = format!("{{ws_row={}, ws_col={}}}", size.rows, size.columns);
            Call::new("ioctl").arg("fd", number).arg("op", "TIOCSWINSZ").arg("arg", spelt)
        },
        // SAFETY: the kernel reads a structure of its own layout that lives across the call.
        || Errno::result(unsafe { libc::ioctl(number, libc::TIOCSWINSZ, &raw const window) }).map(drop),
    )
}

/// The user's terminal without line editing, echo and signal keys, until this is dropped.
///
/// The other terminal, the container's, does all that; with both doing it, every letter would be seen twice.
pub struct RawMode {
    before: Termios,
}

impl RawMode {
    /// Puts standard input into raw mode, see termios(3).
    pub fn enter() -> Result<RawMode> {
        let refused = |errno| super::Error::new(Call::new("ioctl").arg("fd", 0).arg("op", "TCGETS"), errno as i32);
        let before = tcgetattr(std::io::stdin()).map_err(refused)?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        set_attributes(&raw)?;
        Ok(RawMode { before })
    }
}

/// tcsetattr(3) of standard input, which is ioctl(2) TCSETS.
fn set_attributes(attributes: &Termios) -> Result<()> {
    traced(
        || {
            let spelt = format!("{{c_lflag={}, ...}}", keys(attributes.local_flags));
            Call::new("ioctl").arg("fd", 0).arg("op", "TCSETS").arg("arg", spelt)
        },
        || tcsetattr(std::io::stdin(), SetArg::TCSANOW, attributes),
    )
}

/// What a terminal does with keys: edits lines, shows what is typed, makes signals of some and gives others a meaning.
fn keys(flags: LocalFlags) -> String {
    let all = [("ICANON", LocalFlags::ICANON), ("ECHO", LocalFlags::ECHO), ("ISIG", LocalFlags::ISIG)];
    let all = all.into_iter().chain([("IEXTEN", LocalFlags::IEXTEN)]);
    let set: Vec<&str> = all.filter(|(_, flag)| flags.contains(*flag)).map(|(name, _)| name).collect();
    if set.is_empty() { "0".to_owned() } else { set.join("|") }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        let _gone = set_attributes(&self.before);
    }
}
