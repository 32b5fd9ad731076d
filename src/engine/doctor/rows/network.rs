//! Links, rules, and what the host's own network does to a container's.

use crate::engine::doctor::facts::Tried;
use crate::engine::doctor::rows::as_root;
use crate::engine::doctor::{Facts, Row};
use crate::network::DnsSource;
use crate::sys::Errno;

/// See the file's opening.
pub fn rows(facts: &Facts) -> Vec<Row> {
    let network = &facts.network;
    vec![
        link(facts, "bridge", &network.bridge),
        link(facts, "veth", &network.veth),
        nft(facts),
        forwarding(facts),
        firewall(facts),
        names(facts),
        ports(facts),
    ]
}

fn link(facts: &Facts, kind: &str, tried: &Tried) -> Row {
    match tried {
        Ok(_) => Row::ok(kind, "one was made, in a network namespace of its own"),
        Err(refused) if refused.is(Errno::EOPNOTSUPP) => Row::missing(
            kind,
            "this kernel can't make one",
            format!("modprobe {kind}; or --network none, --network host"),
        ),
        Err(refused) => Row::missing(kind, format!("refused: {refused}"), as_root(facts, "it takes CAP_NET_ADMIN")),
    }
}

fn nft(facts: &Facts) -> Row {
    match &facts.network.nft {
        Ok(_) => Row::ok("nft", "it took a container's rules, in a network namespace of its own"),
        Err(refused) if refused.what.contains("no such program") => {
            Row::missing("nft", refused.what.clone(), "apt install nftables; or --network none, --network host")
        }
        Err(refused) => {
            Row::missing("nft", refused.what.clone(), as_root(facts, "modprobe nf_tables; modprobe nft_nat"))
        }
    }
}

fn forwarding(facts: &Facts) -> Row {
    let bridged = match facts.network.bridge_nf_call {
        None => "br_netfilter is not loaded",
        Some(false) => "br_netfilter is loaded, and off for IPv4",
        Some(true) => "br_netfilter is on: packets between containers pass the host's firewall",
    };
    match facts.network.ip_forward {
        Some(true) => Row::ok("forwarding", format!("on; {bridged}")),
        Some(false) => Row::ok("forwarding", format!("off; rlab switches it on while a container needs it; {bridged}")),
        None => Row::limited("forwarding", format!("/proc/sys/net/ipv4/ip_forward can't be read; {bridged}"), ""),
    }
}

fn firewall(facts: &Facts) -> Row {
    match &facts.network.foreign_drop {
        Ok(None) => Row::ok("other firewalls", "none drops what is forwarded"),
        Ok(Some(chain)) => Row::limited(
            "other firewalls",
            format!(
                "chain {chain} drops what it does not know, as docker and firewalld set it: containers may not reach other machines"
            ),
            "let rlab's bridge through there: for docker's, iptables -I DOCKER-USER -i rlab+ -j ACCEPT",
        ),
        Err(reason) => {
            Row::limited("other firewalls", format!("not to be seen: {reason}"), as_root(facts, "apt install nftables"))
        }
    }
}

fn names(facts: &Facts) -> Row {
    let dropped = facts.network.dns_dropped.join(", ");
    match facts.network.dns_source {
        DnsSource::SystemdResolved => {
            Row::ok("name servers", format!("{dropped} is on the host's loopback; containers get those behind it"))
        }
        DnsSource::Public => Row::limited(
            "name servers",
            format!("none in /etc/resolv.conf that a container could reach ({dropped}); public ones are used"),
            "rlab run --dns ADDRESS",
        ),
        DnsSource::Host | DnsSource::Flags => Row::ok("name servers", "those of /etc/resolv.conf"),
    }
}

fn ports(facts: &Facts) -> Row {
    let start = facts.network.unprivileged_port_start.as_deref().unwrap_or("not known");
    let ping = facts.network.ping_group_range.as_deref().unwrap_or("not known");
    let fact = format!("ports from {start} take no privilege; ping_group_range is {ping}");
    let free = start.parse::<u32>().is_ok_and(|start| start == 0);
    match free || facts.power.has("CAP_NET_BIND_SERVICE") {
        true => Row::ok("ports", fact),
        false => Row::limited("ports", fact, "sysctl net.ipv4.ip_unprivileged_port_start=80; or ports above it"),
    }
}
