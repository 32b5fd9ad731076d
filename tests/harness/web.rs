//! The smallest web client there is, and ports for those who serve.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

pub use crate::registry::port::free_port;

const PATIENCE: Duration = Duration::from_secs(10);

/// What a web server answered.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// 200, 404 and so on.
    pub status: u16,
    /// The page.
    pub body: String,
}

/// Asks for a page once.
pub fn http_get(address: SocketAddr, path: &str) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // HTTP/1.0: the server closes when it is done, so nobody has to count.
    // In one piece: who answers after the first line and closes would refuse the rest.
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes())?;
    let mut bytes = vec![];
    stream.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok(Answer { status: status.ok_or(std::io::ErrorKind::InvalidData)?, body: body.to_owned() })
}

/// Asks for a page until someone answers.
#[track_caller]
pub fn http_get_once_up(address: SocketAddr, path: &str, timeout: Duration) -> Answer {
    let until = Instant::now() + timeout;
    loop {
        match http_get(address, path) {
            Ok(answer) => return answer,
            Err(error) => assert!(Instant::now() < until, "no answer from {address} within {timeout:?}: {error}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// An address of this host that is not loopback, if it has one.
pub fn host_address() -> Option<std::net::IpAddr> {
    // Connecting a UDP socket sends nothing: it only makes the kernel choose the route, and with it our address.
    let socket = std::net::UdpSocket::bind(("0.0.0.0", 0)).ok()?;
    socket.connect(("192.0.2.1", 9)).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}
