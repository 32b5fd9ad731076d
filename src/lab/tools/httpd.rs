//! `httpd`: a web server small enough to see who answers: it says host name, process number and who asked.
//!
//! HTTP/1.0 in spirit: one request a connection, GET and HEAD, and the connection is closed. See RFC 9112.
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

use super::error::At;
use super::{Error, Result, text};
use crate::sys::tool;

const SIGINT: i32 = 2;
const SIGTERM: i32 = 15;
/// A client that sends nothing must not keep the others waiting for long.
const PATIENCE: Duration = Duration::from_secs(5);
const MAX_HEAD_BYTES: u64 = 16 * 1024;

pub fn run(args: &[OsString], out: &mut dyn Write) -> Result<u8> {
    let words: Vec<&str> = args.iter().map(text).collect::<Result<_>>()?;
    let (port, words) = match words[..] {
        ["-p", port, ref words @ ..] => (port, words),
        ref words => ("80", words),
    };
    let not_one = |_| Error::NotA { text: port.to_owned(), expected: "a port from 0 to 65535" };
    let listener = TcpListener::bind(("0.0.0.0", port.parse().map_err(not_one)?)).at(format!("port {port}"))?;
    // As process 1 the kernel drops a signal that has no handler: without one `stop` would have to kill.
    tool::catch(&[SIGINT, SIGTERM]).at("sigaction")?;
    writeln!(out, "httpd: {} listens on port {}", tool::hostname().at("gethostname")?, local(&listener)?.port())?;
    out.flush()?;
    let greeting = words.join(" ");
    loop {
        let ready = tool::wait_for_input(listener.as_fd()).at("poll")?;
        if tool::take_arrival(SIGTERM) || tool::take_arrival(SIGINT) {
            return Ok(0);
        }
        if !ready {
            continue;
        }
        // One client that goes away early is that client's matter.
        if let Ok((stream, client)) = listener.accept()
            && let Ok(line) = serve(&stream, client, &greeting)
        {
            writeln!(out, "{line}")?;
            out.flush()?;
        }
    }
}

fn local(listener: &TcpListener) -> Result<SocketAddr> {
    listener.local_addr().at("getsockname")
}

/// Answers one request, and returns the line for the log.
fn serve(stream: &TcpStream, client: SocketAddr, greeting: &str) -> std::io::Result<String> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut input = BufReader::new(stream.take(MAX_HEAD_BYTES));
    let mut request = String::new();
    input.read_line(&mut request)?;
    let mut header = String::new();
    // The whole head is read: closing with unread bytes would reset the connection before the answer arrives.
    while input.read_line(&mut header)? > 2 {
        header.clear();
    }
    let page = page(greeting, &tool::hostname()?, std::process::id(), client);
    let (status, answer) = respond(&request, &page);
    (&mut &*stream).write_all(answer.as_bytes())?;
    let asked: String = request.trim_end().chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    Ok(format!("{} \"{asked}\" {status}", client.ip()))
}

fn page(greeting: &str, hostname: &str, pid: u32, client: SocketAddr) -> String {
    let greeting = if greeting.is_empty() { "hello from the lab" } else { greeting };
    format!("{greeting}\nhost name  {hostname}\nprocess    {pid}\nyou are    {}\n", client.ip())
}

fn respond(request: &str, page: &str) -> (u16, String) {
    let mut words = request.split_whitespace();
    let (method, target) = (words.next().unwrap_or(""), words.next());
    let (status, reason, body) = match (method, target) {
        ("GET" | "HEAD", Some(_)) => (200, "OK", page),
        (_, None) => (400, "Bad Request", "this is not HTTP\n"),
        _ => (405, "Method Not Allowed", "GET and HEAD only\n"),
    };
    let allow = if status == 405 { "Allow: GET, HEAD\r\n" } else { "" };
    let head = format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
         {allow}Connection: close\r\n\r\n",
        body.len()
    );
    (status, if method == "HEAD" { head } else { head + body })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn get_has_a_body_and_head_has_none() {
        let (status, answer) = respond("GET / HTTP/1.1\r\n", "page\n");
        assert_eq!(status, 200);
        assert!(answer.ends_with("Content-Length: 5\r\nConnection: close\r\n\r\npage\n"));
        let (_, answer) = respond("HEAD / HTTP/1.1\r\n", "page\n");
        assert!(answer.contains("Content-Length: 5") && answer.ends_with("\r\n\r\n"));
    }

    #[test]
    fn other_methods_and_noise_are_refused() {
        assert_eq!(respond("POST / HTTP/1.1", "").0, 405);
        assert!(respond("POST / HTTP/1.1", "").1.contains("Allow: GET, HEAD\r\n"));
        assert_eq!((respond("", "").0, respond("GET", "").0), (400, 400));
    }

    proptest! {
        #[test]
        fn any_request_gets_a_whole_answer(request in ".*") {
            let (_, answer) = respond(&request, "x");
            prop_assert!(answer.starts_with("HTTP/1.1 ") && answer.contains("\r\n\r\n"));
        }
    }
}
