//! A registry that misbehaves on demand: a small web server whose answers a test writes byte by byte.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// What was asked.
#[derive(Debug, Clone)]
pub struct Request {
    /// GET or POST.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// Headers, by their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// How often this path was asked for before.
    pub before: usize,
}

impl Request {
    /// A header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// From which byte on it asks for a blob.
    pub fn first_byte(&self) -> usize {
        let first = self.header("range").strip_prefix("bytes=").and_then(|range| range.strip_suffix('-'));
        first.and_then(|first| first.parse().ok()).unwrap_or(0)
    }
}

/// What is answered: bytes, and what comes after them.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Status line, headers and body, as they go over the wire.
    pub bytes: Vec<u8>,
    /// And then.
    pub then: Then,
}

/// What the server does when the bytes are out.
#[derive(Debug, Clone)]
pub enum Then {
    /// It closes the connection.
    Close,
    /// It says nothing more, and keeps the connection.
    Stall,
    /// It sends this again and again until nobody takes it any more; with a pause after each.
    Repeat(&'static [u8], Duration),
}

impl Reply {
    /// Any bytes, and the end.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), then: Then::Close }
    }

    /// An answer with a right Content-Length. `headers` are whole lines.
    pub fn new(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        Self::head(status, &format!("{headers}Content-Length: {}\r\n", body.len())).and(body)
    }

    /// Status line and headers alone.
    pub fn head(status: &str, headers: &str) -> Self {
        Self::raw(format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}\r\n"))
    }

    /// The same with more bytes.
    pub fn and(mut self, more: impl AsRef<[u8]>) -> Self {
        self.bytes.extend_from_slice(more.as_ref());
        self
    }

    /// The same, and then something else than the end.
    pub fn then(self, then: Then) -> Self {
        Self { then, ..self }
    }
}

type Behaviour = dyn Fn(&Request) -> Reply + Send + Sync;

/// A running server, ended when dropped.
pub struct Server {
    /// Host and port.
    pub host: String,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

struct Shared {
    requests: Mutex<Vec<Request>>,
    behaviour: Mutex<Arc<Behaviour>>,
    ended: AtomicBool,
    sent_bytes: AtomicU64,
}

impl Server {
    /// Starts one on a free port of loopback.
    pub fn start(behaviour: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared {
            requests: Mutex::default(),
            behaviour: Mutex::new(Arc::new(behaviour)),
            ended: AtomicBool::new(false),
            sent_bytes: AtomicU64::new(0),
        });
        let own = shared.clone();
        let listener = std::thread::spawn(move || {
            let mut connections = Vec::new();
            while let Ok((stream, _)) = listener.accept() {
                if own.ended.load(Ordering::SeqCst) {
                    break;
                }
                let own = own.clone();
                connections.push(std::thread::spawn(move || own.serve(stream)));
            }
            connections.into_iter().for_each(|connection| drop(connection.join()));
        });
        Self { host, shared, listener: Some(listener) }
    }

    /// Answers otherwise from now on.
    pub fn behave(&self, behaviour: impl Fn(&Request) -> Reply + Send + Sync + 'static) {
        *self.shared.behaviour.lock().unwrap() = Arc::new(behaviour);
    }

    /// Everything asked so far, in order.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// How many bytes clients have taken.
    pub fn sent_bytes(&self) -> u64 {
        self.shared.sent_bytes.load(Ordering::SeqCst)
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream) {
        // A client that says nothing must not keep the test from ending.
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let Some(request) = self.read(&stream) else { return };
        let behaviour = self.behaviour.lock().unwrap().clone();
        let reply = behaviour(&request);
        let _client_went = self.send(&mut stream, &reply);
    }

    fn read(&self, stream: &TcpStream) -> Option<Request> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let mut words = line.split_whitespace().map(str::to_owned);
        let (method, path) = (words.next()?, words.next()?);
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            match line.trim_end().split_once(':') {
                Some((name, value)) => headers.insert(name.to_lowercase(), value.trim().to_owned()),
                None => break,
            };
        }
        let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        reader.take(length).read_to_end(&mut Vec::new()).ok()?;
        let mut requests = self.requests.lock().unwrap();
        let before = requests.iter().filter(|one| one.path == path).count();
        let request = Request { method, path, headers, before };
        requests.push(request.clone());
        Some(request)
    }

    fn send(&self, stream: &mut TcpStream, reply: &Reply) -> std::io::Result<()> {
        stream.set_write_timeout(Some(Duration::from_secs(20)))?;
        let mut send = |bytes: &[u8]| {
            self.sent_bytes.fetch_add(bytes.len() as u64, Ordering::SeqCst);
            stream.write_all(bytes)
        };
        send(&reply.bytes)?;
        match &reply.then {
            Then::Close => {}
            Then::Stall => while !self.is_over(stream) {},
            Then::Repeat(bytes, pause) => {
                while !self.ended.load(Ordering::SeqCst) {
                    self.sent_bytes.fetch_add(bytes.len() as u64, Ordering::SeqCst);
                    stream.write_all(bytes)?;
                    std::thread::sleep(*pause);
                }
            }
        }
        Ok(())
    }

    /// Waits a moment for the client to hang up, or the server to end.
    fn is_over(&self, stream: &TcpStream) -> bool {
        let _set = stream.set_read_timeout(Some(Duration::from_millis(20)));
        let hung_up = match stream.peek(&mut [0]) {
            Ok(count) => count == 0,
            Err(error) => !matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut),
        };
        hung_up || self.ended.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // The listener waits in accept(2): one last connection wakes it.
        let _woken = TcpStream::connect(&self.host);
        if let Some(listener) = self.listener.take() {
            let _ended = listener.join();
        }
    }
}
