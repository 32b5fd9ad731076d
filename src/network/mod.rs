//! Networks: what libnetwork and CNI plugins are in Docker's world.
//!
//! The engine asks for a network before there is a process; what it gets is the path of a network namespace that the
//! runtime joins. Everything that is made is handed to the undo list first, so that a rlab that is killed at any
//! point leaves a list that is complete.
//!
//! The bridge speaks IPv4 only; a published port is listened on over IPv6, too, and served by the proxy.

mod bridge;
mod error;
mod forwarding;
mod hosts;
mod leases;
mod namespace;
mod ports;
mod probe;
mod proxy;
mod resolv;
mod resource;
mod rules;
mod subnet;
mod survey;
#[cfg(test)]
mod tests;

pub use error::{Error, Result};
pub use hosts::{ExtraHost, hosts, parse_extra_host};
pub use ports::{Protocol, PublishedPort, parse as parse_published};
pub use proxy::{COMMAND as PROXY_COMMAND, free_port, proxy_main};
pub use resolv::{Dns, Source as DnsSource, for_container as resolver_file};
pub use resource::Resource;
pub use survey::Survey;

use crate::trace;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

/// Which network a container has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Its own, with a cable to the root's bridge.
    Bridge,
    /// Its own, with nothing in it but loopback.
    None,
    /// The host's.
    Host,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// The container.
    pub id: String,
    /// Which network.
    pub mode: Mode,
    /// The root of this rlab; the bridge's name comes from it.
    pub root: PathBuf,
    /// Its run directory, which must be there.
    pub run: PathBuf,
    /// The program to run as the proxy of published ports: rlab itself, `/proc/self/exe`.
    pub program: PathBuf,
    /// `-p`
    pub ports: Vec<PublishedPort>,
    /// The container's host name.
    pub hostname: String,
    /// `--dns` and its kin.
    pub dns: Dns,
    /// `--add-host`
    pub extra_hosts: Vec<ExtraHost>,
}

/// A published port as it came to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortBinding {
    /// The host's address; every one of them when there is none.
    pub host_ip: Option<IpAddr>,
    /// The host's port.
    pub host_port: u16,
    /// The container's port.
    pub container_port: u16,
    /// The protocol.
    pub protocol: Protocol,
}

/// The container's place on a bridge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The bridge.
    pub bridge: String,
    /// The container's address.
    pub ip: Ipv4Addr,
    /// The length of its network's prefix.
    pub prefix_len: u8,
    /// The bridge's own address, over which everything else is reached.
    pub gateway: Ipv4Addr,
    /// The container's Ethernet address.
    pub mac: String,
    /// The published ports.
    pub ports: Vec<PortBinding>,
}

/// A network that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    /// The namespace to join; none for the host's.
    pub netns: Option<PathBuf>,
    /// Where the container is on its bridge, if it is on one.
    pub endpoint: Option<Endpoint>,
    /// The text of its /etc/resolv.conf.
    pub resolv_conf: String,
    /// The text of its /etc/hosts.
    pub hosts: String,
    /// The text of its /etc/hostname.
    pub hostname: String,
}

/// Writes a resource to the undo list. Nothing is made that it has not taken.
pub type Record<'a> = &'a mut dyn FnMut(Resource) -> std::io::Result<()>;

/// Makes the network of a container. What was made before a failure is on the undo list, for the caller to undo.
pub fn create(request: &Request, record: Record<'_>) -> Result<Attached> {
    match request.mode {
        Mode::Host => {
            trace::skip("host_network");
            Ok(attached(request, None, None))
        }
        Mode::None => {
            let netns = isolate(request, record)?;
            Ok(attached(request, Some(netns), None))
        }
        Mode::Bridge => {
            let netns = isolate(request, record)?;
            let endpoint = connect(request, &netns, record)?;
            Ok(attached(request, Some(netns), Some(endpoint)))
        }
    }
}

/// Takes a resource away. One that is gone, or was never made, is no error.
pub fn remove(resource: &Resource) -> Result<()> {
    if let Resource::Bridge { .. } | Resource::Veth { .. } | Resource::Rules { .. } = resource {
        namespace::come_home()?; // these are looked for in the namespace that the thread is in
    }
    match resource {
        Resource::Netns { path } => namespace::remove(path),
        Resource::Bridge { run, name } => bridge::leave(run, name),
        Resource::Lease { run, id } => release(run, id),
        Resource::Veth { host_name } => bridge::delete_link(host_name, "host's end"),
        Resource::Proxy { pid, start_ticks } => proxy::stop(*pid, *start_ticks),
        Resource::Rules { table, comment } => rules::delete_forwards(table, comment),
    }
}

fn isolate(request: &Request, record: Record<'_>) -> Result<PathBuf> {
    let path = request.run.join("netns").join(&request.id);
    record(Resource::Netns { path: path.clone() }).map_err(Error::Journal)?;
    namespace::create(&path)?;
    Ok(path)
}

