//! Listening sockets with the one option that the standard library can't set before the bind.

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, bind, listen, setsockopt, socket, sockopt,
};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};

/// A TCP socket that listens on `address`.
pub fn listen_tcp(address: SocketAddr) -> nix::Result<TcpListener> {
    let socket = bound(address, SockType::Stream)?;
    listen(&socket, Backlog::MAXCONN)?;
    Ok(TcpListener::from(socket))
}

/// A UDP socket bound to `address`.
pub fn bind_udp(address: SocketAddr) -> nix::Result<UdpSocket> {
    bound(address, SockType::Datagram).map(UdpSocket::from)
}

fn bound(address: SocketAddr, kind: SockType) -> Result<OwnedFd, Errno> {
    let family = if address.is_ipv6() { AddressFamily::Inet6 } else { AddressFamily::Inet };
    let socket = socket(family, kind, SockFlag::SOCK_CLOEXEC, None)?;
    if address.is_ipv6() {
        // Else `[::]` would take IPv4's clients too, and the port could not be bound on 0.0.0.0 beside it.
        setsockopt(&socket, sockopt::Ipv6V6Only, &true)?;
    }
    if kind == SockType::Stream {
        // Connections of a container that just ended linger in TIME_WAIT; they must not hold the port.
        setsockopt(&socket, sockopt::ReuseAddr, &true)?;
    }
    bind(socket.as_raw_fd(), &SockaddrStorage::from(address))?;
    Ok(socket)
}
