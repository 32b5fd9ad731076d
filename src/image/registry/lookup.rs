//! Host names to addresses, within a time limit and without a thread.
//!
//! getaddrinfo(3) cannot be interrupted: with a dead name server it blocks for tens of seconds, and a thread left
//! waiting in it would still be there when the container is cloned, holding locks the child may need. So glibc's own
//! lookup is asked as a program, getent(1), which can be ended at the deadline.

use std::collections::HashMap;
use std::io::Read;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;
use ureq::{Error, Timeout};

/// Looks names up and remembers them for as long as the client lives.
#[derive(Debug)]
pub struct Lookup {
    limit: Duration,
    known: Mutex<HashMap<String, Vec<IpAddr>>>,
}

impl Lookup {
    /// Gives a lookup so much time.
    pub fn new(limit: Duration) -> Self {
        Self { limit, known: Mutex::new(HashMap::new()) }
    }

    fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, Error> {
        if let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse() {
            return Ok(vec![address]);
        }
        let mut known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(addresses) = known.get(host) {
            return Ok(addresses.clone());
        }
        let found = ask(host, self.limit)?;
        if found.is_empty() {
            return Err(Error::HostNotFound);
        }
        known.insert(host.to_owned(), found.clone());
        Ok(found)
    }
}

impl Resolver for Lookup {
    fn resolve(&self, uri: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let host = uri.host().ok_or(Error::HostNotFound)?;
        let default_port = if uri.scheme_str() == Some("http") { 80 } else { 443 };
        let port = uri.port_u16().unwrap_or(default_port);
        let mut found = self.empty();
        for address in self.addresses(host)?.into_iter().take(16) {
            found.push(SocketAddr::new(address, port));
        }
        Ok(found)
    }
}

fn ask(host: &str, limit: Duration) -> Result<Vec<IpAddr>, Error> {
    match said(Command::new("getent").args(["ahosts", "--", host]), limit)? {
        Some(text) => Ok(addresses_of(&text)),
        None => {
            // A system without glibc's tools: the lookup as the library does it, however long that takes.
            let found = (host, 0).to_socket_addrs().map_err(|_| Error::HostNotFound)?;
            Ok(found.map(|address| address.ip()).collect())
        }
    }
}

/// What a program writes, if it ends within the limit; `None` when there is no such program.
fn said(program: &mut Command, limit: Duration) -> Result<Option<String>, Error> {
    let spawned = program.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let Ok(mut child) = spawned else { return Ok(None) };
    let deadline = Instant::now() + limit;
    let mut pause = Duration::from_millis(1);
    while child.try_wait()?.is_none() {
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            return Err(Error::Timeout(Timeout::Resolve));
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
    let mut text = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut text)?;
    }
    Ok(Some(text))
}

/// getent prints each address once a socket type, in the order of RFC 6724.
fn addresses_of(text: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for line in text.lines() {
        if let Some(address) = line.split_whitespace().next().and_then(|word| word.parse().ok())
            && !found.contains(&address)
        {
            found.push(address);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_is_taken_once_in_order() {
        let text = "::1             STREAM localhost\n::1             DGRAM\n127.0.0.1       STREAM localhost\n";
        let expected: Vec<IpAddr> = vec!["::1".parse().unwrap(), "127.0.0.1".parse().unwrap()];
        assert_eq!(addresses_of(text), expected);
    }

    #[test]
    fn a_name_without_address_is_not_found() {
        let lookup = Lookup::new(Duration::from_secs(3));
        let error = lookup.addresses("no-such-host.invalid").unwrap_err();
        assert!(matches!(error, Error::HostNotFound | Error::Timeout(Timeout::Resolve)), "{error}");
    }

    #[test]
    fn a_slow_lookup_is_cut_off() {
        let error = said(Command::new("sleep").arg("1000"), Duration::from_millis(1)).unwrap_err();
        assert!(matches!(error, Error::Timeout(Timeout::Resolve)), "{error}");
        assert_eq!(said(Command::new("echo").arg("in time"), Duration::from_secs(60)).unwrap().unwrap(), "in time\n");
        assert!(said(&mut Command::new("no-such-program"), Duration::ZERO).unwrap().is_none());
    }
}
