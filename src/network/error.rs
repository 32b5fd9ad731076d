//! What can go wrong with a network, by kind, and what to do about it.

use super::ports::Protocol;
use crate::sys;
use crate::sys::cause::{self, Cause};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Why a network could not be made or taken away.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel refused a call.
    #[error("{0}")]
    Call(#[from] sys::Error),
    /// nft did not do what it was asked.
    #[error("{0}")]
    Nft(#[from] sys::nft::Error),
    /// The kernel knows no such kind of link.
    #[error("this kernel can't make links of the kind {kind}")]
    LinkKind {
        /// `veth` or `bridge`.
        kind: &'static str,
    },
    /// Someone else listens there.
    #[error("port is already allocated: {ip}:{port}/{} is taken{}", protocol.name(), holder.as_ref().map(|holder| format!(" by {holder}")).unwrap_or_default())]
    PortTaken {
        /// The host's address.
        ip: IpAddr,
        /// The host's port.
        port: u16,
        /// The protocol.
        protocol: Protocol,
        /// Who has it, when that could be found out.
        holder: Option<String>,
    },
    /// The host's address or port can't be bound, for another reason.
    #[error("cannot listen on {ip}:{port}/{}: {}", protocol.name(), sys::errno_text(*errno))]
    Listen {
        /// The host's address.
        ip: IpAddr,
        /// The host's port.
        port: u16,
        /// The protocol.
        protocol: Protocol,
        /// Why, see errno(3).
        errno: i32,
    },
    /// The proxy of the published ports ended before it was ready.
    #[error("the proxy of the published ports ended before it was ready")]
    ProxyEnded,
    /// Every candidate overlaps what the host has already.
    #[error("no network is free for the bridge: every candidate overlaps an address or a route of this host")]
    NoSubnet,
    /// All addresses of the bridge's network are leased.
    #[error("no address is free in {subnet}")]
    NoAddress {
        /// The network.
        subnet: String,
    },
    /// A link of our name is there that rlab did not make.
    #[error("{name} exists already and is no bridge of rlab's")]
    ForeignLink {
        /// The link.
        name: String,
    },
    /// rlab's own records could not be read or written.
    #[error("{}: {source}", path.display())]
    Records {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The undo list could not be written, so nothing more was made.
    #[error("the list of what has to be undone could not be written: {0}")]
    Journal(#[source] std::io::Error),
}

impl Error {
    /// The likeliest cause, by this host's facts. `root` is where rlab keeps things.
    pub fn cause(&self, root: &Path) -> Option<Cause> {
        match self {
            Error::Call(error) => cause::of_call(error, root),
            Error::Nft(sys::nft::Error::Missing) => {
                Some(Cause::new("nft, which sets the rules, is not on this host", "command -v nft || echo no nft", ""))
            }
            Error::LinkKind { kind } => {
                let check = format!("modinfo {kind} || grep -w {kind} /lib/modules/$(uname -r)/modules.builtin");
                Some(Cause::new(format!("the module {kind} is not loaded, or not part of this kernel"), check, ""))
            }
            Error::PortTaken { port, protocol, holder, .. } => {
                let flag = if *protocol == Protocol::Tcp { "t" } else { "u" };
                // A holder that is known is in the error itself.
                let why = if holder.is_some() { "" } else { "a process that rlab can't see listens on it" };
                Some(Cause::new(why, format!("ss -Hln{flag}p 'sport = :{port}'"), ""))
            }
            Error::Listen { port, errno, .. } if *errno == sys::Errno::EACCES as i32 => Some(Cause::new(
                format!("port {port} takes CAP_NET_BIND_SERVICE (bit 10), which rlab itself was not given"),
                "cat /proc/sys/net/ipv4/ip_unprivileged_port_start; grep CapEff /proc/self/status",
                "a port that is not below the first of these numbers",
            )),
            Error::Records { path, source } => cause::of_file(path, source),
            Error::Journal(source) => cause::of_file(root, source),
            _ => None,
        }
    }

    /// The next step for the user.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Nft(sys::nft::Error::Missing) => {
                Some("apt install nftables, or run with --network none or --network host".to_owned())
            }
            Error::Nft(_) => {
                Some("nft list ruleset shows what this host has; --network host needs no rules".to_owned())
            }
            Error::LinkKind { kind } => Some(format!("modprobe {kind}, or run with --network none or --network host")),
            Error::PortTaken { port, .. } => {
                Some(format!("choose another port of the host, such as -p {}:80, or end who has it", other_port(*port)))
            }
            Error::Listen { errno, .. } if *errno == sys::Errno::EADDRNOTAVAIL as i32 => {
                Some("ip address shows the addresses that this host has".to_owned())
            }
            Error::NoSubnet => Some("ip route shows the routes; run with --network host or --network none".to_owned()),
            Error::NoAddress { .. } => Some("rlab ps shows the containers that have the addresses".to_owned()),
            Error::ForeignLink { name } => {
                Some(format!("ip -d link show {name} tells what it is; ip link delete {name} removes it"))
            }
            Error::Call(error) => call_hint(error.errno),
            _ => None,
        }
    }
}

fn call_hint(errno: i32) -> Option<String> {
    let denied = [sys::Errno::EPERM as i32, sys::Errno::EACCES as i32].contains(&errno);
    denied.then(|| "links and network namespaces need CAP_NET_ADMIN and CAP_SYS_ADMIN: run as root".to_owned())
}

fn other_port(port: u16) -> u16 {
    if port < 1024 { port + 8000 } else { port.checked_add(1).unwrap_or(8080) }
}

/// What the functions of this module give back.
pub type Result<T> = std::result::Result<T, Error>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_names_its_holder_and_another_port() {
        let error = Error::PortTaken {
            ip: [0, 0, 0, 0].into(),
            port: 80,
            protocol: Protocol::Tcp,
            holder: Some("nginx (process 77)".to_owned()),
        };
        assert_eq!(error.to_string(), "port is already allocated: 0.0.0.0:80/tcp is taken by nginx (process 77)");
        assert!(error.hint().unwrap().contains("-p 8080:80"));
    }

    #[test]
    fn without_nft_the_package_is_named() {
        assert!(Error::Nft(sys::nft::Error::Missing).hint().unwrap().starts_with("apt install nftables"));
    }
}
