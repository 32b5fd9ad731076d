//! Processes: made by clone3(2), replaced by execve(2), signalled by descriptor, waited for.

use super::{Error, Result, errno_name, inject, traced};
use crate::trace::{self, Call};
use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::signalfd::SfdFlags;
use nix::unistd::Pid;
use std::convert::Infallible;
use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::Path;
use std::time::Instant;

pub use nix::libc::{SI_KERNEL, SIGABRT, SIGCHLD, SIGHUP, SIGINT, SIGKILL, SIGPIPE, SIGQUIT, SIGTERM, SIGWINCH};
pub use nix::sys::signalfd::SignalFd;

pub use nix::libc::{
    CLONE_NEWCGROUP, CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWTIME, CLONE_NEWUSER, CLONE_NEWUTS,
};

/// Which side of a clone we are on.
pub enum Cloned {
    /// The parent, with the child's number and a descriptor that stands for it, see pidfd_open(2).
    Parent {
        /// Its number in our PID namespace.
        pid: i32,
        /// Stands for this very process, even after its number was given to another.
        pidfd: OwnedFd,
    },
    /// The child.
    Child,
}

/// clone3(2): makes a process and puts it into new namespaces, all at once.
///
/// Must be called from a process with one thread: the child gets a copy of the memory, with any lock held by another
/// thread locked for ever.
pub fn clone3(flags: i32, spelt_flags: &str) -> Result<Cloned> {
    let mut pidfd: i32 = -1;
    let mut args = libc::clone_args {
        flags: (flags | libc::CLONE_PIDFD) as u64,
        pidfd: &raw mut pidfd as u64,
        child_tid: 0,
        parent_tid: 0,
        exit_signal: libc::SIGCHLD as u64,
        stack: 0,
        stack_size: 0,
        tls: 0,
        set_tid: 0,
        set_tid_size: 0,
        cgroup: 0,
    };
    let describe = || {
        let flags =
            if spelt_flags.is_empty() { "CLONE_PIDFD".to_owned() } else { format!("CLONE_PIDFD|{spelt_flags}") };
        Call::new("clone3").arg("flags", flags).arg("exit_signal", "SIGCHLD")
    };
    inject::refusal(describe).map_or(Ok(()), Err)?;
    let begun = Instant::now();
    // SAFETY: without CLONE_VM and without a stack of its own the child goes on with a copy of ours, as after fork; the
    // structure is as large as we say, and the kernel writes the descriptor into a variable that lives on.
    let result = Errno::result(unsafe {
        libc::syscall(libc::SYS_clone3, &raw mut args, std::mem::size_of::<libc::clone_args>())
    });
    match result {
        // Nothing is told here by the child: its number outside is not known to it yet.
        Ok(0) => Ok(Cloned::Child),
        Ok(pid) => {
            if trace::enabled() {
                trace::call(describe(), Ok(pid), begun.elapsed());
            }
            inject::pause_after(describe);
            // SAFETY: the kernel has just made this descriptor for us.
            Ok(Cloned::Parent { pid: pid as i32, pidfd: unsafe { OwnedFd::from_raw_fd(pidfd) } })
        }
        Err(errno) => {
            let call = describe();
            trace::call(call.clone(), Err(errno_name(errno as i32)), begun.elapsed());
            Err(Error::new(call, errno as i32))
        }
    }
}

/// clone(2) as fork(2) does it: the child's number, or `None` in the child.
///
/// Not clone3: a seccomp filter can't look behind the pointer that holds its flags, so Docker's profile refuses all of it
/// with ENOSYS. Must be called from a process with one thread.
pub fn fork() -> Result<Option<i32>> {
    let describe = || Call::new("clone").arg("flags", "SIGCHLD");
    inject::refusal(describe).map_or(Ok(()), Err)?;
    let begun = Instant::now();
    // SAFETY: without CLONE_VM and without a stack of its own the child goes on with a copy of ours, as after fork.
    match Errno::result(unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) }) {
        Ok(0) => Ok(None),
        Ok(pid) => {
            if trace::enabled() {
                trace::call(describe(), Ok(pid), begun.elapsed());
            }
            inject::pause_after(describe);
            Ok(Some(pid as i32))
        }
        Err(errno) => {
            let call = describe();
            trace::call(call.clone(), Err(errno_name(errno as i32)), begun.elapsed());
            Err(Error::new(call, errno as i32))
        }
    }
}

