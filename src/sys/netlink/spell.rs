//! How a netlink message is told: its type, flags and attributes by the names of rtnetlink(7), without their prefixes.
//!
//! It is spelt from the very message that is sent, not beside it. Numbers of links are told by the links' names.

use netlink_packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkHeader, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{InfoData, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage};
use serde_json::{Map, Value, json};

/// The whole message.
pub(super) fn message(header: &NetlinkHeader, payload: &NetlinkPayload<RouteNetlinkMessage>) -> Value {
    let mut out = Map::new();
    let NetlinkPayload::InnerMessage(inner) = payload else { return Value::Object(out) };
    let (kind, fields) = match inner {
        RouteNetlinkMessage::NewLink(link) => ("RTM_NEWLINK", link_fields(link)),
        RouteNetlinkMessage::DelLink(link) => ("RTM_DELLINK", link_fields(link)),
        RouteNetlinkMessage::NewAddress(address) => ("RTM_NEWADDR", address_fields(address)),
        RouteNetlinkMessage::NewRoute(route) => ("RTM_NEWROUTE", route_fields(route)),
        _ => ("RTM_UNSPEC", Map::new()),
    };
    out.insert("type".to_owned(), json!(kind));
    out.insert("flags".to_owned(), json!(flags(header.flags)));
    out.extend(fields);
    Value::Object(out)
}

fn flags(flags: u16) -> String {
    let names = [
        (NLM_F_REQUEST, "NLM_F_REQUEST"),
        (NLM_F_ACK, "NLM_F_ACK"),
        (NLM_F_EXCL, "NLM_F_EXCL"),
        (NLM_F_CREATE, "NLM_F_CREATE"),
    ];
    let set: Vec<&str> = names.into_iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| name).collect();
    set.join("|")
}

fn link_fields(message: &LinkMessage) -> Map<String, Value> {
    let mut out = Map::new();
    if message.header.index != 0 {
        out.insert("link".to_owned(), link_name(message.header.index));
    }
    if message.header.change_mask.contains(LinkFlags::Up) {
        let up = message.header.flags.contains(LinkFlags::Up);
        out.insert("ifi_flags".to_owned(), json!(if up { "IFF_UP" } else { "0" }));
    }
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => add(&mut out, "ifname", json!(name)),
            LinkAttribute::Address(mac) => add(&mut out, "address", json!(hex_pairs(mac))),
            LinkAttribute::Controller(index) => add(&mut out, "master", link_name(*index)),
            LinkAttribute::NetNsFd(fd) => add(&mut out, "netns", descriptor_path(*fd)),
            LinkAttribute::LinkInfo(infos) => infos.iter().for_each(|info| link_info(&mut out, info)),
            _ => {}
        }
    }
    out
}

fn link_info(out: &mut Map<String, Value>, info: &LinkInfo) {
    match info {
        LinkInfo::Kind(kind) => add(out, "kind", json!(kind.to_string())),
        LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))) => add(out, "peer", Value::Object(link_fields(peer))),
        _ => {}
    }
}

fn address_fields(message: &AddressMessage) -> Map<String, Value> {
    let mut out = Map::new();
    add(&mut out, "link", link_name(message.header.index));
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(ip) => add(&mut out, "local", json!(ip.to_string())),
            AddressAttribute::Broadcast(ip) => add(&mut out, "broadcast", json!(ip.to_string())),
            _ => {}
        }
    }
    add(&mut out, "prefixlen", json!(message.header.prefix_len));
    out
}

fn route_fields(message: &RouteMessage) -> Map<String, Value> {
    let mut out = Map::new();
    if message.header.destination_prefix_length == 0 {
        add(&mut out, "dst", json!("0.0.0.0/0"));
    }
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Gateway(RouteAddress::Inet(ip)) => add(&mut out, "gateway", json!(ip.to_string())),
            RouteAttribute::Oif(index) => add(&mut out, "oif", link_name(*index)),
            _ => {}
        }
    }
    out
}

fn add(out: &mut Map<String, Value>, name: &str, value: Value) {
    out.insert(name.to_owned(), value);
}

/// The name behind a number; the number itself when the link is gone already.
fn link_name(index: u32) -> Value {
    match nix::net::if_::if_indextoname(index) {
        Ok(name) => json!(name.to_string_lossy()),
        Err(_) => json!(index),
    }
}

/// A namespace's descriptor by the path it was opened with.
fn descriptor_path(fd: i32) -> Value {
    match std::fs::read_link(format!("/proc/self/fd/{fd}")) {
        Ok(path) => json!(path.to_string_lossy()),
        Err(_) => json!(fd),
    }
}

fn hex_pairs(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}
