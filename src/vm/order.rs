//! What the guest is told to do, and what it tells: the words that both sides of the channel know.
//!
//! Between host and guest there is no shared kernel that could hand over a descriptor, a signal or an exit status, as a
//! container's parent and init do it. There is one serial line, a stream of bytes in each direction, and everything has to
//! be said on it: so each piece has a head that says what it is and how long.

use crate::shim::Failure;
use crate::sys::{self, Ended, WindowSize};
use crate::trace::{Actor, Event, Stage};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;

/// The name of the channel's port, by which the guest finds it.
pub const PORT: &str = "rlab";
/// How the disk is called in the guest.
pub const DISK: &str = "/dev/vda";
/// The link that QEMU's user network plugs in, and what that network looks like: QEMU's documentation, "user networking".
pub const LINK: &str = "eth0";
/// No honest piece is longer; the rest of a stream that says so is rubbish.
const MAX_PIECE_BYTES: usize = 16 << 20;
/// A letter and four bytes of length.
const HEAD_BYTES: usize = 5;

/// All that the guest has to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The program and its arguments.
    pub args: Vec<String>,
    /// Its environment; HOME is added by the guest, who can look into the image's /etc/passwd.
    pub env: Vec<String>,
    /// Where it starts.
    pub cwd: PathBuf,
    /// Who it runs as, by name or number, as `--user` takes it.
    pub user: String,
    /// The guest's host name.
    pub hostname: String,
    /// Files of /etc that say who and where the guest is: path and text.
    pub files: Vec<(PathBuf, String)>,
    /// Whether there is a network card.
    pub network: bool,
    /// Directories of the host.
    pub shares: Vec<Share>,
    /// Filesystems in memory: where, and options for mount(2).
    pub tmpfs: Vec<(PathBuf, String)>,
    /// Whether `/` can be written to.
    pub read_only: bool,
    /// Kernel settings. A kernel of its own: all of them.
    pub sysctl: Vec<(String, String)>,
    /// Whether the program gets a terminal, and its size.
    pub terminal: bool,
    /// Rows and columns, where they are known.
    pub size: Option<(u16, u16)>,
    /// Whether input is passed on.
    pub interactive: bool,
    /// Whether anyone wants to know what happens.
    pub told: bool,
}

/// A directory of the host's, shown in the guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// By which the guest finds it.
    pub tag: String,
    /// `9p` or `virtiofs`.
    pub filesystem: String,
    /// Where it appears.
    pub destination: PathBuf,
    /// Whether it can only be read.
    pub read_only: bool,
}

/// A piece of the stream, in either direction.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// Host to guest: the order, once, first.
    Order(Box<Order>),
    /// Host to guest: input of the program's.
    Input(Vec<u8>),
    /// Host to guest: there will be no more input.
    EndOfInput,
    /// Host to guest: a signal for the program.
    Signal(i32),
    /// Host to guest: nobody reads its output any more (0), or its errors (1).
    Unread(u8),
    /// Host to guest: the user's window has another size.
    Resize(u16, u16),
    /// Guest to host: rlab runs there, and has found the channel.
    Here,
    /// Guest to host: the program is running.
    Started(i32),
    /// Guest to host: that much of the input has been taken. Without this, input that nobody reads would fill the channel,
    /// and a signal would have to wait behind it.
    Taken(u32),
    /// Guest to host: what the program says.
    Output(Vec<u8>),
    /// Guest to host: what it says on its standard error.
    Errors(Vec<u8>),
    /// Guest to host: an event of the trace.
    Event(Box<Event>),
    /// Guest to host: the program could not be started.
    Failed(Box<Failure>),
    /// Guest to host: the program has ended.
    Ended(Ended),
}

/// What came is no piece.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the guest said something that rlab does not know ({0:?})")]
pub struct Garbled(pub String);

