//! Published ports, as Docker writes them: `-p [IP:][HOST[-HOST]:]CONTAINER[-CONTAINER][/tcp|/udp]`.

use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv6Addr};

/// The protocol of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// A stream.
    Tcp,
    /// Single messages.
    Udp,
}

impl Protocol {
    /// Its name in flags and rules.
    pub const fn name(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        }
    }
}

/// Which port of the host leads to a port of the container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedPort {
    /// The host's address on which it listens; every address when none was given.
    pub host_ip: Option<IpAddr>,
    /// The host's ports to choose from, first and last; a free one of the kernel's choice when none was given.
    pub host_ports: Option<(u16, u16)>,
    /// The container's port.
    pub container_port: u16,
    /// The protocol.
    pub protocol: Protocol,
}

/// Why a `-p` could not be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// Nothing stands where the container's port belongs.
    #[error("{0:?} names no port of the container: write HOST:CONTAINER, such as 8080:80")]
    NoContainerPort(String),
    /// Not a number between 1 and 65535.
    #[error("{0:?} is not a port, which is a number from 1 to 65535")]
    NotAPort(String),
    /// A range that ends before it begins.
    #[error("{0:?} ends before it begins")]
    Backwards(String),
    /// Two ranges of different lengths.
    #[error("{0:?} has not as many ports on the host as in the container, such as 8080-8081:80-81 has")]
    Unequal(String),
    /// Not an address.
    #[error("{0:?} is not an IP address of this host; an IPv6 address goes in brackets")]
    NotAnAddress(String),
    /// Another protocol than those two.
    #[error("{0:?} is not a protocol that can be published: tcp and udp are")]
    Protocol(String),
}

/// Reads one `-p`. A range gives one entry a port.
pub fn parse(text: &str) -> Result<Vec<PublishedPort>, PortError> {
    let (ports, protocol) = match text.rsplit_once('/') {
        Some((ports, "tcp")) => (ports, Protocol::Tcp),
        Some((ports, "udp")) => (ports, Protocol::Udp),
        Some((_, other)) => return Err(PortError::Protocol(other.to_owned())),
        None => (text, Protocol::Tcp),
    };
    let (host, container) = ports.rsplit_once(':').map_or((None, ports), |(host, container)| (Some(host), container));
    if container.is_empty() {
        return Err(PortError::NoContainerPort(text.to_owned()));
    }
    let (host_ip, host_ports) = parse_host(host)?;
    pair(text, host_ip, host_ports, range(container)?, protocol)
}

type HostPart = (Option<IpAddr>, Option<(u16, u16)>);

/// What stands before the container's port: `8080`, `127.0.0.1:8080`, `127.0.0.1:`, `[::1]:8080`.
fn parse_host(host: Option<&str>) -> Result<HostPart, PortError> {
    let Some(host) = host else { return Ok((None, None)) };
    let (ip, port) = match host.rsplit_once(':') {
        Some((ip, port)) => (Some(address(ip)?), port),
        None => (None, host),
    };
    // Port 0 is "any free one", for bind(2) and so for Docker too.
    let ports = if matches!(port, "" | "0") { None } else { Some(range(port)?) };
    Ok((ip, ports))
}

fn address(text: &str) -> Result<IpAddr, PortError> {
    let refused = || PortError::NotAnAddress(text.to_owned());
    match text.strip_prefix('[').map(|rest| rest.strip_suffix(']')) {
        Some(Some(inner)) => inner.parse::<Ipv6Addr>().map(IpAddr::V6).map_err(|_| refused()),
        Some(None) => Err(refused()),
        None => text.parse::<std::net::Ipv4Addr>().map(IpAddr::V4).map_err(|_| refused()),
    }
}

fn range(text: &str) -> Result<(u16, u16), PortError> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (port(first)?, port(last)?);
    if last < first { Err(PortError::Backwards(text.to_owned())) } else { Ok((first, last)) }
}

fn port(text: &str) -> Result<u16, PortError> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse::<u16>() {
        Ok(port) if digits && port > 0 => Ok(port),
        _ => Err(PortError::NotAPort(text.to_owned())),
    }
}

