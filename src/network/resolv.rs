//! A `resolv.conf` that works inside, see resolv.conf(5).
//!
//! Loopback belongs to a network namespace: the host's `127.0.0.53` is nobody inside, and a container that is told to
//! ask there has no names at all. It is the most common way in which a container's network is "broken".

use std::net::IpAddr;

/// Where systemd-resolved writes the servers that it asks itself.
pub const SYSTEMD_RESOLV_CONF: &str = "/run/systemd/resolve/resolv.conf";

/// Docker's choice, too, when a host names no server that could be reached from inside.
const PUBLIC: [&str; 2] = ["8.8.8.8", "8.8.4.4"];

/// What the user said of names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dns {
    /// `--dns`
    pub servers: Vec<IpAddr>,
    /// `--dns-search`; a single `.` means none.
    pub search: Vec<String>,
    /// `--dns-option`
    pub options: Vec<String>,
}

/// Where the servers come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The user's `--dns`.
    Flags,
    /// The host's /etc/resolv.conf.
    Host,
    /// The file of systemd-resolved, because the host's own names only its stub on loopback.
    SystemdResolved,
    /// A public service, because the host names none that can be reached.
    Public,
}

/// The file for the container, and how it came to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvConf {
    /// Its text.
    pub text: String,
    /// Where its servers come from.
    pub source: Source,
    /// The host's servers that can't be reached from inside.
    pub dropped: Vec<String>,
}

#[derive(Default)]
struct Parsed<'a> {
    servers: Vec<&'a str>,
    search: Vec<&'a str>,
    options: Vec<&'a str>,
}

/// Makes the container's file from the host's, from systemd-resolved's where there is one, and from the flags.
pub fn for_container(host: &str, systemd: Option<&str>, dns: &Dns) -> ResolvConf {
    let parsed = parse(host);
    let (usable, dropped) = split(&parsed.servers);
    let behind = systemd.map(parse).unwrap_or_default();
    let (behind_usable, _) = split(&behind.servers);
    let stub = dropped.iter().any(|server| server.starts_with("127.0.0.5"));
    let (servers, source): (Vec<String>, Source) = if !dns.servers.is_empty() {
        (dns.servers.iter().map(ToString::to_string).collect(), Source::Flags)
    } else if !usable.is_empty() {
        (usable, Source::Host)
    } else if stub && !behind_usable.is_empty() {
        (behind_usable, Source::SystemdResolved)
    } else {
        (PUBLIC.map(str::to_owned).to_vec(), Source::Public)
    };
    ResolvConf { text: render(&servers, &search(&parsed, &behind, dns), &options(&parsed, dns)), source, dropped }
}

/// Which of the host's servers an IPv4 container with its own loopback can reach, and which it can't.
fn split(servers: &[&str]) -> (Vec<String>, Vec<String>) {
    let reachable = |server: &&&str| matches!(server.parse::<IpAddr>(), Ok(IpAddr::V4(ip)) if !ip.is_loopback() && !ip.is_unspecified());
    let (usable, dropped): (Vec<&&str>, Vec<&&str>) = servers.iter().partition(reachable);
    let owned = |list: Vec<&&str>| list.into_iter().map(|server| (*server).to_owned()).collect();
    (owned(usable), owned(dropped))
}

fn search(host: &Parsed<'_>, behind: &Parsed<'_>, dns: &Dns) -> Vec<String> {
    match dns.search.as_slice() {
        [dot] if dot == "." => Vec::new(),
        [] if host.search.is_empty() => behind.search.iter().map(|domain| (*domain).to_owned()).collect(),
        [] => host.search.iter().map(|domain| (*domain).to_owned()).collect(),
        given => given.to_vec(),
    }
}

fn options(host: &Parsed<'_>, dns: &Dns) -> Vec<String> {
    if !dns.options.is_empty() {
        return dns.options.clone();
    }
    // trust-ad says that the server checks signatures and the way to it is safe: true of a stub on loopback alone.
    host.options.iter().filter(|option| **option != "trust-ad").map(|option| (*option).to_owned()).collect()
}

fn parse(text: &str) -> Parsed<'_> {
    let mut parsed = Parsed::default();
    for line in text.lines() {
        let line = line.split(['#', ';']).next().unwrap_or_default();
        let mut words = line.split_whitespace();
        match words.next() {
            Some("nameserver") => parsed.servers.extend(words.next()),
            // The last of these lines counts, for both words.
            Some("search" | "domain") => parsed.search = words.filter(|domain| *domain != ".").collect(),
            Some("options") => parsed.options.extend(words),
            _ => {}
        }
    }
    parsed
}

fn render(servers: &[String], search: &[String], options: &[String]) -> String {
    let mut out: String = servers.iter().map(|server| format!("nameserver {server}\n")).collect();
    for (word, list) in [("search", search), ("options", options)] {
        if !list.is_empty() {
            out += &format!("{word} {}\n", list.join(" "));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn servers_that_can_be_reached_are_kept() {
        let made = for_container(
            "# by dhcp\nnameserver 192.0.2.1\nnameserver 127.0.0.1\nsearch a b\noptions ndots:2\n",
            None,
            &Dns::default(),
        );
        assert_eq!(made.text, "nameserver 192.0.2.1\nsearch a b\noptions ndots:2\n");
        assert_eq!((made.source, made.dropped), (Source::Host, vec!["127.0.0.1".to_owned()]));
    }

    #[test]
    fn behind_the_stub_of_systemd_are_the_real_servers() {
        let host = "nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch .\n";
        let made = for_container(host, Some("nameserver 192.0.2.7\nsearch lan\n"), &Dns::default());
        assert_eq!(made.text, "nameserver 192.0.2.7\nsearch lan\noptions edns0\n");
        assert_eq!(made.source, Source::SystemdResolved);
    }

    #[test]
    fn a_left_over_file_of_systemd_is_no_reason_to_use_it() {
        let made = for_container("nameserver 127.0.0.1\n", Some("nameserver 192.0.2.7\n"), &Dns::default());
        assert_eq!(made.source, Source::Public);
    }

    #[test]
    fn none_left_means_public_ones() {
        for host in ["", "nameserver ::1\n", "nameserver fd00::1\n", "nameserver nonsense\n", "nameserver\n"] {
            let made = for_container(host, None, &Dns::default());
            assert_eq!((made.text.as_str(), made.source), ("nameserver 8.8.8.8\nnameserver 8.8.4.4\n", Source::Public));
        }
    }

    #[test]
    fn the_flags_win() {
        let dns = Dns {
            servers: vec!["10.0.0.1".parse().unwrap()],
            search: vec![".".into()],
            options: vec!["ndots:1".into()],
        };
        let made = for_container("nameserver 192.0.2.1\nsearch a\noptions rotate\n", None, &dns);
        assert_eq!(made.text, "nameserver 10.0.0.1\noptions ndots:1\n");
        assert_eq!(made.source, Source::Flags);
    }

    proptest! {
        #[test]
        fn no_loopback_server_ever_gets_inside(host in "((nameserver|search|options|#|) ?(127\\.0\\.0\\.53|::1|10\\.0\\.0\\.1|x) ?\n){0,6}") {
            let made = for_container(&host, Some(&host), &Dns::default());
            prop_assert!(made.text.starts_with("nameserver "));
            prop_assert!(!made.text.lines().any(|line| line.starts_with("nameserver 127.") || line.starts_with("nameserver ::1")));
        }
    }
}
