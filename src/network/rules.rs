//! The firewall's part: addresses translated on the way out, published ports on the way in.
//!
//! All of it is in one nftables table of our own, one a root, so that nothing of the host's own firewall is ever
//! touched, and all of ours is gone with the table. A container's rules carry its id as a comment and are found and
//! deleted by it.

use super::error::{Error, Result};
use super::ports::Protocol;
use super::subnet::Subnet;
use crate::sys::nft;
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr};

/// A published port whose host's port is settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// The host's address; every one of them when there is none.
    pub host_ip: Option<IpAddr>,
    /// The host's port.
    pub host_port: u16,
    /// The container's address.
    pub ip: Ipv4Addr,
    /// The container's port.
    pub port: u16,
    /// The protocol.
    pub protocol: Protocol,
}

/// Makes the table of a root, which has the name of its bridge.
pub fn create_table(bridge: &str, subnet: Subnet) -> Result<()> {
    Ok(nft::load(&table(bridge, subnet))?)
}

/// A table as a container's network needs it, with each kind of rule, to see whether this host takes them.
pub fn trial() -> Vec<String> {
    let bridge = "bridge0";
    let subnet = Subnet { network: Ipv4Addr::new(172, 30, 0, 0), prefix_len: 24 };
    let forward =
        Forward { host_ip: None, host_port: 8080, ip: Ipv4Addr::new(172, 30, 0, 2), port: 80, protocol: Protocol::Tcp };
    let mut rules = table(bridge, subnet);
    rules.extend(container_rules(bridge, &comment("trial"), &forward, true));
    rules
}

/// Whether the table is there.
pub fn table_exists(bridge: &str) -> Result<bool> {
    let tables = nft::list(&["tables", "ip"])?;
    Ok(tables.iter().any(|object| object["table"]["name"] == bridge))
}

/// Whether there is a table to take away. Where there is no nft, there never was one.
fn table_left(bridge: &str) -> Result<bool> {
    match table_exists(bridge) {
        Err(Error::Nft(nft::Error::Missing)) => Ok(false),
        other => other,
    }
}

/// Removes the table of a root, with everything in it.
pub fn delete_table(bridge: &str) -> Result<()> {
    if table_left(bridge)? {
        nft::load(&[format!("delete table ip {bridge}")])?;
    }
    Ok(())
}

/// Adds the rules of a container.
///
/// `routed` is false where another firewall would drop what comes from outside: then the proxy serves it instead.
pub fn add_forwards(bridge: &str, comment: &str, forwards: &[Forward], routed: bool) -> Result<()> {
    let rules: Vec<String> =
        forwards.iter().flat_map(|forward| container_rules(bridge, comment, forward, routed)).collect();
    if rules.is_empty() { Ok(()) } else { Ok(nft::load(&rules)?) }
}

/// Deletes the rules of a container, by the handles that the kernel gave them.
pub fn delete_forwards(bridge: &str, comment: &str) -> Result<()> {
    if !table_left(bridge)? {
        return Ok(());
    }
    let rules = deletions(&nft::list(&["table", "ip", bridge])?, bridge, comment);
    if rules.is_empty() { Ok(()) } else { Ok(nft::load(&rules)?) }
}

/// The chain of another firewall that drops whatever no rule of its own lets pass, if there is one: `ip filter FORWARD`.
///
/// Docker sets that policy. An accept of ours can't help against it: a packet passes every chain at the hook, and one
/// drop is final.
pub fn foreign_drop(bridge: &str) -> Result<Option<String>> {
    Ok(dropping_chain(&nft::list(&["chains"])?, bridge))
}

/// The comment by which a container's rules are found. An id of 64 digits is known by its first twelve.
pub fn comment(id: &str) -> String {
    let hex = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let length = if hex { 12 } else { 80 };
    // What could end the quoted string, and with it the rule, stays out.
    let plain = |letter: &char| letter.is_ascii_alphanumeric() || "_.-".contains(*letter);
    let name: String = id.chars().filter(plain).take(length).collect();
    format!("container {name}")
}

fn table(bridge: &str, subnet: Subnet) -> Vec<String> {
    let chain = |name: &str, kind: &str, hook: &str, priority: &str| {
        format!("add chain ip {bridge} {name} {{ type {kind} hook {hook} priority {priority}; }}")
    };
    let rule = |chain: &str, text: String| format!("add rule ip {bridge} {chain} {text}");
    vec![
        format!("add table ip {bridge}"),
        chain("prerouting", "nat", "prerouting", "dstnat"),
        // Connections from the host itself never pass prerouting; `dstnat` is no name for this hook in older nft.
        chain("output", "nat", "output", "-100"),
        chain("postrouting", "nat", "postrouting", "srcnat"),
        chain("forward", "filter", "forward", "filter"),
        rule("postrouting", format!("ip saddr {subnet} oifname != \"{bridge}\" masquerade")),
        rule("forward", format!("iifname \"{bridge}\" accept")),
        rule("forward", format!("oifname \"{bridge}\" ct state established,related accept")),
        rule("forward", format!("oifname \"{bridge}\" ct status dnat accept")),
        // Forwarding is on now, so a neighbour of the host could send straight to a container's address, and reach
        // every port of it. Only what is published may come in.
        rule("forward", format!("oifname \"{bridge}\" drop")),
    ]
}

