//! When does it answer? Asked from outside, at the published port.
//!
//! That QEMU accepts a connection says nothing: it does so before there is a guest. Only bytes that come back were said by
//! a program. So a request is sent that every web server answers, and that others answer with a complaint.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

const REQUEST: &[u8] = b"GET / HTTP/1.0\r\n\r\n";
/// How long a connection may take to be answered before another one is tried.
const PATIENCE: Duration = Duration::from_secs(2);
/// How much of the answer is told.
const SHOWN_LETTERS: usize = 60;

/// A question that is asked until it is answered.
pub struct Answer {
    address: SocketAddr,
    asked: Option<(TcpStream, Instant)>,
}

impl Answer {
    /// At a port of this host's.
    pub fn at(ip: IpAddr, port: u16) -> Answer {
        let ip = if ip.is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { ip };
        Answer { address: SocketAddr::new(ip, port), asked: None }
    }

    /// Where.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The first line of the answer, once it is there. Never waits.
    pub fn turn(&mut self) -> Option<String> {
        let Some((stream, since)) = &mut self.asked else {
            self.asked = ask(self.address).ok().map(|stream| (stream, Instant::now()));
            return None;
        };
        let mut buffer = [0; 512];
        match stream.read(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock && since.elapsed() < PATIENCE => None,
            Ok(length) if length > 0 => {
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                let line = text.lines().next().unwrap_or_default();
                Some(line.chars().filter(|letter| !letter.is_control()).take(SHOWN_LETTERS).collect())
            }
            // Nobody listens in there yet.
            _ => {
                self.asked = None;
                None
            }
        }
    }
}

fn ask(address: SocketAddr) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.write_all(REQUEST)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn asked_until(answer: &mut Answer, tries: u32) -> Option<String> {
        (0..tries).find_map(|_| {
            std::thread::sleep(Duration::from_millis(5));
            answer.turn()
        })
    }

    #[test]
    fn only_bytes_that_come_back_are_an_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut answer = Answer::at(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port);
        assert_eq!(answer.url(), format!("http://127.0.0.1:{port}"));
        assert_eq!(asked_until(&mut answer, 20), None, "a connection that was accepted says nothing");
        // As QEMU does while nobody listens in the guest: it accepts and hangs up.
        drop(listener.accept().unwrap());
        assert_eq!(answer.turn(), None);
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut heard = [0; REQUEST.len()];
            stream.read_exact(&mut heard).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\nServer: \x1b[31mx\r\n\r\n").unwrap();
            heard
        });
        assert_eq!(asked_until(&mut answer, 400).as_deref(), Some("HTTP/1.1 200 OK"));
        assert_eq!(&server.join().unwrap(), REQUEST);
    }
}
