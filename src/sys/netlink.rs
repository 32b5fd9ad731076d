//! Links, addresses and routes: rtnetlink(7), the messages that `ip` sends too.
//!
//! One socket speaks to the network namespace in which it was opened, for as long as it lives. Every change asks for
//! an acknowledgement and waits for it, so a refusal is known at the call that caused it, and with the kernel's own
//! words for it (an "extended ack") where it has some.

mod read;
mod spell;

pub use read::Link;

use super::{Result, traced};
use crate::trace::Call;
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::AddressFamily;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteType};
use netlink_sys::{Socket, protocols::NETLINK_ROUTE};
use nix::errno::Errno;
use std::cell::{Cell, RefCell};
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsRawFd, BorrowedFd};

/// An Ethernet address.
pub type Mac = [u8; 6];

/// A socket to the routing part of one network namespace.
pub struct Netlink {
    socket: Socket,
    sequence: Cell<u32>,
}

impl Netlink {
    /// Opens a socket in the network namespace in which the calling thread is now. Not told: it changes nothing.
    pub fn open() -> Result<Netlink> {
        let open = || -> std::io::Result<Socket> {
            let socket = Socket::new(NETLINK_ROUTE)?;
            socket.set_ext_ack(true)?;
            // Without it the kernel's answer repeats the whole request before its own words.
            socket.set_cap_ack(true)?;
            Ok(socket)
        };
        let socket = open().map_err(|error| {
            crate::sys::Error::new(
                Call::new("socket")
                    .arg("domain", "AF_NETLINK")
                    .arg("type", "SOCK_DGRAM")
                    .arg("protocol", "NETLINK_ROUTE"),
                error.raw_os_error().unwrap_or(Errno::EIO as i32),
            )
        })?;
        Ok(Netlink { socket, sequence: Cell::new(0) })
    }

