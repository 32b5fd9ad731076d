//! Ports for those who will listen on them a while later.

use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, setsockopt, socket, sockopt};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU16, Ordering};

/// A TCP port of this host that nobody listens on. Each is given once in a run of the tests, and all are below 32768: from
/// there on the kernel gives ports away by itself, see ip_local_port_range in ip(7), and it would give one that is free
/// for now to the next who asks for any.
pub fn free_port() -> u16 {
    static ASKED: AtomicU16 = AtomicU16::new(0);
    let begin = (std::process::id() % 97) as u16 * 100;
    let mut ports = std::iter::repeat_with(|| 20_000 + (begin + ASKED.fetch_add(1, Ordering::Relaxed)) % 12_000);
    ports.find(|port| is_free(*port)).unwrap()
}

/// Tried without listening. A child that another test has just made holds a copy of the socket until its execve: were it
/// one that listens, the port would be in use for as long, and connections would be taken that nobody answers.
fn is_free(port: u16) -> bool {
    let Ok(socket) = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None) else { return false };
    let reuse = setsockopt(&socket, sockopt::ReuseAddr, &true);
    reuse.is_ok() && bind(socket.as_raw_fd(), &SockaddrIn::new(0, 0, 0, 0, port)).is_ok()
}
