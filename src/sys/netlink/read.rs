//! What the kernel answers: dumps of links, addresses and routes, and its words on a refusal.

use super::{Mac, Netlink};
use crate::sys::Result;
use crate::trace::Call;
use netlink_packet_core::{
    DecodeError, NLM_F_DUMP, NLM_F_REQUEST, NetlinkBuffer, NetlinkMessage, NetlinkPayload, NlasIterator,
};
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::errno::Errno;
use std::net::{IpAddr, Ipv4Addr};

/// A link as the kernel has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its number in its namespace.
    pub index: u32,
    /// Its name in its namespace.
    pub name: String,
    /// Whether it is switched on.
    pub up: bool,
    /// Its Ethernet address.
    pub mac: Option<Mac>,
    /// The number of the bridge it is plugged into.
    pub master: Option<u32>,
}

/// An IPv4 address of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The link's number.
    pub index: u32,
    /// The address.
    pub ip: Ipv4Addr,
    /// The length of its network's prefix.
    pub prefix_len: u8,
}

/// An IPv4 route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The table it is in; 254 is the main one, 255 that of the host's own addresses.
    pub table: u32,
    /// Where it leads; 0.0.0.0/0 is everything.
    pub destination: Ipv4Addr,
    /// The length of the destination's prefix.
    pub prefix_len: u8,
    /// The next host on the way.
    pub gateway: Option<Ipv4Addr>,
    /// The number of the link it leaves by.
    pub oif: Option<u32>,
}

impl Netlink {
    /// Every link of the namespace.
    pub fn links(&self) -> Result<Vec<Link>> {
        let answers = self.dump(RouteNetlinkMessage::GetLink(LinkMessage::default()), "RTM_GETLINK")?;
        Ok(answers
            .iter()
            .filter_map(
                |answer| if let RouteNetlinkMessage::NewLink(link) = answer { Some(read_link(link)) } else { None },
            )
            .collect())
    }

    /// The link of that name.
    pub fn link(&self, name: &str) -> Result<Option<Link>> {
        Ok(self.links()?.into_iter().find(|link| link.name == name))
    }

    /// Every IPv4 address of the namespace.
    pub fn addresses(&self) -> Result<Vec<Address>> {
        let mut request = AddressMessage::default();
        request.header.family = AddressFamily::Inet;
        let answers = self.dump(RouteNetlinkMessage::GetAddress(request), "RTM_GETADDR")?;
        Ok(answers
            .iter()
            .filter_map(|answer| {
                if let RouteNetlinkMessage::NewAddress(address) = answer { read_address(address) } else { None }
            })
            .collect())
    }

    /// Every IPv4 route of the namespace, of all tables.
    pub fn routes(&self) -> Result<Vec<Route>> {
        let mut request = RouteMessage::default();
        request.header.address_family = AddressFamily::Inet;
        let answers = self.dump(RouteNetlinkMessage::GetRoute(request), "RTM_GETROUTE")?;
        Ok(answers
            .iter()
            .filter_map(
                |answer| if let RouteNetlinkMessage::NewRoute(route) = answer { Some(read_route(route)) } else { None },
            )
            .collect())
    }

    /// Asks for everything of a kind. Not told: it changes nothing.
    fn dump(&self, request: RouteNetlinkMessage, kind: &'static str) -> Result<Vec<RouteNetlinkMessage>> {
        let packet = self.packet(request, NLM_F_REQUEST | NLM_F_DUMP);
        self.dumped(&packet).map_err(|errno| {
            crate::sys::Error::new(
                Call::new("sendto")
                    .arg("protocol", "NETLINK_ROUTE")
                    .arg("message", serde_json::json!({"type": kind, "flags": "NLM_F_REQUEST|NLM_F_DUMP"})),
                errno as i32,
            )
        })
    }

