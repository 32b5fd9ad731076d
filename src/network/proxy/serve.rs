//! The proxy itself: binds, reports, waits to be let go, and then passes bytes on until it is killed.
//!
//! It is a process of its own and clones nothing, so it may have threads.

mod relay;

use super::super::ports::Protocol;
use super::Report;
use crate::sys::{self, Errno};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};

/// How often another free port is tried, when the kernel's first choice is free for one of the addresses only.
const FREE_PORT_TRIES: u32 = 16;

struct Published {
    protocol: Protocol,
    addresses: Vec<IpAddr>,
    ports: (u16, u16),
    to: SocketAddr,
}

enum Listening {
    Tcp(TcpListener),
    Udp(UdpSocket),
}

/// The hidden command. `args` are those after its name. Gives back the exit status.
pub fn proxy_main(args: &[String]) -> u8 {
    let Some(published) = parse(args) else { return 125 };
    match bind_all(&published) {
        Ok(bound) => {
            if !say(&Report::Bound(bound.iter().map(|(port, _)| *port).collect())) || !let_go() {
                return 125;
            }
            let work = bound
                .into_iter()
                .zip(&published)
                .flat_map(|((_, sockets), published)| sockets.into_iter().map(move |socket| (socket, published.to)));
            serve(work.collect());
            0
        }
        Err(refused) => {
            say(&refused);
            125
        }
    }
}

fn say(report: &Report) -> bool {
    let mut line = serde_json::to_vec(report).unwrap_or_default();
    line.push(b'\n');
    let mut out = std::io::stdout().lock();
    out.write_all(&line).and_then(|()| out.flush()).is_ok()
}

/// Waits for the byte that says "you are on the undo list". The end of the pipe instead means that rlab is dead.
fn let_go() -> bool {
    std::io::stdin().read_exact(&mut [0]).is_ok()
}

fn parse(args: &[String]) -> Option<Vec<Published>> {
    let (groups, []) = args.as_chunks::<3>() else { return None };
    groups.iter().map(|[protocol, from, to]| parse_one(protocol, from, to)).collect()
}

fn parse_one(protocol: &str, from: &str, to: &str) -> Option<Published> {
    let protocol = match protocol {
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        _ => return None,
    };
    let (host, ports) = from.rsplit_once(':')?;
    let addresses = match host {
        "any" => vec![IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)],
        _ => vec![host.trim_start_matches('[').trim_end_matches(']').parse().ok()?],
    };
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    Some(Published { protocol, addresses, ports: (first.parse().ok()?, last.parse().ok()?), to: to.parse().ok()? })
}

type Bound = (u16, Vec<Listening>);

fn bind_all(published: &[Published]) -> Result<Vec<Bound>, Report> {
    published.iter().map(bind_one).collect()
}

/// Binds one published port on each of its addresses, on the first port of its choice that is free on all of them.
fn bind_one(published: &Published) -> Result<Bound, Report> {
    let (first, last) = published.ports;
    let choice: Vec<u16> = if first == 0 { vec![0; FREE_PORT_TRIES as usize] } else { (first..=last).collect() };
    let mut refused = None;
    for port in choice {
        match bind_addresses(published, port) {
            Ok(bound) => return Ok(bound),
            Err((ip, port, errno)) => {
                refused = Some(Report::Refused { ip, port, protocol: published.protocol, errno: errno as i32 });
                if errno != Errno::EADDRINUSE {
                    break;
                }
            }
        }
    }
    Err(refused.unwrap_or(Report::Refused {
        ip: published.addresses[0],
        port: first,
        protocol: published.protocol,
        errno: Errno::EADDRINUSE as i32,
    }))
}

fn bind_addresses(published: &Published, port: u16) -> Result<Bound, (IpAddr, u16, Errno)> {
    let (mut port, mut sockets) = (port, Vec::new());
    for ip in &published.addresses {
        match bind(published.protocol, SocketAddr::new(*ip, port)) {
            Ok((socket, got)) => {
                // The kernel's choice for the first address is asked for by number on the others.
                port = got;
                sockets.push(socket);
            }
            // A host without IPv6 has only the other one.
            Err(Errno::EAFNOSUPPORT | Errno::EADDRNOTAVAIL) if ip.is_ipv6() && !sockets.is_empty() => {}
            Err(errno) => return Err((*ip, port, errno)),
        }
    }
    Ok((port, sockets))
}

fn bind(protocol: Protocol, address: SocketAddr) -> Result<(Listening, u16), Errno> {
    let number = |bound: std::io::Result<SocketAddr>| bound.map(|bound| bound.port()).unwrap_or(address.port());
    match protocol {
        Protocol::Tcp => sys::listen_tcp(address).map(|socket| {
            let port = number(socket.local_addr());
            (Listening::Tcp(socket), port)
        }),
        Protocol::Udp => sys::bind_udp(address).map(|socket| {
            let port = number(socket.local_addr());
            (Listening::Udp(socket), port)
        }),
    }
}

/// One thread a listening socket; the process ends by a signal.
fn serve(work: Vec<(Listening, SocketAddr)>) {
    std::thread::scope(|scope| {
        for (socket, to) in work {
            scope.spawn(move || match socket {
                Listening::Tcp(listener) => relay::tcp(&listener, to),
                Listening::Udp(socket) => relay::udp(socket, to),
            });
        }
    });
}