// ANCHOR: connect
fn connect(request: &Request, netns: &std::path::Path, record: Record<'_>) -> Result<Endpoint> {
    let Request { id, run, .. } = request;
    let bridge = bridge::name(&request.root);
    // Held to the end: a neighbour that leaves meanwhile would take the bridge away, or its address be leased twice.
    let mut leases = leases::Leases::lock(run)?;
    // The bridge before the lease, so that undone in reverse the lease is gone when it is asked who still needs it.
    record(Resource::Bridge { run: run.clone(), name: bridge.clone() }).map_err(Error::Journal)?;
    record(Resource::Lease { run: run.clone(), id: id.clone() }).map_err(Error::Journal)?;
    let (subnet, ip) = bridge::join(&mut leases, run, &bridge, id)?;
    let host_name = bridge::host_end(run, id);
    record(Resource::Veth { host_name: host_name.clone() }).map_err(Error::Journal)?;
    bridge::plug(&bridge, &host_name, netns, ip)?;
    namespace::configure(netns, ip, subnet)?;
    let ports = publish(request, &bridge, ip, record)?;
    leases.close()?;
    let mac = subnet::mac_of(ip).map(|byte| format!("{byte:02x}")).join(":");
    Ok(Endpoint { bridge, ip, prefix_len: subnet.prefix_len, gateway: subnet.gateway(), mac, ports })
}
// ANCHOR_END: connect

fn publish(request: &Request, bridge: &str, ip: Ipv4Addr, record: Record<'_>) -> Result<Vec<PortBinding>> {
    let dropped = rules::foreign_drop(bridge)?;
    if let Some(chain) = &dropped {
        trace::note("forward_policy_drop", || json!({ "chain": chain, "link": bridge }));
    }
    if request.ports.is_empty() {
        return Ok(Vec::new());
    }
    let bound = proxy::start(&request.program, &request.ports, ip, record)?;
    let bindings: Vec<PortBinding> =
        request.ports.iter().zip(bound).map(|(port, host_port)| binding(port, host_port)).collect();
    let forwards: Vec<rules::Forward> = bindings.iter().map(|binding| forward(binding, ip)).collect();
    let comment = rules::comment(&request.id);
    record(Resource::Rules { table: bridge.to_owned(), comment: comment.clone() }).map_err(Error::Journal)?;
    rules::add_forwards(bridge, &comment, &forwards, dropped.is_none())?;
    for PortBinding { host_port, container_port, protocol, .. } in &bindings {
        trace::note(
            "published_port",
            || json!({ "host_port": host_port, "container_port": container_port, "protocol": protocol.name() }),
        );
    }
    Ok(bindings)
}

fn binding(port: &PublishedPort, host_port: u16) -> PortBinding {
    PortBinding { host_ip: port.host_ip, host_port, container_port: port.container_port, protocol: port.protocol }
}

fn forward(binding: &PortBinding, ip: Ipv4Addr) -> rules::Forward {
    let PortBinding { host_ip, host_port, container_port: port, protocol } = *binding;
    rules::Forward { host_ip, host_port, ip, port, protocol }
}

fn release(run: &std::path::Path, id: &str) -> Result<()> {
    match leases::Leases::lock(run) {
        Ok(mut leases) => {
            leases.release(id);
            leases.close()
        }
        Err(Error::Records { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// The network with the files that belong to it.
fn attached(request: &Request, netns: Option<PathBuf>, endpoint: Option<Endpoint>) -> Attached {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let host = read("/etc/resolv.conf");
    let untouched = request.dns == Dns::default() && request.mode != Mode::Bridge;
    let resolv_conf = if untouched { host } else { resolv_conf(&host, &request.dns) };
    let hosts = match request.mode {
        Mode::Host => hosts::hosts_of_host(&read("/etc/hosts"), &request.extra_hosts),
        _ => hosts::hosts(
            &request.extra_hosts,
            &request.hostname,
            endpoint.as_ref().map(|endpoint| (endpoint.ip, endpoint.gateway)),
        ),
    };
    Attached { netns, endpoint, resolv_conf, hosts, hostname: hosts::hostname(&request.hostname) }
}

fn resolv_conf(host: &str, dns: &Dns) -> String {
    let systemd = std::fs::read_to_string(resolv::SYSTEMD_RESOLV_CONF).ok();
    let made = resolv::for_container(host, systemd.as_deref(), dns);
    let dropped = made.dropped.join(", ");
    match made.source {
        DnsSource::SystemdResolved => trace::note("resolv_systemd", || json!({ "dropped": dropped })),
        DnsSource::Public if dropped.is_empty() => trace::note("resolv_public", || json!({})),
        DnsSource::Public => trace::note("resolv_public_dropped", || json!({ "dropped": dropped })),
        DnsSource::Host if !dropped.is_empty() => trace::note("resolv_dropped", || json!({ "dropped": dropped })),
        DnsSource::Host | DnsSource::Flags => {}
    }
    made.text
}
