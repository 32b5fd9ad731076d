//! Passing bytes on: streams with their two directions apart, datagrams by the client they came from.

use std::collections::HashMap;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A copying loop needs little; the default of 2 MiB would be reserved for each connection twice.
const STACK_BYTES: usize = 128 * 1024;
/// How long a UDP client may be silent before it is forgotten, as in Docker's proxy.
const UDP_IDLE: Duration = Duration::from_secs(90);
/// How many UDP clients are remembered at once: a sender can invent addresses, and each costs a thread.
const UDP_CLIENTS: usize = 1024;
/// The largest datagram there is.
const DATAGRAM_BYTES: usize = 65_536;
/// How long to wait when no descriptor is left, before the next try.
const BREATH: Duration = Duration::from_millis(50);

/// Serves TCP for ever.
pub fn tcp(listener: &TcpListener, to: SocketAddr) {
    for client in listener.incoming() {
        let Ok(client) = client else {
            thread::sleep(BREATH);
            continue;
        };
        // Without a thread the client is dropped, which closes it: better than to hang.
        let _no_thread = thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
            if let Ok(server) = TcpStream::connect(to) {
                both_ways(client, server);
            }
        });
    }
}

/// Each direction ends by itself: a client that has said all it has to say still waits for the answer.
fn both_ways(client: TcpStream, server: TcpStream) {
    let pair = Arc::new((client, server));
    let other = Arc::clone(&pair);
    let requests = thread::Builder::new().stack_size(STACK_BYTES).spawn(move || one_way(&other.0, &other.1));
    if let Ok(requests) = requests {
        one_way(&pair.1, &pair.0);
        let _panicked = requests.join();
    }
}

fn one_way(mut from: &TcpStream, mut to: &TcpStream) {
    let ended = match std::io::copy(&mut from, &mut to) {
        Ok(_) => to.shutdown(Shutdown::Write),
        // A reset: nothing more will come or go on either side.
        Err(_) => from.shutdown(Shutdown::Both).and(to.shutdown(Shutdown::Both)),
    };
    let _already_closed = ended;
}

struct Client {
    server: UdpSocket,
    last: Mutex<Instant>,
}

type Clients = Arc<Mutex<HashMap<SocketAddr, Arc<Client>>>>;

/// Serves UDP for ever.
pub fn udp(socket: UdpSocket, to: SocketAddr) {
    let (socket, clients) = (Arc::new(socket), Clients::default());
    let mut datagram = vec![0; DATAGRAM_BYTES];
    loop {
        // An error here is about an earlier datagram that nobody took; the next one may fare better.
        let Ok((length, from)) = socket.recv_from(&mut datagram) else { continue };
        let known = lock(&clients).get(&from).cloned();
        let Some(client) = known.or_else(|| welcome(&socket, &clients, from, to)) else { continue };
        *lock(&client.last) = Instant::now();
        let _lost_like_any_datagram = client.server.send(&datagram[..length]);
    }
}

/// A socket of its own for a client, so that answers can be told apart, and a thread that carries them back.
fn welcome(socket: &Arc<UdpSocket>, clients: &Clients, from: SocketAddr, to: SocketAddr) -> Option<Arc<Client>> {
    if lock(clients).len() >= UDP_CLIENTS {
        return None;
    }
    let server = UdpSocket::bind(("0.0.0.0", 0)).ok()?;
    server.connect(to).ok()?;
    server.set_read_timeout(Some(UDP_IDLE)).ok()?;
    let client = Arc::new(Client { server, last: Mutex::new(Instant::now()) });
    lock(clients).insert(from, Arc::clone(&client));
    let (socket, all, answering) = (Arc::clone(socket), Arc::clone(clients), Arc::clone(&client));
    let thread = thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
        answers(&socket, &answering, from);
        lock(&all).remove(&from);
    });
    if thread.is_err() {
        lock(clients).remove(&from);
        return None;
    }
    Some(client)
}

fn answers(socket: &UdpSocket, client: &Client, to: SocketAddr) {
    let mut datagram = vec![0; DATAGRAM_BYTES];
    loop {
        match client.server.recv(&mut datagram) {
            Ok(length) => {
                *lock(&client.last) = Instant::now();
                let _lost_like_any_datagram = socket.send_to(&datagram[..length], to);
            }
            // Refused: nobody listens inside yet. Silence: over, unless the client has spoken meanwhile.
            Err(_) if lock(&client.last).elapsed() < UDP_IDLE => thread::sleep(BREATH),
            Err(_) => return,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn a_client_that_has_finished_still_gets_its_answer() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
        let (to, at) = (server.local_addr().unwrap(), proxy.local_addr().unwrap());
        thread::spawn(move || tcp(&proxy, to));
        thread::spawn(move || {
            let (mut stream, _) = server.accept().unwrap();
            let mut request = Vec::new();
            stream.read_to_end(&mut request).unwrap();
            request.reverse();
            stream.write_all(&request).unwrap();
        });
        let mut client = TcpStream::connect(at).unwrap();
        client.write_all(b"abc").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "cba");
    }

    #[test]
    fn each_udp_client_gets_its_own_answers() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let proxy = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (to, at) = (server.local_addr().unwrap(), proxy.local_addr().unwrap());
        thread::spawn(move || udp(proxy, to));
        thread::spawn(move || {
            let mut datagram = [0; 16];
            loop {
                let (length, from) = server.recv_from(&mut datagram).unwrap();
                server.send_to(&datagram[..length], from).unwrap();
            }
        });
        let clients: Vec<UdpSocket> = (0..3).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
        for (number, client) in clients.iter().enumerate() {
            client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            client.send_to(&[number as u8], at).unwrap();
        }
        for (number, client) in clients.iter().enumerate() {
            let mut answer = [255; 4];
            assert_eq!(client.recv_from(&mut answer).unwrap(), (1, at));
            assert_eq!(answer[0], number as u8);
        }
    }

    #[test]
    fn a_server_that_does_not_answer_closes_the_client() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = proxy.local_addr().unwrap();
        thread::spawn(move || tcp(&proxy, closed));
        let mut client = TcpStream::connect(at).unwrap();
        assert_eq!(client.read(&mut [0; 4]).unwrap_or(0), 0);
    }
}
