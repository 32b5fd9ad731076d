//! Writing events: one file, many processes, whole lines.
//!
//! The file is opened O_APPEND before the clone, so a line is placed at the end by the kernel itself and lines of two
//! processes never mix. Without a trace every function here is one relaxed load of a flag.

use super::event::{Actor, Call, Event, Kind, SCHEMA_VERSION};
use super::follow::Follower;
use super::stage::Stage;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

struct Sink {
    file: File,
    start: Instant,
    /// Lives in memory shared with the children, so that numbers are unique over all processes of the run.
    seq: &'static AtomicU64,
    follower: Mutex<Option<Follower>>,
}

static SINK: OnceLock<Sink> = OnceLock::new();
static ENABLED: AtomicBool = AtomicBool::new(false);
static ACTOR: AtomicU8 = AtomicU8::new(0);
static PID: AtomicI32 = AtomicI32::new(0);
static STAGE: AtomicU8 = AtomicU8::new(0);

/// Whether anyone listens. Nothing may be read or built for the trace's sake unless this is true.
pub fn enabled() -> bool {
    ENABLED.load(Relaxed)
}

/// Opens the trace of this run: `file` must have been opened O_APPEND and close-on-exec, `seq` be shared with children.
///
/// The follower renders what this and the other processes write; it belongs to the foreground process alone.
pub fn open(file: File, seq: &'static AtomicU64, follower: Option<Follower>) {
    let sink = Sink { file, start: Instant::now(), seq, follower: Mutex::new(follower) };
    if SINK.set(sink).is_ok() {
        PID.store(std::process::id() as i32, Relaxed);
        ENABLED.store(true, Relaxed);
    }
}

/// Says which part of rlab this process is from now on, and its number as the host sees it.
///
/// A process that is number 1 in its own namespace can't ask the kernel for the other number: its parent tells it.
pub fn become_actor(actor: Actor, host_pid: Option<i32>) {
    ACTOR.store(actor as u8, Relaxed);
    if let Some(pid) = host_pid {
        PID.store(pid, Relaxed);
    }
}

/// The number of the trace's descriptor, for a process that closes all others.
pub fn descriptor() -> Option<i32> {
    SINK.get().map(|sink| sink.file.as_raw_fd())
}

/// Tells nothing any more in this process: it is on its own from here.
pub fn silence() {
    ENABLED.store(false, Relaxed);
}

/// Runs `body` as the work of another part of rlab in the same process.
pub fn acting<T>(actor: Actor, body: impl FnOnce() -> T) -> T {
    let outer = ACTOR.swap(actor as u8, Relaxed);
    let result = body();
    ACTOR.store(outer, Relaxed);
    result
}

/// Runs a stage between its `enter` and its `leave`, with the actor whose work it is.
pub fn stage<T, E>(stage: Stage, body: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let outer = STAGE.swap(stage as u8, Relaxed);
    emit(|| Kind::Enter);
    let begun = Instant::now();
    let result = body();
    emit(|| Kind::Leave { dur_ns: nanos(begun.elapsed()), failed: result.is_err() });
    STAGE.store(outer, Relaxed);
    pump();
    result
}

/// Goes on with a stage that another process has entered, without entering it again.
pub fn resume(stage: Stage) {
    STAGE.store(stage as u8, Relaxed);
}

/// Tells of a call that another process made, and ends the stage in which it made it.
///
/// After a successful execve(2) the process that called it is no longer ours and can't tell: its parent saw it happen.
pub fn witnessed(stage: Stage, pid: i32, call: Call, took: Duration) {
    let outer = STAGE.swap(stage as u8, Relaxed);
    let made = || Kind::Call { call, ret: Some(0), errno: None, injected: false, dur_ns: nanos(took) };
    emit_as(Actor::Init, pid, made);
    STAGE.store(outer, Relaxed);
}

/// Ends a stage that another process has entered.
pub fn leave(stage: Stage, pid: i32, took: Duration) {
    let outer = STAGE.swap(stage as u8, Relaxed);
    emit_as(Actor::Init, pid, || Kind::Leave { dur_ns: nanos(took), failed: false });
    STAGE.store(outer, Relaxed);
    pump();
}

/// The stage this process is in.
pub fn current_stage() -> Stage {
    Stage::ALL[usize::from(STAGE.load(Relaxed)).min(Stage::ALL.len() - 1)]
}

/// Tells of a system call that was made. `result` is what it returned or the name of its error.
pub fn call(call: Call, result: Result<i64, &'static str>, took: Duration) {
    let errno = result.err().map(Cow::Borrowed);
    emit(|| Kind::Call { call, ret: result.ok(), errno, injected: false, dur_ns: nanos(took) });
}