fn container_rules(bridge: &str, comment: &str, forward: &Forward, routed: bool) -> Vec<String> {
    let to = match forward.host_ip {
        // Loopback is never translated: a packet from 127.0.0.1 must not leave by another link. The proxy serves it.
        Some(ip) if ip.is_loopback() => return Vec::new(),
        Some(IpAddr::V6(ip)) if !ip.is_unspecified() => return Vec::new(),
        // The table is of IPv4; on every address of IPv6 means none of IPv4.
        Some(IpAddr::V6(_)) => return Vec::new(),
        Some(IpAddr::V4(ip)) if !ip.is_unspecified() => format!("ip daddr {ip}"),
        Some(IpAddr::V4(_)) | None => "fib daddr type local".to_owned(),
    };
    let Forward { host_port, ip, port, protocol, .. } = forward;
    let translated = format!("{} dport {host_port} dnat to {ip}:{port} comment \"{comment}\"", protocol.name());
    let mut rules = Vec::new();
    if routed {
        // Not from the bridge itself: the answer would go straight back to the neighbour, which asked someone else.
        rules.push(format!("add rule ip {bridge} prerouting iifname != \"{bridge}\" {to} {translated}"));
    }
    rules.push(format!("add rule ip {bridge} output ip daddr != 127.0.0.0/8 {to} {translated}"));
    rules
}

fn deletions(objects: &[Value], bridge: &str, comment: &str) -> Vec<String> {
    let ours = objects.iter().map(|object| &object["rule"]).filter(|rule| rule["comment"] == comment);
    ours.filter_map(|rule| {
        let (chain, handle) = (rule["chain"].as_str()?, rule["handle"].as_u64()?);
        Some(format!("delete rule ip {bridge} {chain} handle {handle}"))
    })
    .collect()
}

fn dropping_chain(objects: &[Value], bridge: &str) -> Option<String> {
    let chains = objects.iter().map(|object| &object["chain"]);
    let mut drops = chains.filter(|chain| {
        chain["hook"] == "forward"
            && chain["policy"] == "drop"
            && matches!(chain["family"].as_str(), Some("ip" | "inet"))
            && chain["table"] != bridge
    });
    let chain = drops.next()?;
    Some(format!("{} {} {}", chain["family"].as_str()?, chain["table"].as_str()?, chain["name"].as_str()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn forward(host_ip: Option<&str>) -> Forward {
        Forward {
            host_ip: host_ip.map(|ip| ip.parse().unwrap()),
            host_port: 8080,
            ip: Ipv4Addr::new(172, 30, 0, 2),
            port: 80,
            protocol: Protocol::Tcp,
        }
    }

    #[test]
    fn a_published_port_is_translated_for_others_and_for_the_host_itself() {
        let rules = container_rules("rlab0", "container a", &forward(None), true);
        assert_eq!(
            rules,
            [
                "add rule ip rlab0 prerouting iifname != \"rlab0\" fib daddr type local tcp dport 8080 dnat to 172.30.0.2:80 comment \"container a\"",
                "add rule ip rlab0 output ip daddr != 127.0.0.0/8 fib daddr type local tcp dport 8080 dnat to 172.30.0.2:80 comment \"container a\"",
            ]
        );
        assert!(container_rules("rlab0", "c", &forward(Some("192.0.2.2")), true)[0].contains("ip daddr 192.0.2.2 tcp"));
    }

    #[test]
    fn loopback_and_ipv6_are_the_proxys() {
        for ip in ["127.0.0.1", "::1", "::", "fd00::2"] {
            assert_eq!(container_rules("rlab0", "c", &forward(Some(ip)), true), Vec::<String>::new(), "{ip}");
        }
        assert_eq!(container_rules("rlab0", "c", &forward(None), false).len(), 1);
    }

    #[test]
    fn only_our_own_rules_are_deleted() {
        let listed = [
            json!({"table": {"name": "rlab0"}}),
            json!({"rule": {"chain": "output", "handle": 9, "comment": "container a"}}),
            json!({"rule": {"chain": "output", "handle": 10, "comment": "container b"}}),
            json!({"rule": {"chain": "forward", "handle": 11}}),
        ];
        assert_eq!(deletions(&listed, "rlab0", "container a"), ["delete rule ip rlab0 output handle 9"]);
    }

    #[test]
    fn anothers_drop_is_seen_and_our_own_is_not() {
        let chain = |table: &str, hook: &str, policy: &str| json!({"chain": {"family": "ip", "table": table, "name": "FORWARD", "hook": hook, "policy": policy}});
        assert_eq!(
            dropping_chain(&[chain("filter", "forward", "drop")], "rlab0"),
            Some("ip filter FORWARD".to_owned())
        );
        assert_eq!(
            dropping_chain(
                &[
                    chain("filter", "forward", "accept"),
                    chain("filter", "input", "drop"),
                    chain("rlab0", "forward", "drop")
                ],
                "rlab0"
            ),
            None
        );
    }

    #[test]
    fn a_comment_has_the_short_id() {
        assert_eq!(comment(&"0123456789abcdef".repeat(4)), "container 0123456789ab");
        assert_eq!(comment("web-1"), "container web-1");
    }

    proptest! {
        #[test]
        fn no_id_can_end_the_comment(id in "\\PC{0,200}") {
            let text = comment(&id);
            prop_assert!(!text.contains(['"', '\n', '\\', ';']) && text.len() < 128);
        }
    }
}
