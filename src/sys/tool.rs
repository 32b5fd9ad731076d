//! The system calls that the tools of the lab image need and std does not offer.
//!
//! The tools run *inside* a container as ordinary programs: nothing here is traced, because nothing here makes a
//! container. No call below asks NSS, so the image needs no name service.
use std::ffi::CStr;
use std::io;
use std::net::IpAddr;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Ended;
use nix::errno::Errno;
use nix::net::if_::InterfaceFlags;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::unistd::{self, ForkResult, Pid};

/// The numbers the kernel knows the caller by.
pub struct Ids {
    /// Who started the program.
    pub uid: u32,
    /// Whom the kernel checks.
    pub euid: u32,
    /// The same of groups.
    pub gid: u32,
    /// The same of groups.
    pub egid: u32,
    /// The supplementary groups.
    pub groups: Vec<u32>,
}

pub fn ids() -> io::Result<Ids> {
    let groups = unistd::getgroups()?.into_iter().map(|gid| gid.as_raw()).collect();
    Ok(Ids {
        uid: unistd::getuid().as_raw(),
        euid: unistd::geteuid().as_raw(),
        gid: unistd::getgid().as_raw(),
        egid: unistd::getegid().as_raw(),
        groups,
    })
}

/// An errno in words and by name: `No such file or directory (ENOENT)`.
pub fn describe_errno(raw: i32) -> String {
    // The C library's words, as other programs print them: io::Error adds the number, which the name replaces.
    let words = io::Error::from_raw_os_error(raw).to_string();
    let words = words.rsplit_once(" (os error").map_or(words.as_str(), |(words, _)| words);
    format!("{words} ({:?})", Errno::from_raw(raw))
}

pub fn hostname() -> io::Result<String> {
    Ok(unistd::gethostname()?.to_string_lossy().into_owned())
}

/// What uname(2) fills in, without the domain name.
pub struct Uname {
    pub sysname: String,
    pub nodename: String,
    pub release: String,
    pub version: String,
    pub machine: String,
}

pub fn uname() -> io::Result<Uname> {
    // SAFETY: utsname is plain arrays of bytes, for which all zeros is a value; the kernel fills them with C strings.
    let (ret, buf) = unsafe {
        let mut buf: libc::utsname = std::mem::zeroed();
        (libc::uname(&mut buf), buf)
    };
    Errno::result(ret)?;
    let text = |field: &[libc::c_char]| {
        let bytes: Vec<u8> = field.iter().map(|&c| c.cast_unsigned()).collect();
        CStr::from_bytes_until_nul(&bytes).map(|s| s.to_string_lossy().into_owned()).unwrap_or_default()
    };
    Ok(Uname {
        sysname: text(&buf.sysname),
        nodename: text(&buf.nodename),
        release: text(&buf.release),
        version: text(&buf.version),
        machine: text(&buf.machine),
    })
}

