//! The process that listens on the published ports, as docker-proxy does.
//!
//! Address translation alone can't serve `localhost`: a packet from 127.0.0.1 must not leave by another link. And a
//! port that is listened on is taken for everyone, so that a second container fails at once and by name, instead of
//! stealing connections by a rule.

mod holder;
mod serve;

pub use serve::proxy_main;

use super::error::{Error, Result};
use super::ports::{Protocol, PublishedPort};
use super::resource::Resource;
use crate::{sys, trace};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;
use std::path::Path;

/// The hidden command by which rlab runs itself as the proxy.
pub const COMMAND: &str = "port-proxy";

/// How long a killed process may take to be gone.
const KILL_WAIT_MS: u16 = 5000;

/// What the proxy says once, on its standard output.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Report {
    /// Everything is bound: the host's ports, in the order of the arguments.
    Bound(Vec<u16>),
    /// The first that could not be bound.
    Refused { ip: IpAddr, port: u16, protocol: Protocol, errno: i32 },
}

/// Starts the proxy and gives back the host's ports, in order.
///
/// It serves only once it is on the undo list: until then it waits for a byte, and ends when that never comes. So a
/// rlab that is killed in between leaves no process behind.
pub fn start(
    program: &Path,
    ports: &[PublishedPort],
    ip: Ipv4Addr,
    record: &mut dyn FnMut(Resource) -> std::io::Result<()>,
) -> Result<Vec<u16>> {
    let args = arguments(ports, ip);
    let argv = ["rlab".to_owned()].into_iter().chain(args.iter().cloned()).collect();
    let mut child = sys::spawn(&sys::Program {
        path: program,
        args: argv,
        env: Vec::new(),
        stays: true,
        dies_with_us: false,
        keeps: &[],
    })?;
    let bound = match report(&child) {
        Some(Report::Bound(bound)) => bound,
        refused => {
            // It has ended, or is about to.
            let _ended = sys::wait(child.pid, true);
            return Err(refusal(refused));
        }
    };
    let pid = child.pid;
    let start_ticks = sys::start_ticks(pid).ok_or(Error::ProxyEnded)?;
    record(Resource::Proxy { pid, start_ticks }).map_err(Error::Journal)?;
    child.stdin.write_all(b"\n").map_err(|_gone| Error::ProxyEnded)?;
    trace::work("port_proxy", || json!({ "pid": pid, "command": format!("rlab {}", args.join(" ")) }));
    Ok(bound)
}

/// A port of the host's that is free now for a published one, of those the user left to choose from. For who listens
/// himself, as QEMU does.
pub fn free_port(wanted: &PublishedPort) -> Result<u16> {
    let ip = wanted.host_ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let (first, last) = wanted.host_ports.unwrap_or((0, 0));
    let mut errno = sys::Errno::EADDRINUSE;
    for port in first..=last {
        match try_port(SocketAddr::new(ip, port), wanted.protocol) {
            Ok(free) => return Ok(free),
            Err(refused) => errno = refused,
        }
    }
    Err(refusal(Some(Report::Refused { ip, port: first, protocol: wanted.protocol, errno: errno as i32 })))
}

/// Listens for a moment, and gives the port, which is the kernel's choice for 0.
fn try_port(address: SocketAddr, protocol: Protocol) -> std::result::Result<u16, sys::Errno> {
    let bound = match protocol {
        Protocol::Tcp => sys::listen_tcp(address)?.local_addr(),
        Protocol::Udp => sys::bind_udp(address)?.local_addr(),
    };
    bound.map(|address| address.port()).map_err(|_| sys::Errno::EADDRNOTAVAIL)
}

/// Ends the proxy, if the process of that number is still the one that was started.
pub fn stop(pid: i32, start_ticks: u64) -> Result<()> {
    // The descriptor first: from here on it names this very process, whatever happens to the number.
    let Ok(pidfd) = sys::pidfd_open(pid) else { return Ok(()) };
    if sys::start_ticks(pid) != Some(start_ticks) {
        return Ok(());
    }
    match sys::pidfd_send_signal(pidfd.as_fd(), pid, 9) {
        Err(error) if error.errno == sys::Errno::ESRCH as i32 => return Ok(()),
        other => other?,
    }
    // Until it is gone it holds the ports, and the next container would be refused.
    let _late = sys::poll_readable(&[pidfd.as_fd()], Some(KILL_WAIT_MS));
    // When this is another process than the one that started it, init collects it.
    let _not_our_child = sys::wait(pid, false);
    Ok(())
}

/// `tcp any:8080 172.30.0.2:80` for each port.
fn arguments(ports: &[PublishedPort], ip: Ipv4Addr) -> Vec<String> {
    let mut args = vec![COMMAND.to_owned()];
    for port in ports {
        let host = match port.host_ip {
            None => "any".to_owned(),
            Some(IpAddr::V6(ip)) => format!("[{ip}]"),
            Some(IpAddr::V4(ip)) => ip.to_string(),
        };
        let host_ports = match port.host_ports {
            None => "0".to_owned(),
            Some((first, last)) if first == last => first.to_string(),
            Some((first, last)) => format!("{first}-{last}"),
        };
        args.extend([
            port.protocol.name().to_owned(),
            format!("{host}:{host_ports}"),
            format!("{ip}:{}", port.container_port),
        ]);
    }
    args
}

fn report(child: &sys::Child) -> Option<Report> {
    let mut line = String::new();
    BufReader::new(&child.stdout).read_line(&mut line).ok()?;
    serde_json::from_str(&line).ok()
}

fn refusal(report: Option<Report>) -> Error {
    let Some(Report::Refused { ip, port, protocol, errno }) = report else { return Error::ProxyEnded };
    if errno == sys::Errno::EADDRINUSE as i32 {
        return Error::PortTaken { ip, port, protocol, holder: holder::find(port, protocol) };
    }
    Error::Listen { ip, port, protocol, errno }
}
