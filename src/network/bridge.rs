//! The bridge of a root: a switch in software, into which every container of the root is plugged, and its way out.
//!
//! It is made with the first container and goes with the last. Whoever holds the lease file is alone with it.

use super::error::{Error, Result};
use super::forwarding::Forwarding;
use super::leases::{self, Leases};
use super::subnet::{Subnet, choose, mac_of};
use super::{namespace, probe, rules};
use crate::sys::netlink::{Link, Netlink};
use crate::sys::{self, Errno};
use crate::trace;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::net::Ipv4Addr;
use std::path::Path;

/// The root of a rlab that was told of no other.
const DEFAULT_ROOT: &str = "/var/lib/rlab";

/// The bridge's name: `rlab0`, or for another root one that is that root's alone. At most 15 bytes, see netdevice(7).
pub fn name(root: &Path) -> String {
    if root == Path::new(DEFAULT_ROOT) {
        "rlab0".to_owned()
    } else {
        format!("rlab-{}", short_hash(&[root.as_os_str().as_encoded_bytes()], 8))
    }
}

/// The name of the host's end of a container's cable.
pub fn host_end(run: &Path, id: &str) -> String {
    format!("veth{}", short_hash(&[run.as_os_str().as_encoded_bytes(), id.as_bytes()], 7))
}

fn short_hash(parts: &[&[u8]], digits: usize) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
        hash.update([0]);
    }
    let hex: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    hex[..digits].to_owned()
}

/// Makes the bridge, its table and the host's forwarding, unless they are there, and leases an address.
pub fn join(leases: &mut Leases, run: &Path, bridge: &str, id: &str) -> Result<(Subnet, Ipv4Addr)> {
    // First of all, because without nft there is no way out, and then nothing should be made.
    let table = rules::table_exists(bridge)?;
    let mut host = Forwarding::lock()?;
    let netlink = Netlink::open()?;
    let subnet = ensure(&netlink, leases, bridge)?;
    let ip = leases.take(id, subnet)?;
    leases.set_subnet(Some(subnet));
    // On disk before the next step: a neighbour that leaves must see that the bridge is needed.
    leases.save()?;
    host.acquire(&leases::path(run))?;
    if !table {
        rules::create_table(bridge, subnet)?;
    }
    host.close()?;
    Ok((subnet, ip))
}