/// execve(2). It comes back only when it failed; that it succeeded, the parent has to find out.
pub fn execve(program: &Path, args: &[String], env: &[String]) -> Result<Infallible> {
    let path = c_string(program.as_os_str().as_encoded_bytes());
    let (argv, envp) = (c_strings(args), c_strings(env));
    inject::refusal(|| execve_call(program, args, env)).map_or(Ok(()), Err)?;
    let begun = Instant::now();
    let Err(errno) = nix::unistd::execve(&path, &argv, &envp);
    let call = execve_call(program, args, env);
    trace::call(call.clone(), Err(errno_name(errno as i32)), begun.elapsed());
    Err(Error::new(call, errno as i32))
}

/// The description of an execve, for the parent to tell when it has seen that it happened.
pub fn execve_call(program: &Path, args: &[String], env: &[String]) -> Call {
    Call::new("execve").path("pathname", program).arg("argv", serde_json::json!(args)).arg("envc", env.len())
}

fn c_string(bytes: &[u8]) -> CString {
    // The plan has refused NUL bytes already; here the text would end at the first one.
    CString::new(bytes.split(|byte| *byte == 0).next().unwrap_or_default()).unwrap_or_default()
}

fn c_strings(texts: &[String]) -> Vec<CString> {
    texts.iter().map(|text| c_string(text.as_bytes())).collect()
}

/// Ends this process at once, without running anything that the parent's copy would run too: _exit(2).
pub fn exit_now(status: i32) -> ! {
    // SAFETY: never comes back, runs no handler.
    unsafe { libc::_exit(status) }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Ended {
    /// It called exit with this status.
    Exited(i32),
    /// This signal ended it.
    Signalled(i32),
}

impl Ended {
    /// The status a shell would see: 128 + n for a signal.
    pub fn code(self) -> u8 {
        match self {
            Ended::Exited(status) => status as u8,
            Ended::Signalled(signal) => 128u8.saturating_add(signal as u8),
        }
    }
}

/// wait4(2) for a child. `None` when it has not ended yet and `block` is false. `pid` -1 means any child.
pub fn wait(pid: i32, block: bool) -> Result<Option<(i32, Ended)>> {
    inject::refusal(|| Call::new("wait4").arg("pid", pid)).map_or(Ok(()), Err)?;
    let mut status = 0;
    let options = if block { 0 } else { libc::WNOHANG };
    let begun = Instant::now();
    let result = loop {
        // SAFETY: the kernel writes the status into a variable that lives across the call.
        match Errno::result(unsafe { libc::wait4(pid, &raw mut status, options, std::ptr::null_mut()) }) {
            Err(Errno::EINTR) => {}
            other => break other,
        }
    };
    let ended = if libc::WIFSIGNALED(status) {
        Ended::Signalled(libc::WTERMSIG(status))
    } else {
        Ended::Exited(libc::WEXITSTATUS(status))
    };
    let describe = || {
        let text = match ended {
            Ended::Exited(status) => format!("WIFEXITED, WEXITSTATUS={status}"),
            Ended::Signalled(signal) => format!("WIFSIGNALED, WTERMSIG={}", signal_name(signal)),
        };
        Call::new("wait4").arg("pid", pid).arg("status", text)
    };
    match result {
        Ok(0) => Ok(None),
        Ok(child) => {
            if trace::enabled() {
                trace::call(describe(), Ok(i64::from(child)), begun.elapsed());
            }
            inject::pause_after(describe);
            Ok(Some((child, ended)))
        }
        Err(errno) => Err(Error::new(Call::new("wait4").arg("pid", pid), errno as i32)),
    }
}

/// pidfd_send_signal(2).
pub fn pidfd_send_signal(pidfd: BorrowedFd<'_>, pid: i32, signal: i32) -> Result<()> {
    traced(
        || Call::new("pidfd_send_signal").arg("pid", pid).arg("sig", signal_name(signal)),
        || {
            // SAFETY: plain numbers; no siginfo is given.
            Errno::result(unsafe {
                libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, std::ptr::null::<u8>(), 0)
            })
            .map(drop)
        },
    )
}

