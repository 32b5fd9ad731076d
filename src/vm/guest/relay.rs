//! Between the program and the channel, until the program has ended.
//!
//! Process 1 has a second duty meanwhile: orphans of the guest are given to it, and it has to wait for them.

use super::channel::Channel;
use super::program::Program;
use crate::shim::Failure;
use crate::sys::{self, Ended, Errno, Ready, WindowSize};
use crate::vm::order::Piece;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

const CHUNK: usize = 16 * 1024;
/// As much may wait for the host; then the program waits, too.
const MOST_WAITING: usize = 64 * 1024;
/// How long a silent stream is listened to after the program's end, in milliseconds.
const DRAIN_MS: u16 = 200;

/// Passes bytes and signals until the program has ended, and reports how.
pub fn run(channel: &mut Channel, mut program: Program) -> Result<(), Failure> {
    let children = sys::signals_by_descriptor().map_err(broken)?;
    channel.send(&Piece::Started(program.pid))?;
    let mut typed = Typed::default();
    let ended = loop {
        if let Some(ended) = reap(program.pid) {
            break ended;
        }
        turn(channel, &mut program, &mut typed, Some(children.as_fd()), None)?;
        while let Ok(Some(_child)) = children.read_signal() {}
    };
    end_others();
    // What it wrote last is still in its pipes. Their end comes with the last process that has them open; one that can't be
    // killed is not waited for.
    while program.output.is_some() || program.errors.is_some() {
        let said = turn(channel, &mut program, &mut typed, None, Some(DRAIN_MS))?;
        if !said && has_room(channel) {
            break;
        }
    }
    channel.send_events();
    channel.send(&Piece::Ended(ended))?;
    channel.finish();
    Ok(())
}

/// A container's kernel kills all its processes with the first. This program is not the first here, and what it left
/// running could go on for ever.
fn end_others() {
    while let Ok(child) = sys::wait(-1, false) {
        if child.is_none() {
            let _gone_just_now = sys::kill(-1, sys::SIGKILL);
            return;
        }
    }
}

fn has_room(channel: &Channel) -> bool {
    channel.waiting_bytes() < MOST_WAITING
}

/// Waits for whoever has ended, the program or an orphan.
fn reap(program: i32) -> Option<Ended> {
    while let Ok(Some((pid, ended))) = sys::wait(-1, false) {
        if pid == program {
            return Some(ended);
        }
    }
    None
}

/// Input that the program has not taken yet.
#[derive(Default)]
struct Typed {
    bytes: Vec<u8>,
    ended: bool,
}

/// Waits once, and moves what is ready. Gives whether the program said something.
fn turn(
    channel: &mut Channel,
    program: &mut Program,
    typed: &mut Typed,
    children: Option<BorrowedFd<'_>>,
    limit_ms: Option<u16>,
) -> Result<bool, Failure> {
    let room = has_room(channel);
    let mut wanted: Vec<(BorrowedFd<'_>, Ready)> = channel.wanted();
    let from_channel = wanted.len();
    let outputs = [&program.output, &program.errors];
    wanted.extend(outputs.iter().filter(|_| room).filter_map(|end| Some((end.as_ref()?.as_fd(), Ready::Read))));
    let from_outputs = wanted.len();
    wanted.extend(program.input.as_ref().filter(|_| !typed.bytes.is_empty()).map(|end| (end.as_fd(), Ready::Write)));
    wanted.extend(children.map(|children| (children, Ready::Read)));
    let ready = sys::poll(&wanted, limit_ms).map_err(broken)?;
    let said = ready[from_channel..from_outputs].contains(&true);
    let heard = ready[0];
    channel.flush()?;
    if said {
        take(channel, &mut program.output, Piece::Output)?;
        take(channel, &mut program.errors, Piece::Errors)?;
    }
    if heard {
        hear(channel, program, typed)?;
    }
    hand_on(channel, program, typed)?;
    Ok(said)
}

/// What the program says goes to the host, in pieces.
fn take(channel: &mut Channel, end: &mut Option<OwnedFd>, piece: fn(Vec<u8>) -> Piece) -> Result<(), Failure> {
    let Some(from) = end else { return Ok(()) };
    let ready = sys::poll_readable(&[from.as_fd()], Some(0)).is_ok_and(|ready| ready[0]);
    if !ready {
        return Ok(());
    }
    let mut buffer = [0; CHUNK];
    match sys::read(&*from, &mut buffer) {
        // EIO: the last process that had this terminal open is gone.
        Ok(0) | Err(Errno::EIO) => *end = None,
        Ok(length) => channel.send(&piece(buffer[..length].to_vec()))?,
        Err(Errno::EAGAIN | Errno::EINTR) => {}
        Err(_) => *end = None,
    }
    Ok(())
}

/// What the host wants.
fn hear(channel: &mut Channel, program: &mut Program, typed: &mut Typed) -> Result<(), Failure> {
    if !channel.receive()? {
        return Err(super::channel::lost("the host has hung up"));
    }
    while let Some(piece) = channel.next()? {
        match piece {
            Piece::Input(bytes) => typed.bytes.extend(bytes),
            Piece::EndOfInput => typed.ended = true,
            // Gone already: its end is about to be told.
            Piece::Signal(number) => drop(sys::kill(program.pid, number)),
            // No signal of ours: a closed pipe gives one to who wants it, and an error to who does not. A terminal that nobody
            // reads has been hung up.
            Piece::Unread(_) if program.terminal.is_some() => drop(sys::kill(program.pid, sys::SIGHUP)),
            Piece::Unread(0) => program.output = None,
            Piece::Unread(_) => program.errors = None,
            Piece::Resize(rows, columns) => {
                if let Some(terminal) = &program.terminal {
                    let _gone = sys::set_window_size(terminal, WindowSize { rows, columns });
                }
            }
            _ => return Err(super::channel::lost("it said what only a guest says")),
        }
    }
    Ok(())
}

/// Input goes to the program, as far as it takes it, and the host hears how far.
fn hand_on(channel: &mut Channel, program: &mut Program, typed: &mut Typed) -> Result<(), Failure> {
    let Some(to) = &program.input else {
        return forget(channel, typed);
    };
    if !typed.bytes.is_empty() && sys::poll(&[(to.as_fd(), Ready::Write)], Some(0)).is_ok_and(|ready| ready[0]) {
        // A pipe that is ready takes PIPE_BUF bytes without making us wait, see pipe(7).
        let sure = typed.bytes.len().min(4096);
        match sys::write(to, &typed.bytes[..sure]) {
            Ok(written) => {
                typed.bytes.drain(..written);
                channel.send(&Piece::Taken(u32::try_from(written).unwrap_or_default()))?;
            }
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            // It has closed its input: whatever comes is for nobody.
            Err(_) => program.input = None,
        }
    }
    if typed.ended && typed.bytes.is_empty() {
        program.input = None; // the program sees the end of its input
    }
    Ok(())
}

fn forget(channel: &mut Channel, typed: &mut Typed) -> Result<(), Failure> {
    let bytes = std::mem::take(&mut typed.bytes).len();
    if bytes == 0 { Ok(()) } else { channel.send(&Piece::Taken(u32::try_from(bytes).unwrap_or_default())) }
}

fn broken(errno: Errno) -> Failure {
    let reason = format!("process 1 of the guest: {}", errno.desc());
    Failure::Refused { stage: "guest_exec".to_owned(), reason }
}