/// Tells of a call that was not made, because its failure was asked for.
pub fn injected(call: Call, errno: &'static str) {
    emit(|| Kind::Call { call, ret: None, errno: Some(Cow::Borrowed(errno)), injected: true, dur_ns: 0 });
}

/// The number of this process as the host sees it.
pub fn own_number() -> i32 {
    PID.load(Relaxed)
}

/// Tells of a call that a child made before it became another program, and that was seen to happen; or, `injected`, that
/// it did not make, because its failure was asked for.
pub fn call_of(pid: i32, call: Call, result: Result<i64, &'static str>, injected: bool, took: Duration) {
    let errno = result.err().map(Cow::Borrowed);
    let made = || Kind::Call { call, ret: result.ok(), errno, injected, dur_ns: nanos(took) };
    emit_as(actor(), pid, made);
}

/// Tells of work done in bulk. The description is built only when someone listens.
pub fn work(name: &'static str, with: impl FnOnce() -> Value) {
    emit(|| Kind::Work { work: Cow::Borrowed(name), with: object(with()) });
}

/// Tells of a piece of kernel state that was read before and after; equal readings are no change and are not told.
pub fn change(object: &'static str, key: impl Into<String>, before: Value, after: Value) {
    if before != after {
        emit(|| Kind::Change { object: Cow::Borrowed(object), key: key.into(), before, after });
    }
}

/// Tells that the current stage has nothing to do, and why, by the name of a text.
pub fn skip(reason: &'static str) {
    emit(|| Kind::Skip { reason: Cow::Borrowed(reason) });
}

/// Tells a sentence that holds in this run only, by the name of a text and what goes into its places.
pub fn note(name: &'static str, with: impl FnOnce() -> Value) {
    emit(|| Kind::Note { note: Cow::Borrowed(name), with: object(with()) });
}

/// Takes in an event that was written under another kernel: its number is the next of this run, and its time, which that
/// kernel's clock told, lies `later` than there.
pub fn take_in(mut event: Event, later: Duration) {
    if !enabled() {
        return;
    }
    let Some(sink) = SINK.get() else { return };
    event.seq = sink.seq.fetch_add(1, Relaxed) + 1;
    event.t_ns = event.t_ns.saturating_add(nanos(later));
    append(sink, &event);
}

/// How long this trace has been open.
pub fn elapsed() -> Duration {
    SINK.get().map_or(Duration::ZERO, |sink| sink.start.elapsed())
}

/// Lets the follower render what has been written so far.
pub fn pump() {
    if !enabled() || ACTOR.load(Relaxed) == Actor::Init as u8 {
        return;
    }
    if let Some(sink) = SINK.get()
        && let Some(follower) = sink.follower.lock().unwrap_or_else(PoisonError::into_inner).as_mut()
    {
        follower.pump();
    }
}

/// Ends the trace of a run: everything is rendered, also what belongs to a stage that never ended.
pub fn finish() {
    pump();
    if let Some(sink) = SINK.get()
        && let Some(follower) = sink.follower.lock().unwrap_or_else(PoisonError::into_inner).take()
    {
        follower.finish();
    }
}

fn emit(kind: impl FnOnce() -> Kind) {
    emit_as(actor(), PID.load(Relaxed), kind);
}

fn emit_as(actor: Actor, pid: i32, kind: impl FnOnce() -> Kind) {
    if !enabled() {
        return;
    }
    let Some(sink) = SINK.get() else { return };
    let event = Event {
        v: SCHEMA_VERSION,
        seq: sink.seq.fetch_add(1, Relaxed) + 1,
        t_ns: nanos(sink.start.elapsed()),
        actor,
        pid,
        stage: Cow::Borrowed(current_stage().id()),
        kind: kind(),
    };
    append(sink, &event);
}

/// A trace that can't be written (a full disk) must not take the container down with it: the reader sees a gap in `seq`.
/// One write per line, because O_APPEND places a write as a whole.
fn append(sink: &Sink, event: &Event) {
    if let Ok(mut line) = serde_json::to_vec(event) {
        line.push(b'\n');
        let _unwritable = (&sink.file).write_all(&line);
    }
}

fn actor() -> Actor {
    match ACTOR.load(Relaxed) {
        1 => Actor::Parent,
        2 => Actor::Init,
        3 => Actor::Shim,
        4 => Actor::Vm,
        5 => Actor::Guest,
        _ => Actor::Engine,
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