    fn dumped(&self, request: &NetlinkMessage<RouteNetlinkMessage>) -> nix::Result<Vec<RouteNetlinkMessage>> {
        self.send(request)?;
        let mut answers = Vec::new();
        loop {
            for packet in self.receive()? {
                if packet.header.sequence_number != request.header.sequence_number {
                    continue;
                }
                match packet.payload {
                    NetlinkPayload::InnerMessage(answer) => answers.push(answer),
                    NetlinkPayload::Done(_) => return Ok(answers),
                    NetlinkPayload::Error(error) => return Err(Errno::from_raw(error.raw_code().saturating_neg())),
                    _ => {}
                }
            }
        }
    }
}

/// The messages of one datagram.
///
/// A message of a dump that this crate's decoder can't read (a kind of link newer than it) is passed over: what is
/// looked for here are our own links, and those it knows.
pub(super) fn packets(bytes: &[u8]) -> std::result::Result<Vec<NetlinkMessage<RouteNetlinkMessage>>, DecodeError> {
    let mut packets = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let length = NetlinkBuffer::new_checked(rest)?.length() as usize;
        if let Ok(packet) = NetlinkMessage::deserialize(rest) {
            packets.push(packet);
        }
        // Messages are padded to four bytes; a length of 0 would turn on the spot for ever.
        rest = rest.get(length.next_multiple_of(4).max(4)..).unwrap_or_default();
    }
    Ok(packets)
}

/// The kernel's own words, from the attributes after the repeated header of the request.
pub(super) fn extended_ack(answer: &[u8]) -> Option<String> {
    const NLMSG_HDRLEN: usize = 16;
    const NLMSGERR_ATTR_MSG: u16 = 1;
    let attributes = NlasIterator::new(answer.get(NLMSG_HDRLEN..)?);
    let text = attributes.flatten().find(|attribute| attribute.kind() == NLMSGERR_ATTR_MSG)?;
    let words = String::from_utf8_lossy(text.value());
    Some(words.trim_end_matches('\0').to_owned())
}

fn read_link(message: &LinkMessage) -> Link {
    let mut link = Link {
        index: message.header.index,
        name: String::new(),
        up: message.header.flags.contains(LinkFlags::Up),
        mac: None,
        master: None,
    };
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name.clone_from(name),
            LinkAttribute::Address(mac) => link.mac = mac.as_slice().try_into().ok(),
            LinkAttribute::Controller(index) => link.master = Some(*index),
            _ => {}
        }
    }
    link
}

fn read_address(message: &AddressMessage) -> Option<Address> {
    let local = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Local(IpAddr::V4(ip)) => Some(*ip),
        _ => None,
    })?;
    Some(Address { index: message.header.index, ip: local, prefix_len: message.header.prefix_len })
}

fn read_route(message: &RouteMessage) -> Route {
    let mut route = Route {
        table: u32::from(message.header.table),
        destination: Ipv4Addr::UNSPECIFIED,
        prefix_len: message.header.destination_prefix_length,
        gateway: None,
        oif: None,
    };
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(RouteAddress::Inet(ip)) => route.destination = *ip,
            RouteAttribute::Gateway(RouteAddress::Inet(ip)) => route.gateway = Some(*ip),
            RouteAttribute::Oif(index) => route.oif = Some(*index),
            RouteAttribute::Table(table) => route.table = *table,
            _ => {}
        }
    }
    route
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_kernels_words_stand_after_the_repeated_header() {
        let mut answer = vec![0; 16];
        // A length of 8, the type 1, and the text with its end.
        answer.extend([8, 0, 1, 0, b'n', b'o', b'!', 0]);
        assert_eq!(extended_ack(&answer), Some("no!".to_owned()));
        assert_eq!(extended_ack(&answer[..16]), None);
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80), kind in 16_u8..30) {
            let _any = extended_ack(&bytes);
            let _any = packets(&bytes);
            // A header that fits, so that the attributes are reached.
            let mut whole = vec![u8::try_from(bytes.len() + 16).unwrap(), 0, 0, 0, kind, 0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0];
            whole.extend(bytes);
            let _any = packets(&whole);
        }
    }
}