/// pidfd_open(2): a descriptor for a running process.
pub fn pidfd_open(pid: i32) -> nix::Result<OwnedFd> {
    // SAFETY: plain numbers; the descriptor that comes back is ours.
    unsafe {
        let fd = Errno::result(libc::syscall(libc::SYS_pidfd_open, pid, 0))?;
        Ok(OwnedFd::from_raw_fd(fd as i32))
    }
}

/// kill(2).
pub fn kill(pid: i32, signal: i32) -> Result<()> {
    traced(
        || Call::new("kill").arg("pid", pid).arg("sig", signal_name(signal)),
        // SAFETY: plain numbers.
        || Errno::result(unsafe { libc::kill(pid, signal) }).map(drop),
    )
}

/// `SIGTERM` for 15, and so on; `SIGRTMIN+n` for real-time signals.
pub fn signal_name(signal: i32) -> String {
    match Signal::try_from(signal) {
        Ok(known) => known.as_str().to_owned(),
        Err(_) if signal >= libc::SIGRTMIN() => format!("SIGRTMIN+{}", signal - libc::SIGRTMIN()),
        Err(_) => signal.to_string(),
    }
}

/// The number of a signal by name, with or without `SIG`, or by number; as `docker run --stop-signal` takes it.
pub fn signal_number(name: &str) -> Option<i32> {
    let upper = name.to_ascii_uppercase();
    let bare = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Ok(number) = bare.parse::<i32>() {
        return (1..=64).contains(&number).then_some(number);
    }
    if let Some(offset) = bare.strip_prefix("RTMIN+").and_then(|rest| rest.parse::<i32>().ok()) {
        return (0..=30).contains(&offset).then(|| libc::SIGRTMIN() + offset);
    }
    format!("SIG{bare}").parse::<Signal>().ok().map(|signal| signal as i32)
}

/// A program that is to be started gets SIGTERM when we end, however that comes about: PR_SET_PDEATHSIG of prctl(2). It
/// holds over execve(2).
pub fn end_with_us(command: &mut std::process::Command) {
    use std::os::unix::process::CommandExt;
    // SAFETY: between fork and exec only one system call is made, with constant arguments.
    unsafe {
        command.pre_exec(|| Ok(nix::sys::prctl::set_pdeathsig(Signal::SIGTERM)?));
    }
}

/// A program that is to be started gets no signal blocked: std hands our own mask on, and a shell would never hear SIGTERM.
pub fn with_signals_open(command: &mut std::process::Command) {
    use std::os::unix::process::CommandExt;
    // SAFETY: between fork and exec only one system call is made, with a set that was filled before.
    unsafe {
        command.pre_exec(|| Ok(sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?));
    }
}

/// sync(2): what is to be written is on the disk when it comes back.
pub fn sync() {
    nix::unistd::sync();
}

/// setsid(2): a session of its own, without a controlling terminal yet.
pub fn setsid() -> Result<()> {
    traced(|| Call::new("setsid"), nix::unistd::setsid).map(drop)
}

/// Blocks every signal that can be blocked, and gives a descriptor from which they are read instead, see signalfd(2).
pub fn signals_by_descriptor() -> nix::Result<SignalFd> {
    let mut all = SigSet::all();
    // These are raised by the process's own mistakes; blocked, they would end it without a word.
    for own_fault in [Signal::SIGSEGV, Signal::SIGBUS, Signal::SIGFPE, Signal::SIGILL, Signal::SIGTRAP] {
        all.remove(own_fault);
    }
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&all), None)?;
    SignalFd::with_flags(&all, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
}

