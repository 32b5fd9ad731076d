//! `get`: fetches a page over plain HTTP, to see whether one network namespace reaches another.
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::error::At;
use super::{Error, Result, text};

const PATIENCE: Duration = Duration::from_secs(5);

/// What is asked of whom.
#[derive(Debug, PartialEq)]
struct Address<'a> {
    authority: &'a str,
    host: &'a str,
    port: u16,
    path: &'a str,
}

pub fn run(args: &[OsString], out: &mut dyn Write) -> Result<u8> {
    let [url] = args else { return Err(Error::Usage) };
    let url = text(url)?;
    let bad = |reason| Error::Page { url: url.to_owned(), reason };
    let address = parse(url).map_err(bad)?;
    let stream = connect(&address).at(format!("{}:{}", address.host, address.port))?;
    let request = format!("GET {} HTTP/1.0\r\nHost: {}\r\nConnection: close\r\n\r\n", address.path, address.authority);
    (&mut &stream).write_all(request.as_bytes()).at(url)?;
    let mut input = BufReader::new(stream);
    let mut status = String::new();
    (&mut input).take(8192).read_line(&mut status).at(url)?;
    let code: u16 = status.split_whitespace().nth(1).and_then(|code| code.parse().ok()).ok_or(bad("no HTTP answer"))?;
    let mut header = String::new();
    while (&mut input).take(8192).read_line(&mut header).at(url)? > 2 {
        header.clear();
    }
    let mut page = Vec::new();
    input.read_to_end(&mut page).at(url)?;
    out.write_all(&page)?;
    if code < 400 {
        return Ok(0);
    }
    out.flush()?;
    super::complain(&format_args!("{url}: {}", status.trim_end()), "get");
    Ok(1)
}

/// The first address that answers.
fn connect(address: &Address<'_>) -> std::io::Result<TcpStream> {
    let host = address.host.trim_start_matches('[').trim_end_matches(']');
    let mut last = std::io::Error::from(std::io::ErrorKind::AddrNotAvailable);
    for candidate in (host, address.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&candidate, PATIENCE) {
            Ok(stream) => {
                stream.set_read_timeout(Some(PATIENCE))?;
                return Ok(stream);
            }
            Err(e) => last = e,
        }
    }
    Err(last)
}

/// `http://` may be left out.
fn parse(url: &str) -> std::result::Result<Address<'_>, &'static str> {
    if url.starts_with("https://") {
        return Err("only plain HTTP is spoken here");
    }
    if url.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("an address has no spaces");
    }
    let rest = url.strip_prefix("http://").unwrap_or(url);
    let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    // The last colon begins the port, unless it is inside the brackets of an IPv6 address.
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().map_err(|_| "the port is not a number")?),
        _ => (authority, 80),
    };
    if host.is_empty() { Err("no host is named") } else { Ok(Address { authority, host, port, path }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn host_port_and_path_are_told_apart() {
        let address = |url| parse(url).map(|a| (a.host, a.port, a.path));
        assert_eq!(address("http://10.0.0.2:8080/x?y"), Ok(("10.0.0.2", 8080, "/x?y")));
        assert_eq!(address("web"), Ok(("web", 80, "/")));
        assert_eq!(address("http://[::1]/"), Ok(("[::1]", 80, "/")));
        assert!(parse("https://x").is_err() && parse("http://:80").is_err() && parse("x:port").is_err());
    }

    proptest! {
        #[test]
        fn no_address_can_smuggle_a_header(url in ".*") {
            if let Ok(address) = parse(&url) {
                prop_assert!(!address.path.contains(['\r', '\n', ' ']) && !address.authority.contains(['\r', '\n']));
            }
        }
    }
}