    /// Makes a bridge, which is a switch in software. Its own Ethernet address is given, because otherwise it takes
    /// that of its ports and changes whenever a container comes or goes.
    pub fn create_bridge(&self, name: &str, mac: Mac) -> Result<()> {
        let mut message = LinkMessage::default();
        message.attributes.push(LinkAttribute::IfName(name.to_owned()));
        message.attributes.push(LinkAttribute::Address(mac.to_vec()));
        message.attributes.push(LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Bridge)]));
        self.change(RouteNetlinkMessage::NewLink(message), NLM_F_CREATE | NLM_F_EXCL)
    }

    /// Makes a veth pair, which is a cable: `host_end` here, `peer` with its Ethernet address in the other namespace.
    ///
    /// The peer is born there and never has to be moved, so it is never seen on the host under its common name.
    pub fn create_veth(&self, host_end: &str, peer: &str, mac: Mac, netns: BorrowedFd<'_>) -> Result<()> {
        let mut other = LinkMessage::default();
        other.attributes.push(LinkAttribute::IfName(peer.to_owned()));
        other.attributes.push(LinkAttribute::Address(mac.to_vec()));
        other.attributes.push(LinkAttribute::NetNsFd(netns.as_raw_fd()));
        let mut message = LinkMessage::default();
        message.attributes.push(LinkAttribute::IfName(host_end.to_owned()));
        message.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(other))),
        ]));
        self.change(RouteNetlinkMessage::NewLink(message), NLM_F_CREATE | NLM_F_EXCL)
    }

    /// Plugs a link into a bridge.
    pub fn set_master(&self, link: &Link, bridge: &Link) -> Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = link.index;
        message.attributes.push(LinkAttribute::Controller(bridge.index));
        self.change(RouteNetlinkMessage::NewLink(message), 0)
    }

    /// Switches a link on.
    pub fn set_up(&self, link: &Link) -> Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = link.index;
        message.header.flags = LinkFlags::Up;
        message.header.change_mask = LinkFlags::Up;
        self.change(RouteNetlinkMessage::NewLink(message), 0)
    }

    /// Gives a link an address. The kernel adds the route to the address's own network by itself.
    pub fn add_address(&self, link: &Link, ip: Ipv4Addr, prefix_len: u8) -> Result<()> {
        let mut message = AddressMessage::default();
        message.header.family = AddressFamily::Inet;
        message.header.index = link.index;
        message.header.prefix_len = prefix_len;
        message.attributes.push(AddressAttribute::Local(IpAddr::V4(ip)));
        message.attributes.push(AddressAttribute::Address(IpAddr::V4(ip)));
        let hosts = u32::MAX.checked_shr(u32::from(prefix_len)).unwrap_or(0);
        message.attributes.push(AddressAttribute::Broadcast(Ipv4Addr::from_bits(ip.to_bits() | hosts)));
        self.change(RouteNetlinkMessage::NewAddress(message), NLM_F_CREATE | NLM_F_EXCL)
    }

    /// Says where everything goes that no other route knows.
    pub fn add_default_route(&self, gateway: Ipv4Addr, link: &Link) -> Result<()> {
        let mut message = RouteMessage::default();
        message.header.address_family = AddressFamily::Inet;
        message.header.table = RouteHeader::RT_TABLE_MAIN;
        message.header.protocol = RouteProtocol::Boot;
        message.header.kind = RouteType::Unicast;
        message.attributes.push(RouteAttribute::Gateway(RouteAddress::Inet(gateway)));
        message.attributes.push(RouteAttribute::Oif(link.index));
        self.change(RouteNetlinkMessage::NewRoute(message), NLM_F_CREATE | NLM_F_EXCL)
    }

    /// Takes a link away; the other end of a veth pair goes with it.
    pub fn delete_link(&self, name: &str) -> Result<()> {
        let mut message = LinkMessage::default();
        message.attributes.push(LinkAttribute::IfName(name.to_owned()));
        self.change(RouteNetlinkMessage::DelLink(message), 0)
    }

    /// Sends a change and waits for the kernel's answer to it.
    fn change(&self, message: RouteNetlinkMessage, flags: u16) -> Result<()> {
        let packet = self.packet(message, NLM_F_REQUEST | NLM_F_ACK | flags);
        let words = RefCell::new(None);
        traced(
            || {
                let call = Call::new("sendto")
                    .arg("protocol", "NETLINK_ROUTE")
                    .arg("message", spell::message(&packet.header, &packet.payload));
                match words.borrow_mut().take() {
                    Some(words) => call.arg("extended_ack", String::as_str(&words)),
                    None => call,
                }
            },
            || {
                let sent = self.send(&packet)?;
                self.acknowledged(packet.header.sequence_number, &words)?;
                Ok(sent)
            },
        )
        .map(drop)
    }

    fn packet(&self, message: RouteNetlinkMessage, flags: u16) -> NetlinkMessage<RouteNetlinkMessage> {
        self.sequence.set(self.sequence.get().wrapping_add(1));
        let mut header = NetlinkHeader::default();
        header.flags = flags;
        header.sequence_number = self.sequence.get();
        let mut packet = NetlinkMessage::new(header, NetlinkPayload::from(message));
        packet.finalize();
        packet
    }

    fn send(&self, packet: &NetlinkMessage<RouteNetlinkMessage>) -> nix::Result<usize> {
        let mut bytes = vec![0; packet.buffer_len()];
        packet.serialize(&mut bytes);
        self.socket.send(&bytes, 0).map_err(errno)
    }

    /// Reads until the acknowledgement with this sequence number; older answers on the socket are passed over.
    fn acknowledged(&self, sequence: u32, words: &RefCell<Option<String>>) -> nix::Result<()> {
        loop {
            for packet in self.receive()? {
                if let (true, NetlinkPayload::Error(error)) =
                    (packet.header.sequence_number == sequence, packet.payload)
                {
                    *words.borrow_mut() = read::extended_ack(&error.header);
                    return error.code.map_or(Ok(()), |code| Err(Errno::from_raw(code.get().saturating_neg())));
                }
            }
        }
    }

    fn receive(&self) -> nix::Result<Vec<NetlinkMessage<RouteNetlinkMessage>>> {
        let (bytes, _kernel) = self.socket.recv_from_full().map_err(errno)?;
        read::packets(&bytes).map_err(|_unreadable| Errno::EBADMSG)
    }
}

fn errno(error: std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(Errno::EIO as i32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_message_is_spelt_by_the_names_of_rtnetlink() {
        let netlink = Netlink::open().unwrap();
        let mut message = LinkMessage::default();
        message.header.index = 1;
        message.header.flags = LinkFlags::Up;
        message.header.change_mask = LinkFlags::Up;
        message.attributes.push(LinkAttribute::Address(vec![2, 0x42, 172, 30, 0, 2]));
        let packet = netlink.packet(RouteNetlinkMessage::NewLink(message), NLM_F_REQUEST | NLM_F_ACK);
        assert_eq!(
            spell::message(&packet.header, &packet.payload),
            json!({
                "type": "RTM_NEWLINK",
                "flags": "NLM_F_REQUEST|NLM_F_ACK",
                "link": "lo",
                "ifi_flags": "IFF_UP",
                "address": "02:42:ac:1e:00:02",
            })
        );
    }

    #[test]
    fn a_refusal_comes_with_the_kernels_own_words() {
        if crate::sys::geteuid() != 0 {
            crate::skip::aloud("making a network namespace needs root");
            return;
        }
        let error = std::thread::spawn(|| {
            crate::sys::netns::unshare_network().unwrap();
            let netlink = Netlink::open().unwrap();
            let lo = netlink.link("lo").unwrap().unwrap();
            netlink.set_up(&lo).unwrap();
            netlink.add_default_route(Ipv4Addr::new(192, 0, 2, 1), &lo).unwrap_err()
        });
        let error = error.join().unwrap();
        assert_eq!(error.errno, Errno::ENETUNREACH as i32);
        assert_eq!(error.call.args["extended_ack"], "Nexthop has invalid gateway");
        assert_eq!(error.call.args["message"]["gateway"], "192.0.2.1");
    }
}