impl Piece {
    /// The piece as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let (letter, body) = match self {
            Piece::Order(order) => (b'O', json(order)),
            Piece::Input(bytes) => (b'i', bytes.clone()),
            Piece::EndOfInput => (b'.', Vec::new()),
            Piece::Signal(number) => (b's', number.to_le_bytes().to_vec()),
            Piece::Unread(which) => (b'u', vec![*which]),
            Piece::Resize(rows, columns) => (b'w', [rows.to_le_bytes(), columns.to_le_bytes()].concat()),
            Piece::Here => (b'h', Vec::new()),
            Piece::Started(pid) => (b'p', pid.to_le_bytes().to_vec()),
            Piece::Taken(bytes) => (b't', bytes.to_le_bytes().to_vec()),
            Piece::Output(bytes) => (b'o', bytes.clone()),
            Piece::Errors(bytes) => (b'e', bytes.clone()),
            Piece::Event(event) => (b'v', json(event)),
            Piece::Failed(failure) => (b'f', json(failure)),
            Piece::Ended(ended) => (b'x', json(ended)),
        };
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes();
        [&[letter], &length[..], &body].concat()
    }

    fn decode(letter: u8, body: &[u8]) -> Option<Piece> {
        let number = || Some(i32::from_le_bytes(body.try_into().ok()?));
        Some(match letter {
            b'O' => Piece::Order(serde_json::from_slice(body).ok()?),
            b'i' => Piece::Input(body.to_vec()),
            b'.' => Piece::EndOfInput,
            b's' => Piece::Signal(number()?),
            b'u' => Piece::Unread(*body.first()?),
            b'w' => {
                let [a, b, c, d] = *body else { return None };
                Piece::Resize(u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]))
            }
            b'h' => Piece::Here,
            b'p' => Piece::Started(number()?),
            b't' => Piece::Taken(u32::from_le_bytes(body.try_into().ok()?)),
            b'o' => Piece::Output(body.to_vec()),
            b'e' => Piece::Errors(body.to_vec()),
            b'v' => Piece::Event(event(body)?),
            b'f' => Piece::Failed(serde_json::from_slice(body).ok()?),
            b'x' => Piece::Ended(serde_json::from_slice(body).ok()?),
            _ => return None,
        })
    }
}

/// An event that a guest can know of. A program that is root in there can take the channel from its process 1: it must not
/// tell the host's part of the story, nor have a say in what the user's terminal does.
fn event(body: &[u8]) -> Option<Box<Event>> {
    let mut value = serde_json::from_slice(body).ok()?;
    disarm(&mut value);
    let event: Event = serde_json::from_value(value).ok()?;
    let stages = [Stage::GuestInit, Stage::GuestExec, Stage::GuestWait].map(Stage::id);
    (event.actor == Actor::Guest && stages.contains(&event.stage.as_ref())).then(|| Box::new(event))
}

fn disarm(value: &mut Value) {
    match value {
        Value::String(text) => *text = harmless(text),
        Value::Array(values) => values.iter_mut().for_each(disarm),
        Value::Object(map) => {
            for (key, mut value) in std::mem::take(map) {
                disarm(&mut value);
                map.insert(harmless(&key), value);
            }
        }
        _ => {}
    }
}

