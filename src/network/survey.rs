//! What this host offers for networks, tried out in a namespace that ends with the child that made it.

use super::resolv::{self, Dns};
use super::rules;
use crate::sys::attempt::{Refused, attempt};
use crate::sys::netlink::Netlink;
use crate::sys::{self, netns};
use std::os::fd::AsFd;

/// Longer than nft takes on a busy machine.
const LIMIT_MS: u16 = 5000;
/// Of a locally administered kind: the second bit of the first byte.
const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];

/// What was found.
#[derive(Clone, Debug)]
pub struct Survey {
    /// Whether a bridge can be made.
    pub bridge: Result<String, Refused>,
    /// Whether a pair of virtual cables' ends can be made.
    pub veth: Result<String, Refused>,
    /// Whether nft takes rules such as ours.
    pub nft: Result<String, Refused>,
    /// The chain of another firewall that drops what is forwarded; an error where the rules can't be read.
    pub foreign_drop: Result<Option<String>, Refused>,
    /// Whether the host forwards packets already.
    pub ip_forward: Option<bool>,
    /// Whether packets within a bridge go through the host's firewall: there when the module is loaded.
    pub bridge_nf_call: Option<bool>,
    /// The least port that takes no privilege.
    pub unprivileged_port_start: Option<String>,
    /// The groups that may send pings without privilege.
    pub ping_group_range: Option<String>,
    /// The name servers of the host that are out of a container's reach.
    pub dns_dropped: Vec<String>,
    /// Where a container's name servers come from.
    pub dns_source: resolv::Source,
}

impl Survey {
    /// Tries it out, and changes nothing. Must be called from a process with one thread.
    pub fn take() -> Survey {
        let read = |path: &str| std::fs::read_to_string(path).ok().map(|text| text.trim().replace('\t', " "));
        let on = |path: &str| read(path).map(|text| text == "1");
        let systemd = std::fs::read_to_string(resolv::SYSTEMD_RESOLV_CONF).ok();
        let host = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
        let dns = resolv::for_container(&host, systemd.as_deref(), &Dns::default());
        Survey {
            bridge: in_a_namespace(|| Ok(Netlink::open()?.create_bridge("bridge0", MAC)?)),
            veth: in_a_namespace(|| {
                let here = netns::NetworkNamespace::current()?;
                Ok(Netlink::open()?.create_veth("veth0", "veth1", MAC, here.as_fd())?)
            }),
            nft: in_a_namespace(|| sys::nft::load(&rules::trial()).map_err(|error| Refused::new(error.to_string()))),
            foreign_drop: rules::foreign_drop("").map_err(|error| Refused::new(error.to_string())),
            ip_forward: on("/proc/sys/net/ipv4/ip_forward"),
            bridge_nf_call: on("/proc/sys/net/bridge/bridge-nf-call-iptables"),
            unprivileged_port_start: read("/proc/sys/net/ipv4/ip_unprivileged_port_start"),
            ping_group_range: read("/proc/sys/net/ipv4/ping_group_range"),
            dns_dropped: dns.dropped,
            dns_source: dns.source,
        }
    }
}

fn in_a_namespace(body: impl FnOnce() -> Result<(), Refused>) -> Result<String, Refused> {
    attempt(LIMIT_MS, || {
        netns::unshare_network()?;
        body().map(|()| String::new())
    })
}