/// The last real-time signal, see signal(7).
const LAST_SIGNAL: i32 = 64;

/// Gives the program the signals as they were meant: none blocked, each with its default action.
///
/// What is ignored stays ignored over execve(2), and a blocked signal stays blocked: without this a container would
/// inherit rlab's own settings, and with them a SIGPIPE that never comes.
pub fn reset_signals() -> nix::Result<()> {
    // The kernel's own structure, all zero: SIG_DFL, and no signal blocked meanwhile. Not by the C library, which keeps 32
    // and 33 for itself and would refuse to touch them; the kernel's number for the size of a set is 8 bytes.
    let default = [0u64; 4];
    for signal in (1..=LAST_SIGNAL).filter(|signal| ![libc::SIGKILL, libc::SIGSTOP].contains(signal)) {
        // SAFETY: the default action is no function of ours; the kernel reads the structure and writes none.
        let result =
            unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), std::ptr::null::<u8>(), 8) };
        Errno::result(result)?;
    }
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)
}

/// How many threads this process has. A clone is only safe from a process with one.
pub fn thread_count() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count)
}

/// A pair of connected sockets that keep message borders, close-on-exec: one for the parent, one for init.
pub fn message_pair() -> nix::Result<(OwnedFd, OwnedFd)> {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
    socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
}

/// socketpair(2): a pair of connected sockets for a stream of bytes, close-on-exec.
pub fn stream_pair() -> nix::Result<(OwnedFd, OwnedFd)> {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
    socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC)
}

/// Sends one message, with a descriptor if given.
pub fn send_message(socket: BorrowedFd<'_>, bytes: &[u8], descriptor: Option<BorrowedFd<'_>>) -> nix::Result<()> {
    use nix::sys::socket::{ControlMessage, MsgFlags, UnixAddr, sendmsg};
    let raw: Vec<i32> = descriptor.iter().map(AsRawFd::as_raw_fd).collect();
    let control = if raw.is_empty() { vec![] } else { vec![ControlMessage::ScmRights(&raw)] };
    let parts = [std::io::IoSlice::new(bytes)];
    sendmsg::<UnixAddr>(socket.as_raw_fd(), &parts, &control, MsgFlags::MSG_NOSIGNAL, None).map(drop)
}

/// Receives one message and the descriptor that came with it. An empty message means that the other side is gone.
pub fn receive_message(socket: BorrowedFd<'_>) -> nix::Result<(Vec<u8>, Option<OwnedFd>)> {
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, UnixAddr, recvmsg};
    let mut bytes = vec![0; 64 * 1024];
    let mut space = nix::cmsg_space!([i32; 1]);
    let (length, descriptor) = loop {
        let mut parts = [std::io::IoSliceMut::new(&mut bytes)];
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        match recvmsg::<UnixAddr>(socket.as_raw_fd(), &mut parts, Some(&mut space), flags) {
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
            Ok(message) => {
                let mut descriptor = None;
                for control in message.cmsgs()? {
                    if let ControlMessageOwned::ScmRights(fds) = control {
                        // SAFETY: the kernel has just made these descriptors for us.
                        descriptor = fds.first().map(|fd| unsafe { OwnedFd::from_raw_fd(*fd) });
                    }
                }
                break (message.bytes, descriptor);
            }
        }
    };
    bytes.truncate(length);
    Ok((bytes, descriptor))
}