fn harmless(text: &str) -> String {
    let is_harmful = |letter: char| letter.is_control() && letter != '\n';
    text.chars().map(|letter| if is_harmful(letter) { char::REPLACEMENT_CHARACTER } else { letter }).collect()
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// Bytes as they come, until there is a whole piece.
#[derive(Default)]
pub struct Decoder {
    bytes: Vec<u8>,
    /// How much of them was taken.
    at: usize,
}

impl Decoder {
    /// Takes what has come.
    pub fn push(&mut self, bytes: &[u8]) {
        // Here and not with each piece: a stranger's pieces can be as small and as many as he likes.
        self.bytes.drain(..std::mem::take(&mut self.at));
        self.bytes.extend_from_slice(bytes);
    }

    /// The next piece, if all of it is here.
    pub fn next(&mut self) -> Result<Option<Piece>, Garbled> {
        let Some(&[letter, a, b, c, d]) = self.bytes[self.at..].first_chunk::<HEAD_BYTES>() else { return Ok(None) };
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        if length > MAX_PIECE_BYTES {
            return Err(self.garbled());
        }
        let begin = self.at + HEAD_BYTES;
        let Some(body) = self.bytes.get(begin..begin + length) else { return Ok(None) };
        let piece = Piece::decode(letter, body).ok_or_else(|| self.garbled())?;
        self.at = begin + length;
        Ok(Some(piece))
    }

    fn garbled(&self) -> Garbled {
        let rest = &self.bytes[self.at..];
        Garbled(String::from_utf8_lossy(&rest[..rest.len().min(40)]).into_owned())
    }
}

impl From<WindowSize> for Piece {
    fn from(size: WindowSize) -> Piece {
        Piece::Resize(size.rows, size.columns)
    }
}

/// A refusal of a call as the failure of a stage.
pub fn refused(stage: &'static str) -> impl Fn(sys::Error) -> Failure {
    move |error| Failure::Call { stage: stage.to_owned(), error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pieces() -> Vec<Piece> {
        let failure = Failure::Refused { stage: "guest_init".to_owned(), reason: "no".to_owned() };
        vec![
            Piece::Input(b"abc\0\xff".to_vec()),
            Piece::EndOfInput,
            Piece::Signal(15),
            Piece::Unread(1),
            Piece::Resize(24, 80),
            Piece::Here,
            Piece::Started(7),
            Piece::Taken(4096),
            Piece::Output(Vec::new()),
            Piece::Errors(b"x".to_vec()),
            Piece::Failed(Box::new(failure)),
            Piece::Ended(Ended::Signalled(9)),
        ]
    }

    #[test]
    fn what_is_said_is_heard_however_it_is_cut() {
        let bytes: Vec<u8> = pieces().iter().flat_map(Piece::encode).collect();
        for size in [1, 3, 7, bytes.len()] {
            let (mut decoder, mut heard) = (Decoder::default(), Vec::new());
            for part in bytes.chunks(size) {
                decoder.push(part);
                while let Some(piece) = decoder.next().unwrap() {
                    heard.push(piece);
                }
            }
            assert_eq!(heard, pieces(), "in parts of {size}");
        }
    }

    proptest! {
        #[test]
        fn rubbish_is_refused_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut decoder = Decoder::default();
            decoder.push(&bytes);
            while let Ok(Some(_)) = decoder.next() {}
        }
    }

    #[test]
    fn a_guest_tells_of_itself_alone() {
        let told = |actor: &str, stage: &str| {
            let body =
                format!(r#"{{"v":1,"seq":1,"t_ns":5,"actor":"{actor}","pid":1,"stage":"{stage}","kind":"enter"}}"#);
            Piece::decode(b'v', body.as_bytes()).is_some()
        };
        assert!(told("guest", "guest_init") && told("guest", "guest_exec"));
        let body = r#"{"v":1,"seq":1,"t_ns":5,"actor":"guest","pid":1,"stage":"guest_wait",
            "kind":"note","note":"a\u001b[2J","with":{"b\u0007":["c\nd\u009b"]}}"#;
        let heard = format!("{:?}", Piece::decode(b'v', body.as_bytes()).unwrap());
        assert!(
            heard.contains("a\u{fffd}[2J") && heard.contains("b\u{fffd}") && heard.contains("c\\nd\u{fffd}"),
            "{heard}"
        );
        for (actor, stage) in
            [("vm", "guest_init"), ("engine", "resolve"), ("guest", "power_off"), ("guest", "anything")]
        {
            assert!(!told(actor, stage), "{actor} {stage}");
        }
    }

    #[test]
    fn a_length_that_nothing_honest_has_is_refused_at_once() {
        let mut decoder = Decoder::default();
        decoder.push(b"o\xff\xff\xff\x7f");
        assert!(decoder.next().is_err());
    }
}