fn pair(
    text: &str,
    host_ip: Option<IpAddr>,
    host_ports: Option<(u16, u16)>,
    container: (u16, u16),
    protocol: Protocol,
) -> Result<Vec<PublishedPort>, PortError> {
    let published = |host_ports, container_port| PublishedPort { host_ip, host_ports, container_port, protocol };
    match host_ports {
        None => Ok((container.0..=container.1).map(|port| published(None, port)).collect()),
        // One port of the container and several of the host: whichever of these is free.
        Some(choice) if container.0 == container.1 => Ok(vec![published(Some(choice), container.0)]),
        Some((first, last)) if last - first == container.1 - container.0 => Ok((first..=last)
            .zip(container.0..=container.1)
            .map(|(host, inner)| published(Some((host, host)), inner))
            .collect()),
        Some(_) => Err(PortError::Unequal(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(text: &str) -> (Option<String>, Option<(u16, u16)>, u16, Protocol) {
        let ports = parse(text).unwrap();
        assert_eq!(ports.len(), 1, "{text}");
        let port = &ports[0];
        (port.host_ip.map(|ip| ip.to_string()), port.host_ports, port.container_port, port.protocol)
    }

    #[test]
    fn the_forms_that_docker_knows() {
        assert_eq!(one("8080:80"), (None, Some((8080, 8080)), 80, Protocol::Tcp));
        assert_eq!(one("80"), (None, None, 80, Protocol::Tcp));
        assert_eq!(one("53/udp"), (None, None, 53, Protocol::Udp));
        assert_eq!(one("127.0.0.1:8080:80/tcp"), (Some("127.0.0.1".into()), Some((8080, 8080)), 80, Protocol::Tcp));
        assert_eq!(one("127.0.0.1::80"), (Some("127.0.0.1".into()), None, 80, Protocol::Tcp));
        assert_eq!(one("[::1]:81:80"), (Some("::1".into()), Some((81, 81)), 80, Protocol::Tcp));
        assert_eq!(one("[::]::80"), (Some("::".into()), None, 80, Protocol::Tcp));
        assert_eq!(one("0:80"), (None, None, 80, Protocol::Tcp));
        assert_eq!(one(":80"), (None, None, 80, Protocol::Tcp));
        assert_eq!(one("9000-9010:80"), (None, Some((9000, 9010)), 80, Protocol::Tcp));
    }

    #[test]
    fn a_range_gives_one_entry_a_port() {
        let ports: Vec<_> =
            parse("8080-8081:80-81").unwrap().iter().map(|port| (port.host_ports, port.container_port)).collect();
        assert_eq!(ports, [(Some((8080, 8080)), 80), (Some((8081, 8081)), 81)]);
        assert_eq!(parse("80-82").unwrap().len(), 3);
    }

    #[test]
    fn what_is_no_port_is_named() {
        let refused = |text: &str| parse(text).unwrap_err();
        assert_eq!(refused("8080:"), PortError::NoContainerPort("8080:".into()));
        assert_eq!(refused("8080:http"), PortError::NotAPort("http".into()));
        assert_eq!(refused("70000:80"), PortError::NotAPort("70000".into()));
        assert_eq!(refused("+80:80"), PortError::NotAPort("+80".into()));
        assert_eq!(refused("8080:0"), PortError::NotAPort("0".into()));
        assert_eq!(refused("81-80"), PortError::Backwards("81-80".into()));
        assert_eq!(refused("1-3:1-2"), PortError::Unequal("1-3:1-2".into()));
        assert_eq!(refused("localhost:80:80"), PortError::NotAnAddress("localhost".into()));
        assert_eq!(refused("[::1:80:80"), PortError::NotAnAddress("[::1".into()));
        assert_eq!(refused("80:80/sctp"), PortError::Protocol("sctp".into()));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[0-9a-z:./\\[\\]-]{0,24}") {
            let _any = parse(&text);
        }

        #[test]
        fn what_is_written_is_read_back(host in 1u16.., inner in 1u16..) {
            let ports = parse(&format!("0.0.0.0:{host}:{inner}/udp")).unwrap();
            prop_assert_eq!(&ports, &vec![PublishedPort {
                host_ip: Some(IpAddr::from([0, 0, 0, 0])),
                host_ports: Some((host, host)),
                container_port: inner,
                protocol: Protocol::Udp,
            }]);
        }
    }
}