/// Waits until one of the descriptors can be read, is closed, or the time is over; gives for each whether it is ready.
pub fn poll_readable(descriptors: &[BorrowedFd<'_>], timeout_ms: Option<u16>) -> nix::Result<Vec<bool>> {
    let wanted: Vec<(BorrowedFd<'_>, Ready)> = descriptors.iter().map(|fd| (*fd, Ready::Read)).collect();
    poll(&wanted, timeout_ms)
}

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// Something to read, or the other side is gone.
    Read,
    /// Room to write, or the other side is gone.
    Write,
}

/// poll(2): gives for each descriptor whether what was waited for has come.
pub fn poll(wanted: &[(BorrowedFd<'_>, Ready)], timeout_ms: Option<u16>) -> nix::Result<Vec<bool>> {
    use nix::poll::{PollFd, PollFlags, PollTimeout};
    let flags = |ready: Ready| if ready == Ready::Read { PollFlags::POLLIN } else { PollFlags::POLLOUT };
    let mut polled: Vec<PollFd<'_>> = wanted.iter().map(|(fd, ready)| PollFd::new(*fd, flags(*ready))).collect();
    let timeout = timeout_ms.map_or(PollTimeout::NONE, PollTimeout::from);
    match nix::poll::poll(&mut polled, timeout) {
        Err(Errno::EINTR) => Ok(vec![false; wanted.len()]),
        Err(errno) => Err(errno),
        Ok(_) => Ok(polled.iter().map(|polled| polled.any().unwrap_or(false)).collect()),
    }
}

/// pipe2(2), close-on-exec: the end to read from and the end to write to.
pub fn pipe() -> nix::Result<(OwnedFd, OwnedFd)> {
    nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)
}

/// Signals by which a user or the system asks a program to end.
pub const ASK_TO_END: [i32; 4] = [SIGINT, SIGTERM, SIGHUP, SIGQUIT];

/// The signal by which someone asks this process to end, if one waits to be read, see sigpending(2). It goes on waiting.
pub fn end_is_asked_for() -> Option<i32> {
    let mut pending = *SigSet::empty().as_ref();
    // SAFETY: the kernel fills in a set of signals that lives across both calls.
    let mut is_pending = |signal: &i32| unsafe {
        libc::sigpending(&raw mut pending) == 0 && libc::sigismember(&raw const pending, *signal) == 1
    };
    ASK_TO_END.into_iter().find(|signal| is_pending(signal))
}

/// Makes reads and writes on this descriptor come back with EAGAIN instead of waiting: fcntl(2) O_NONBLOCK.
pub fn set_nonblocking(fd: impl AsFd) -> nix::Result<()> {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    let flags = OFlag::from_bits_truncate(fcntl(&fd, FcntlArg::F_GETFL)?);
    fcntl(&fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK)).map(drop)
}

/// /dev/null, for reading.
pub fn open_null() -> nix::Result<OwnedFd> {
    use nix::fcntl::{OFlag, open};
    open("/dev/null", OFlag::O_RDONLY | OFlag::O_CLOEXEC, nix::sys::stat::Mode::empty())
}

/// When a process started, in clock ticks since boot: field 22 of /proc/PID/stat, see proc(5). Its number is given anew
/// after its end, number and start together are not.
pub fn start_ticks(pid: i32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in parentheses, which may itself hold spaces and parentheses.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(19)?.parse().ok()
}

/// The number of this process.
pub fn getpid() -> i32 {
    Pid::this().as_raw()
}

/// The number that this process has outside of its own PID namespace, as long as the host's /proc is in view: that one shows
/// every process under the number of the namespace it was mounted in.
pub fn number_outside() -> Option<i32> {
    std::fs::read_link("/proc/self").ok()?.to_str()?.parse().ok()
}

/// Whether a descriptor is a terminal.
pub fn isatty(fd: impl AsFd) -> bool {
    nix::unistd::isatty(fd).unwrap_or(false)
}

/// Standard input, which stays open as long as the process.
pub fn stdin() -> BorrowedFd<'static> {
    // SAFETY: rlab never closes its standard descriptors; a missing one makes the calls on it fail, nothing worse.
    unsafe { BorrowedFd::borrow_raw(0) }
}

/// Standard output, as [`stdin`].
pub fn stdout() -> BorrowedFd<'static> {
    // SAFETY: as above.
    unsafe { BorrowedFd::borrow_raw(1) }
}

/// Standard error, as [`stdin`].
pub fn stderr() -> BorrowedFd<'static> {
    // SAFETY: as above.
    unsafe { BorrowedFd::borrow_raw(2) }
}
