//! Which addresses a bridge may use: a network that the host has nothing in and no way to.

use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

/// An IPv4 network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// Its first address.
    pub network: Ipv4Addr,
    /// The length of its prefix.
    pub prefix_len: u8,
}

impl std::fmt::Display for Subnet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix_len)
    }
}

impl Subnet {
    /// The network of that prefix in which `ip` is.
    pub fn around(ip: Ipv4Addr, prefix_len: u8) -> Subnet {
        let host_bits = 32 - u32::from(prefix_len.min(32));
        let mask = u32::MAX.checked_shl(host_bits).unwrap_or(0);
        Subnet { network: Ipv4Addr::from_bits(ip.to_bits() & mask), prefix_len: prefix_len.min(32) }
    }

    /// Whether the two share an address.
    pub fn overlaps(self, other: Subnet) -> bool {
        let shorter = self.prefix_len.min(other.prefix_len);
        Subnet::around(self.network, shorter).network == Subnet::around(other.network, shorter).network
    }

    /// The bridge's own address, which is the containers' gateway.
    pub fn gateway(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.network.to_bits() + 1)
    }

    /// The addresses for containers: without the network's own, the gateway's and the broadcast address.
    pub fn hosts(self) -> impl Iterator<Item = Ipv4Addr> {
        let first = self.network.to_bits();
        let count = 1_u32.checked_shl(32 - u32::from(self.prefix_len)).unwrap_or(u32::MAX);
        (first + 2..first + count - 1).map(Ipv4Addr::from_bits)
    }
}

/// The networks to choose from, in order: private ones (RFC 1918) that neither Docker, podman nor libvirt take first.
///
/// A /24 has room for 253 containers, and several roots of rlab on one host get one each.
pub fn candidates() -> impl Iterator<Item = Subnet> {
    let blocks = [[172, 30], [172, 31], [10, 213]];
    blocks
        .into_iter()
        .flat_map(|[a, b]| (0..=255).map(move |c| Subnet { network: Ipv4Addr::new(a, b, c, 0), prefix_len: 24 }))
}

/// The first candidate that overlaps nothing of `taken`.
pub fn choose(taken: &[Subnet]) -> Option<Subnet> {
    candidates().find(|candidate| !taken.iter().any(|other| candidate.overlaps(*other)))
}

/// The Ethernet address that belongs to an IP address, as Docker made it up to version 27: 02 marks an address given
/// out locally.
///
/// Derived, not random: an address that is leased again comes with the same Ethernet address, so what neighbours
/// remember of it stays true.
pub fn mac_of(ip: Ipv4Addr) -> [u8; 6] {
    let [a, b, c, d] = ip.octets();
    [0x02, 0x42, a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn net(text: &str) -> Subnet {
        let (ip, prefix) = text.split_once('/').unwrap();
        Subnet::around(ip.parse().unwrap(), prefix.parse().unwrap())
    }

    #[test]
    fn the_first_free_one_is_taken() {
        assert_eq!(choose(&[]), Some(net("172.30.0.0/24")));
        assert_eq!(choose(&[net("172.30.0.0/24"), net("172.30.1.128/25")]), Some(net("172.30.2.0/24")));
        assert_eq!(choose(&[net("172.16.0.0/12")]), Some(net("10.213.0.0/24")));
        assert_eq!(choose(&[net("172.30.0.9/32")]), Some(net("172.30.1.0/24")));
        assert_eq!(choose(&[net("172.0.0.0/8"), net("10.0.0.0/8")]), None);
    }

    #[test]
    fn its_addresses() {
        let subnet = net("172.30.5.0/24");
        assert_eq!(subnet.gateway(), Ipv4Addr::new(172, 30, 5, 1));
        assert_eq!(subnet.hosts().next(), Some(Ipv4Addr::new(172, 30, 5, 2)));
        assert_eq!(subnet.hosts().last(), Some(Ipv4Addr::new(172, 30, 5, 254)));
        assert_eq!(mac_of(subnet.gateway()), [2, 0x42, 172, 30, 5, 1]);
    }

    proptest! {
        #[test]
        fn overlap_means_that_an_address_is_in_both(a: u32, b: u32, p in 8_u8..=32, q in 8_u8..=32) {
            let (one, two) = (Subnet::around(a.into(), p), Subnet::around(b.into(), q));
            let within = |ip: Ipv4Addr, net: Subnet| Subnet::around(ip, net.prefix_len) == net;
            let shared = within(one.network, two) || within(two.network, one);
            prop_assert_eq!(one.overlaps(two), shared);
        }
    }
}
