//! Which hosts may hold an image, and by which scheme each is spoken to.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::error::Error;
use crate::image::reference::{DOCKER_HUB, Reference};

/// The host that answers for `docker.io`.
const DOCKER_HUB_HOST: &str = "registry-1.docker.io";

/// One host that may hold an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Host and port.
    pub authority: String,
    /// Schemes to try, in order.
    pub schemes: Vec<&'static str>,
    /// The registry this host stands in for.
    pub mirror_of: Option<String>,
}

impl Endpoint {
    /// The host, and what was tried there where that does not go without saying.
    pub fn described(&self) -> String {
        if self.has_port() || self.schemes.len() < 2 {
            return self.authority.clone();
        }
        let ports: Vec<&str> = self.schemes.iter().map(|scheme| if *scheme == "http" { "80" } else { "443" }).collect();
        format!("{} (ports {})", self.authority, ports.join(" and "))
    }

    /// Whether the port is named; else each scheme has its own.
    pub fn has_port(&self) -> bool {
        self.authority.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()))
    }
}

/// Hosts by registry, as configured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts {
    /// Addresses to try before a registry itself, by the registry's name.
    pub mirrors: BTreeMap<String, Vec<String>>,
    /// Hosts spoken to without TLS, or without knowing who answers.
    pub insecure: Vec<String>,
}

impl Hosts {
    /// Where to look for an image, in order: mirrors first, the registry itself last.
    pub fn endpoints(&self, reference: &Reference) -> Result<Vec<Endpoint>, Error> {
        let registry = reference.registry();
        let mirrors = self.mirrors.get(registry).into_iter().flatten();
        let mut found: Vec<Endpoint> =
            mirrors.map(|address| self.mirror(registry, address)).collect::<Result<_, _>>()?;
        let authority = if registry == DOCKER_HUB { DOCKER_HUB_HOST } else { registry };
        found.push(Endpoint { authority: authority.to_owned(), schemes: self.schemes(authority), mirror_of: None });
        Ok(found)
    }

    fn mirror(&self, registry: &str, address: &str) -> Result<Endpoint, Error> {
        let bad = || Error::BadMirror { mirror: address.to_owned() };
        let (scheme, rest) = match address.split_once("://") {
            Some(("https", rest)) => (Some("https"), rest),
            Some(("http", rest)) => (Some("http"), rest),
            Some(_) => return Err(bad()),
            None => (None, address),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.is_empty() || authority.contains(['/', '@', '?', '#', ' ']) {
            return Err(bad());
        }
        // A scheme that is spelt out is meant.
        let schemes = scheme.map_or_else(|| self.schemes(authority), |scheme| vec![scheme]);
        Ok(Endpoint { authority: authority.to_owned(), schemes, mirror_of: Some(registry.to_owned()) })
    }

    /// TLS, except where the user said otherwise, and on this machine itself, where nobody sits on the wire.
    fn schemes(&self, authority: &str) -> Vec<&'static str> {
        if is_loopback(authority) {
            vec!["http", "https"]
        } else if self.is_insecure(authority) {
            vec!["https", "http"]
        } else {
            vec!["https"]
        }
    }

    /// Whether the user accepts a host without TLS.
    pub fn is_insecure(&self, authority: &str) -> bool {
        self.insecure.iter().any(|allowed| allowed == authority || allowed == host_of(authority))
    }
}

/// The host without its port.
pub fn host_of(authority: &str) -> &str {
    match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => authority.split(':').next().unwrap_or(authority),
    }
}

/// Whether a host is this machine.
pub fn is_loopback(authority: &str) -> bool {
    let host = host_of(authority);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(text: &str) -> Reference {
        text.parse().unwrap()
    }

    #[test]
    fn mirrors_come_first_and_the_hub_has_another_name() {
        let mirrors =
            BTreeMap::from([("docker.io".into(), vec!["https://m.example/".into(), "localhost:5001".into()])]);
        let hosts = Hosts { mirrors, insecure: Vec::new() };
        let found = hosts.endpoints(&reference("nginx")).unwrap();
        let short: Vec<_> = found.iter().map(|one| (one.authority.as_str(), one.schemes[0])).collect();
        assert_eq!(short, [("m.example", "https"), ("localhost:5001", "http"), ("registry-1.docker.io", "https")]);
        assert_eq!(found[0].mirror_of.as_deref(), Some("docker.io"));
        assert_eq!(hosts.endpoints(&reference("quay.io/a/b")).unwrap().len(), 1);
    }

    #[test]
    fn only_loopback_and_named_hosts_go_without_tls() {
        let hosts = Hosts { insecure: vec!["lab.example".into()], ..Hosts::default() };
        let schemes = |text: &str| hosts.endpoints(&reference(text)).unwrap()[0].schemes.clone();
        assert_eq!(schemes("localhost:5000/a"), ["http", "https"]);
        assert_eq!(schemes("127.9.9.9:1/a"), ["http", "https"]);
        assert_eq!(schemes("[::1]:5000/a"), ["http", "https"]);
        assert_eq!(schemes("lab.example:5000/a"), ["https", "http"]);
        assert_eq!(schemes("127.0.0.1.example/a"), ["https"]);
        assert_eq!(schemes("10.0.0.1:5000/a"), ["https"]);
    }

    #[test]
    fn a_mirror_is_a_host_and_nothing_else() {
        for bad in ["ftp://x", "https://", "https://a/b", "https://user@a", ""] {
            let hosts = Hosts { mirrors: BTreeMap::from([("docker.io".into(), vec![bad.into()])]), ..Hosts::default() };
            assert!(matches!(hosts.endpoints(&reference("nginx")), Err(Error::BadMirror { .. })), "{bad}");
        }
    }
}