/// Takes bridge, table and forwarding away, if no container needs them any more.
pub fn leave(run: &Path, bridge: &str) -> Result<()> {
    let mut leases = match Leases::lock(run) {
        Ok(leases) => leases,
        Err(Error::Records { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !leases.is_empty() {
        return Ok(());
    }
    rules::delete_table(bridge)?;
    delete_link(bridge, "bridge")?;
    let mut host = Forwarding::lock()?;
    host.release(&leases::path(run))?;
    host.close()?;
    leases.set_subnet(None);
    leases.close()
}

/// Plugs a new cable into the bridge, whose other end is inside the namespace at `netns`.
pub fn plug(bridge: &str, host_end: &str, netns: &Path, ip: Ipv4Addr) -> Result<()> {
    let netlink = Netlink::open()?;
    let namespace = sys::netns::NetworkNamespace::open(netns)?;
    let made = netlink.create_veth(host_end, namespace::INSIDE, mac_of(ip), std::os::fd::AsFd::as_fd(&namespace));
    supported(made, "veth")?;
    let ours = [(host_end, "host's end")];
    let before = probe::Snapshot::empty();
    let (Some(end), Some(switch)) = (netlink.link(host_end)?, netlink.link(bridge)?) else {
        return Err(Error::ForeignLink { name: bridge.to_owned() });
    };
    namespace::disable_ipv6(host_end)?;
    netlink.set_master(&end, &switch)?;
    netlink.set_up(&end)?;
    before.tell(&probe::Snapshot::read(&ours));
    Ok(())
}

/// Removes a link. The kernel says ENODEV when it is gone already, for instance with the namespace of its other end.
pub fn delete_link(name: &str, key: &str) -> Result<()> {
    let before = probe::Snapshot::read(&[(name, key)]);
    match Netlink::open()?.delete_link(name) {
        Err(error) if error.errno == Errno::ENODEV as i32 => Ok(()),
        Err(error) => Err(error.into()),
        Ok(()) => {
            before.tell(&probe::Snapshot::read(&[(name, key)]));
            Ok(())
        }
    }
}

fn ensure(netlink: &Netlink, leases: &Leases, bridge: &str) -> Result<Subnet> {
    let there = netlink.link(bridge)?;
    if let Some(link) = &there {
        return match leases.subnet() {
            Some(subnet) if has_address(netlink, link, subnet)? => {
                trace::note("bridge_shared", || json!({ "link": bridge }));
                Ok(subnet)
            }
            _ => Err(Error::ForeignLink { name: bridge.to_owned() }),
        };
    }
    let subnet = match leases.subnet() {
        Some(subnet) if !leases.is_empty() => subnet,
        _ => choose(&taken(netlink)?).ok_or(Error::NoSubnet)?,
    };
    create(netlink, bridge, subnet)?;
    Ok(subnet)
}

fn create(netlink: &Netlink, bridge: &str, subnet: Subnet) -> Result<()> {
    let before = probe::Snapshot::empty();
    supported(netlink.create_bridge(bridge, mac_of(subnet.gateway())), "bridge")?;
    // Before it is switched on: a container could else tell the host, as a router of IPv6's, to send everything to it
    // (CVE-2020-13401).
    namespace::disable_ipv6(bridge)?;
    let Some(link) = netlink.link(bridge)? else { return Err(Error::ForeignLink { name: bridge.to_owned() }) };
    netlink.add_address(&link, subnet.gateway(), subnet.prefix_len)?;
    netlink.set_up(&link)?;
    before.tell(&probe::Snapshot::read(&[(bridge, "bridge")]));
    Ok(())
}

fn has_address(netlink: &Netlink, link: &Link, subnet: Subnet) -> Result<bool> {
    let addresses = netlink.addresses()?;
    Ok(addresses.iter().any(|address| address.index == link.index && address.ip == subnet.gateway()))
}

/// What the host has an address in or a route to, and where it asks for names.
fn taken(netlink: &Netlink) -> Result<Vec<Subnet>> {
    let mut taken: Vec<Subnet> =
        netlink.addresses()?.iter().map(|address| Subnet::around(address.ip, address.prefix_len)).collect();
    // The default route leads everywhere and says nothing about what is used.
    let routes = netlink.routes()?;
    taken.extend(
        routes
            .iter()
            .filter(|route| route.prefix_len > 0)
            .map(|route| Subnet::around(route.destination, route.prefix_len)),
    );
    let resolv = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let servers = resolv.lines().filter_map(|line| line.strip_prefix("nameserver")?.trim().parse::<Ipv4Addr>().ok());
    taken.extend(servers.map(|server| Subnet::around(server, 24)));
    Ok(taken)
}

fn supported(made: sys::Result<()>, kind: &'static str) -> Result<()> {
    match made {
        Err(error) if error.errno == Errno::EOPNOTSUPP as i32 => Err(Error::LinkKind { kind }),
        other => Ok(other?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_root_has_a_bridge_of_its_own_with_a_name_that_fits() {
        assert_eq!(name(Path::new("/var/lib/rlab")), "rlab0");
        let (one, two) = (name(Path::new("/tmp/a")), name(Path::new("/tmp/b")));
        assert!(one != two && one.starts_with("rlab-") && one.len() <= 15, "{one} {two}");
        assert!(host_end(Path::new("/run/rlab"), "a").len() <= 15);
        assert_ne!(host_end(Path::new("/a"), "b"), host_end(Path::new("/b"), "b"));
    }
}
