//! A web server: from rlab's fork to the first answer over HTTP, what it takes while it waits for the next, and how long
//! its end takes.
//!
//! The port is published on 127.0.0.1 on both sides, so the way there belongs to what is measured: for the container the
//! kernel's address translation or rlab's proxy, for the machine QEMU's user-mode network. Memory is read half a second after
//! the answer, when both sides are at rest. The end is asked for by SIGTERM to rlab, and is over when rlab has ended.

use super::child::Running;
use super::plan::{LIMIT, Plan};
use super::processes::{Role, Snapshot};
use super::report::{Kind, Part, Unit};
use super::{Error, Side, facts};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

/// How long a side is left alone before its memory is read.
const REST: Duration = Duration::from_millis(500);

const ANSWER: Kind = Kind {
    id: "http_first",
    name: "start: first HTTP answer",
    part: Part::Time,
    unit: Unit::Seconds,
    how: "host's monotonic clock, from the fork of rlab to the first bytes of an answer to GET / on the published port, \
          asked anew every 2 % of the time gone, at least every 5 ms; page cache warm",
};

const STOP: Kind = Kind {
    id: "stop",
    name: "end, asked by SIGTERM",
    part: Part::Time,
    unit: Unit::Seconds,
    how: "host's monotonic clock, from SIGTERM to rlab until it has ended and its pipes are closed",
};

/// All processes.
const PSS: Kind = Kind {
    id: "memory_pss",
    name: "memory of all processes (PSS)",
    part: Part::Memory,
    unit: Unit::Bytes,
    how: "sum of Pss of /proc/PID/smaps_rollup over rlab and all its descendants on the host, 0.5 s after the first answer",
};

/// Without rlab's own.
const PSS_PROGRAM: Kind = Kind {
    id: "memory_pss_program",
    name: "  of these the program's, or QEMU",
    part: Part::Memory,
    unit: Unit::Bytes,
    how: "the same without rlab's own processes: those of the container's PID namespace; QEMU",
};

/// The guest's own.
const PSS_GUEST: Kind = Kind {
    id: "memory_pss_guest",
    name: "  of QEMU's, memory of the guest",
    part: Part::Memory,
    unit: Unit::Bytes,
    how: "Pss of that mapping of QEMU's that is as large as the guest's memory: what the guest has touched since its start",
};

/// How many.
const PROCESSES: Kind = Kind {
    id: "processes",
    name: "processes the host sees",
    part: Part::Seen,
    unit: Unit::Count,
    how: "rlab and all its descendants in the host's /proc, 0.5 s after the first answer",
};

/// One run that is only there so that all is built and read once.
pub fn warm_up(plan: &mut Plan<'_>, side: Side) -> Result<(), Error> {
    let (mut running, address) = start(plan, side)?;
    first_answer(&mut running, address, LIMIT)?;
    running.stop().map(drop)
}

/// One run.
pub fn run(plan: &mut Plan<'_>, side: Side) -> Result<(), Error> {
    let (mut running, address) = start(plan, side)?;
    let answered = first_answer(&mut running, address, LIMIT)?;
    running.watch(REST)?;
    let snapshot = Snapshot::below(running.pid());
    sample_memory(plan, side, &snapshot);
    facts::look(plan.report.side(side), snapshot);
    let stopped = running.stop()?;
    plan.report.sample(&ANSWER, side, answered.as_secs_f64());
    plan.report.sample(&STOP, side, stopped.as_secs_f64());
    Ok(())
}

/// What the host sees of one instance.
pub fn sample_memory(plan: &mut Plan<'_>, side: Side, snapshot: &Snapshot) {
    plan.report.sample(&PSS, side, snapshot.bytes(|_| true) as f64);
    plan.report.sample(&PSS_PROGRAM, side, snapshot.bytes(|role| role != Role::Rlab) as f64);
    if let Some(bytes) = snapshot.guest_bytes(plan.options.memory_bytes >> 20 << 20) {
        plan.report.sample(&PSS_GUEST, side, bytes as f64);
    }
    plan.report.sample(&PROCESSES, side, snapshot.0.len() as f64);
}

