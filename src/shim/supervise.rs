//! From the program's first instruction to its exit status.
//!
//! Man: wait(2), signal(7), pid_namespaces(7).

use super::relay::Relay;
use super::signals::{Signals, asks_to_end};
use super::{Error, Task};
use crate::cgroup::Counters;
use crate::runtime::Created;
use crate::sys::{self, Ended, Ready};
use crate::trace::{self, Stage, probe};
use serde_json::json;
use std::os::fd::AsFd;

/// How long a silent stream is listened to after the program's end, in milliseconds.
const DRAIN_MS: u16 = 200;
/// As many requests to end as docker run takes before it stops being polite.
const PATIENCE: usize = 3;

/// Passes bytes and signals until the program has ended, and gives how it ended. `before` is what the kernel had counted
/// for the container before the program's first instruction, if anyone wants to know.
pub fn supervise(
    task: &Task,
    created: &Created,
    before: Option<&Counters>,
    relay: &mut Relay,
    signals: &mut Signals,
) -> Result<Ended, Error> {
    let asked = trace::stage(Stage::Wait, || {
        trace::note("running", || task.running.clone());
        // The stage lasts as long as the program: who is told where to find it must be told now.
        trace::pump();
        relay.go_raw();
        let asked = watch(created, relay, signals)?;
        if asked.is_none() { end_of_program(created, relay, before).map(Err) } else { Ok(Ok(asked)) }
    })?;
    match asked {
        Err(ended) => {
            trace::stage(Stage::Stop, || {
                trace::skip("ended_by_itself");
                Ok::<_, Error>(())
            })?;
            Ok(ended)
        }
        Ok(signal) => trace::stage(Stage::Stop, || {
            ask_to_end(created, signal.unwrap_or(sys::SIGTERM))?;
            let mut asked = 1;
            while let Some(again) = watch(created, relay, signals)? {
                asked += 1;
                let signal = if asked >= PATIENCE { sys::SIGKILL } else { again };
                sys::pidfd_send_signal(created.pidfd.as_fd(), created.pid, signal)?;
            }
            end_of_program(created, relay, before)
        }),
    }
}

// ANCHOR: watch
/// Until the program has ended (`None`) or someone asks for its end (the signal).
fn watch(created: &Created, relay: &mut Relay, signals: &mut Signals) -> Result<Option<i32>, Error> {
    loop {
        while let Some(signal) = signals.next() {
            match signal {
                signal if asks_to_end(signal) => return Ok(Some(signal)),
                sys::SIGWINCH => relay.resize(),
                // These are about rlab's own children and pipes.
                sys::SIGCHLD | sys::SIGPIPE => {}
                // Whatever else comes is the program's: SIGUSR1 to make it reopen its logs, say.
                other => sys::pidfd_send_signal(created.pidfd.as_fd(), created.pid, other)?,
            }
        }
        let mut wanted = vec![(created.pidfd.as_fd(), Ready::Read), (signals.fd(), Ready::Read)];
        wanted.extend(relay.wanted());
        let ready = sys::poll(&wanted, None).map_err(|errno| Error::Streams { what: "poll", errno })?;
        relay.turn(&ready[2..]);
        if ready[0] {
            return Ok(None);
        }
    }
}
// ANCHOR_END: watch

// ANCHOR: ask
/// Sends the signal. Process 1 of a PID namespace is special: a signal that it has no handler for is not delivered to it
/// at all, unless it is SIGKILL or SIGSTOP. So a program that never thought of being process 1 could not be stopped.
fn ask_to_end(created: &Created, signal: i32) -> Result<(), Error> {
    let caught = probe::takes(created.pid, signal).unwrap_or(true);
    trace::note(
        if caught { "signal_caught" } else { "signal_dropped" },
        || json!({"signal": sys::signal_name(signal)}),
    );
    sys::pidfd_send_signal(created.pidfd.as_fd(), created.pid, signal)?;
    if !caught {
        sys::pidfd_send_signal(created.pidfd.as_fd(), created.pid, sys::SIGKILL)?;
    }
    Ok(())
}
// ANCHOR_END: ask

fn end_of_program(created: &Created, relay: &mut Relay, before: Option<&Counters>) -> Result<Ended, Error> {
    relay.end_input();
    while relay.open() {
        let ready = sys::poll(&relay.wanted(), Some(DRAIN_MS)).unwrap_or_default();
        if !relay.turn(&ready) {
            break; // someone outside the container's PID namespace still holds it open
        }
    }
    relay.restore();
    let ended = sys::wait(created.pid, true)?.map_or(Ended::Exited(125), |(_, ended)| ended);
    if let Some(before) = before {
        tell_counters(before, &created.cgroup.counters(), ended);
    }
    Ok(ended)
}

/// What the kernel counted for the container, and what that says about its end.
fn tell_counters(before: &Counters, after: &Counters, ended: Ended) {
    let rows = [
        ("processes killed for memory", before.oom_kills, after.oom_kills),
        ("memory limit hit", before.memory_failures, after.memory_failures),
        ("forks refused", before.pids_refused, after.pids_refused),
        ("periods throttled", before.cpu_throttled_periods, after.cpu_throttled_periods),
        ("bytes of memory at most", before.memory_peak_bytes, after.memory_peak_bytes),
        ("processor time, µs", before.cpu_used_us, after.cpu_used_us),
    ];
    for (key, before, after) in rows {
        trace::change("counter", key, json!(before), json!(after));
    }
    if ended == Ended::Signalled(sys::SIGKILL) && after.oom_kills > before.oom_kills {
        trace::note("oom_killed", || json!({}));
    }
    if after.pids_refused > before.pids_refused {
        trace::note("pids_refused", || json!({}));
    }
    if after.cpu_throttled_periods > before.cpu_throttled_periods {
        trace::note("cpu_throttled", || json!({}));
    }
}
