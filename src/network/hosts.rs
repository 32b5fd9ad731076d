//! `/etc/hosts` and `/etc/hostname` of a container, see hosts(5).

use std::net::{IpAddr, Ipv4Addr};

/// What every container's file begins with: its own loopback, and IPv6's fixed names.
const LOOPBACK: &str = "127.0.0.1\tlocalhost\n\
    ::1\tlocalhost ip6-localhost ip6-loopback\n\
    fe00::\tip6-localnet\n\
    ff00::\tip6-mcastprefix\n\
    ff02::1\tip6-allnodes\n\
    ff02::2\tip6-allrouters\n";

/// One `--add-host`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtraHost {
    /// The name.
    pub name: String,
    /// Its address; none stands for the host itself, Docker's `host-gateway`.
    pub ip: Option<IpAddr>,
}

/// Why an `--add-host` could not be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExtraHostError {
    /// No name, or no address.
    #[error("{0:?} is not a name and an address: write NAME:IP, or NAME:host-gateway for the host itself")]
    Shape(String),
    /// Not an address.
    #[error("{0:?} is not an IP address")]
    NotAnAddress(String),
}

/// Reads one `--add-host`: `NAME:IP` or `NAME=IP`, where `host-gateway` may stand for the address.
pub fn parse_extra_host(text: &str) -> Result<ExtraHost, ExtraHostError> {
    let shape = || ExtraHostError::Shape(text.to_owned());
    let (name, ip) = text.split_once(['=', ':']).ok_or_else(shape)?;
    // A line break in a name would be a line of its own in the file, and so another name.
    if name.is_empty() || ip.is_empty() || name.chars().any(|letter| letter.is_whitespace() || letter.is_control()) {
        return Err(shape());
    }
    if ip == "host-gateway" {
        return Ok(ExtraHost { name: name.to_owned(), ip: None });
    }
    let bare = ip.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(ip);
    let ip = bare.parse().map_err(|_| ExtraHostError::NotAnAddress(ip.to_owned()))?;
    Ok(ExtraHost { name: name.to_owned(), ip: Some(ip) })
}

/// The text of `/etc/hosts`. `address` is the container's own and its gateway, when it has a network.
pub fn hosts(extra: &[ExtraHost], hostname: &str, address: Option<(Ipv4Addr, Ipv4Addr)>) -> String {
    let gateway = address.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |(_, gateway)| IpAddr::V4(gateway));
    let mut out = LOOPBACK.to_owned();
    out += &extra_lines(extra, gateway);
    if let Some((ip, _)) = address {
        out += &format!("{ip}\t{hostname}\n");
    }
    out
}

/// The host's own file for a container on the host's network, with the additions behind.
pub fn hosts_of_host(host: &str, extra: &[ExtraHost]) -> String {
    let mut out = host.to_owned();
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
    out + &extra_lines(extra, IpAddr::V4(Ipv4Addr::LOCALHOST))
}

fn extra_lines(extra: &[ExtraHost], gateway: IpAddr) -> String {
    extra.iter().map(|host| format!("{}\t{}\n", host.ip.unwrap_or(gateway), host.name)).collect()
}

/// The text of `/etc/hostname`.
pub fn hostname(name: &str) -> String {
    format!("{name}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_container_knows_itself_and_the_additions() {
        let extra = [parse_extra_host("db:192.0.2.9").unwrap(), parse_extra_host("me=host-gateway").unwrap()];
        let text = hosts(&extra, "web", Some(([172, 30, 0, 2].into(), [172, 30, 0, 1].into())));
        assert!(text.starts_with("127.0.0.1\tlocalhost\n::1\tlocalhost"));
        assert!(text.ends_with("192.0.2.9\tdb\n172.30.0.1\tme\n172.30.0.2\tweb\n"), "{text}");
    }

    #[test]
    fn without_a_network_there_is_only_loopback() {
        assert_eq!(hosts(&[], "web", None), LOOPBACK);
        assert_eq!(
            hosts_of_host("127.0.0.1 localhost", &[parse_extra_host("a:::1").unwrap()]),
            "127.0.0.1 localhost\n::1\ta\n"
        );
    }

    #[test]
    fn additions_are_read_as_docker_reads_them() {
        let ip = |text: &str| parse_extra_host(text).unwrap().ip.unwrap().to_string();
        assert_eq!([ip("a:::1"), ip("a:[::1]"), ip("a=::1"), ip("a:10.0.0.1")], ["::1", "::1", "::1", "10.0.0.1"]);
        assert_eq!(parse_extra_host("nothing"), Err(ExtraHostError::Shape("nothing".into())));
        assert_eq!(parse_extra_host(":10.0.0.1"), Err(ExtraHostError::Shape(":10.0.0.1".into())));
        assert_eq!(parse_extra_host("a:b"), Err(ExtraHostError::NotAnAddress("b".into())));
        assert!(parse_extra_host("a\nb:10.0.0.1").is_err());
    }

    proptest! {
        #[test]
        fn an_addition_is_one_line(text in "\\PC{0,8}[:=\n\t ]\\PC{0,12}") {
            if let Ok(host) = parse_extra_host(&text) {
                let lines = hosts(&[host], "web", None).lines().count();
                prop_assert_eq!(lines, LOOPBACK.lines().count() + 1);
            }
        }
    }
}