fn start(plan: &Plan<'_>, side: Side) -> Result<(Running, SocketAddr), Error> {
    let (image, command, port) = plan.server();
    let address = free_address()?;
    let publish = format!("{address}:{port}");
    Ok((plan.launcher.start(side, &["-p", &publish], image, &command)?, address))
}

/// A port of 127.0.0.1 that nobody listens on now.
fn free_address() -> Result<SocketAddr, Error> {
    let found = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    found.map_err(|error| Error::File { path: PathBuf::from("127.0.0.1"), error })
}

/// Asks until someone answers. An answer may come late to a question that was put too early, or never: a connection that
/// QEMU or the proxy has accepted waits for a server that is not there yet. So new questions do not wait for the old ones.
fn first_answer(running: &mut Running, address: SocketAddr, limit: Duration) -> Result<Duration, Error> {
    let mut asked: Vec<TcpStream> = Vec::new();
    let mut next = Duration::ZERO;
    loop {
        if running.has_ended()? {
            return Err(running.failure());
        }
        let age = running.age();
        if age > limit {
            return Err(running.too_slow("answer over HTTP", limit));
        }
        if age >= next {
            asked.extend(ask(address));
            next = age + (age / 50).max(Duration::from_millis(5));
        }
        let mut answered = false;
        asked.retain(|stream| match heard(stream) {
            Heard::Answer => {
                answered = true;
                false
            }
            Heard::Nothing => true,
            Heard::End => false,
        });
        if answered {
            return Ok(running.age());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Puts the question, if anybody takes the connection.
fn ask(address: SocketAddr) -> Option<TcpStream> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_millis(200)).ok()?;
    write!(stream, "GET / HTTP/1.0\r\nHost: {address}\r\n\r\n").ok()?;
    stream.set_nonblocking(true).ok()?;
    Some(stream)
}

enum Heard {
    Answer,
    Nothing,
    End,
}

fn heard(mut stream: &TcpStream) -> Heard {
    let mut bytes = [0; 5];
    match stream.read(&mut bytes) {
        Ok(5) if bytes == *b"HTTP/" => Heard::Answer,
        Err(error) if error.kind() == ErrorKind::WouldBlock => Heard::Nothing,
        _ => Heard::End,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;
    use std::time::Instant;

    fn sleeping() -> Running {
        let mut command = Command::new("sleep");
        command.arg("60");
        Running::start(command, "sleep".to_owned()).unwrap()
    }

    #[test]
    fn a_server_that_is_slow_to_answer_is_asked_again() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            // The first connection is one that nobody will ever answer, as QEMU's are while the guest boots.
            let (mute, _) = listener.accept().unwrap();
            drop(listener.accept().unwrap());
            let (mut stream, _) = listener.accept().unwrap();
            // Closing with the question unread would reset the connection, and the answer with it.
            let mut question = String::new();
            while !question.ends_with("\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                question.push(char::from(byte[0]));
            }
            stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n").unwrap();
            drop(mute);
        });
        assert!(first_answer(&mut sleeping(), address, Duration::from_secs(20)).is_ok());
        server.join().unwrap();
    }

    #[test]
    fn nobody_who_answers_is_an_error_and_so_is_an_end() {
        let address = free_address().unwrap();
        let silent = first_answer(&mut sleeping(), address, Duration::from_millis(30)).unwrap_err();
        assert!(matches!(silent, Error::TooLong { .. }), "{silent}");
        let mut ended = Running::start(Command::new("false"), "false".to_owned()).unwrap();
        let ended = first_answer(&mut ended, address, Duration::from_secs(20)).unwrap_err();
        assert!(matches!(ended, Error::Ended { .. }), "{ended}");
    }

    #[test]
    fn an_answer_begins_as_http_does() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut other, _) = listener.accept().unwrap();
        other.write_all(b"SSH-2.0-x\r\n").unwrap();
        assert!(matches!(heard(&stream), Heard::End));
        let begun = Instant::now();
        assert!(ask(free_address().unwrap()).is_none() && begun.elapsed() < Duration::from_secs(5));
    }
}