/// What is in the kernel's log, by klogctl(3), which is syslog(2) of the kernel. It changes nothing in it.
pub fn kernel_log() -> io::Result<String> {
    /// SYSLOG_ACTION_READ_ALL and SYSLOG_ACTION_SIZE_BUFFER of syslog(2).
    const READ_ALL: libc::c_int = 3;
    const SIZE_BUFFER: libc::c_int = 10;
    // SAFETY: this action takes neither buffer nor length.
    let size = Errno::result(unsafe { libc::klogctl(SIZE_BUFFER, std::ptr::null_mut(), 0) })?;
    let mut bytes = vec![0u8; usize::try_from(size).unwrap_or_default()];
    // SAFETY: the kernel writes at most as many bytes as it is told, which the buffer has.
    let length = Errno::result(unsafe { libc::klogctl(READ_ALL, bytes.as_mut_ptr().cast(), size) })?;
    bytes.truncate(usize::try_from(length).unwrap_or_default());
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// kill(2). Signal 0 only asks whether the process may be signalled.
pub fn kill(pid: i32, signal: i32) -> io::Result<()> {
    super::kill(pid, signal).map_err(refused)
}

fn refused(error: super::Error) -> io::Error {
    io::Error::from_raw_os_error(error.errno)
}

/// One bit a signal that arrived and was not yet taken.
static ARRIVED: AtomicU64 = AtomicU64::new(0);

extern "C" fn note_arrival(signal: libc::c_int) {
    ARRIVED.fetch_or(1 << signal, Ordering::Relaxed);
}

/// Notes these signals instead of dying of them. Calls that block then end with EINTR. A handler, not SIG_IGN: exec
/// gives children the default back.
pub fn catch(signals: &[i32]) -> io::Result<()> {
    let action = SigAction::new(SigHandler::Handler(note_arrival), SaFlags::empty(), SigSet::empty());
    for &signal in signals {
        // SAFETY: the handler only touches an atomic, which is allowed at any point of the program.
        unsafe { sigaction(Signal::try_from(signal)?, &action) }?;
    }
    Ok(())
}

/// Whether a caught signal arrived since the last time this was asked.
pub fn take_arrival(signal: i32) -> bool {
    ARRIVED.fetch_and(!(1 << signal), Ordering::Relaxed) & (1 << signal) != 0
}

/// Waits for input, a caught signal or a second, whichever is first: true when there is input.
pub fn wait_for_input(fd: BorrowedFd<'_>) -> io::Result<bool> {
    let mut fds = [PollFd::new(fd, PollFlags::POLLIN)];
    match poll(&mut fds, PollTimeout::from(1000u16)) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::EINTR) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// Sleeps until a signal arrives or a second is over.
pub fn wait_for_signal() -> io::Result<()> {
    match poll(&mut [], PollTimeout::from(1000u16)) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Waits for this child. Process 1 buries every other that ends meanwhile: orphans are given to it, and whom it does
/// not wait for stays a zombie.
pub fn wait_for(child: i32) -> io::Result<Ended> {
    let whom = if super::getpid() == 1 { -1 } else { child };
    loop {
        if let Some((pid, ended)) = super::wait(whom, true).map_err(refused)?
            && pid == child
        {
            return Ok(ended);
        }
    }
}

/// Buries one child that has ended, whichever; false when there is none.
pub fn reap_one() -> bool {
    matches!(super::wait(-1, false), Ok(Some(_)))
}

/// Forks a child that does nothing until it is killed, and is killed when its parent ends.
pub fn fork_sleeper() -> io::Result<i32> {
    // SAFETY: the child only makes system calls that allocate nothing and take no lock, and leaves by none of our code.
    match unsafe { unistd::fork() }? {
        ForkResult::Parent { child } => Ok(child.as_raw()),
        ForkResult::Child => loop {
            // SAFETY: both are plain system calls with constant arguments.
            unsafe {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                libc::pause();
            }
        },
    }
}

/// CPU time that all threads of this process have had.
pub fn cpu_time() -> io::Result<Duration> {
    Ok(nix::time::clock_gettime(nix::time::ClockId::CLOCK_PROCESS_CPUTIME_ID)?.into())
}

/// How many CPUs the scheduler may put this process on. A cgroup quota does not change it.
pub fn allowed_cpus() -> io::Result<usize> {
    let set = nix::sched::sched_getaffinity(Pid::from_raw(0))?;
    Ok((0..nix::sched::CpuSet::count()).filter(|&cpu| set.is_set(cpu).unwrap_or(false)).count())
}

/// Major and minor number of a device.
pub fn device_numbers(rdev: u64) -> (u64, u64) {
    (nix::sys::stat::major(rdev), nix::sys::stat::minor(rdev))
}

/// A network interface of this network namespace.
pub struct Interface {
    pub name: String,
    pub up: bool,
    pub mac: Option<[u8; 6]>,
    /// Addresses with the length of their prefix.
    pub addresses: Vec<(IpAddr, u32)>,
}

/// The interfaces in the kernel's order, asked by netlink, so it works without /proc and /sys.
pub fn interfaces() -> io::Result<Vec<Interface>> {
    let mut found: Vec<Interface> = Vec::new();
    for entry in nix::ifaddrs::getifaddrs()? {
        let up = entry.flags.contains(InterfaceFlags::IFF_UP);
        let index = found.iter().position(|known| known.name == entry.interface_name).unwrap_or_else(|| {
            found.push(Interface { name: entry.interface_name.clone(), up, mac: None, addresses: Vec::new() });
            found.len() - 1
        });
        let Some(address) = entry.address else { continue };
        let prefix = |mask: Option<nix::sys::socket::SockaddrStorage>| {
            let v4 = mask.as_ref().and_then(|m| m.as_sockaddr_in()).map(|m| m.ip().to_bits().count_ones());
            v4.or_else(|| mask.as_ref()?.as_sockaddr_in6().map(|m| m.ip().to_bits().count_ones()))
        };
        if let Some(link) = address.as_link_addr() {
            found[index].mac = link.addr();
        } else if let Some(v4) = address.as_sockaddr_in() {
            found[index].addresses.push((IpAddr::V4(v4.ip()), prefix(entry.netmask).unwrap_or(32)));
        } else if let Some(v6) = address.as_sockaddr_in6() {
            found[index].addresses.push((IpAddr::V6(v6.ip()), prefix(entry.netmask).unwrap_or(128)));
        }
    }
    Ok(found)
}

/// execve(2) of a command in place of this process. It comes back only when it failed.
pub fn exec(command: &mut std::process::Command) -> std::io::Error {
    std::os::unix::process::CommandExt::exec(command)
}
