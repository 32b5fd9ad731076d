//! `start`: the process that waits at the fifo is let into its program.

use super::create::Created;
use super::error::Error;
use super::parent;
use super::sync::{FromInit, receive};
use crate::sys;
use crate::trace::{self, Stage, probe};
use serde_json::json;
use std::os::fd::AsFd;
use std::time::Instant;

/// Opens the fifo and waits until the kernel has replaced rlab by the program.
///
/// That it did is seen by the socket's end of file: it was close-on-exec, and only a successful execve(2) closes such
/// descriptors in a process that lives on.
pub fn start(created: &Created) -> Result<(), Error> {
    let begun = Instant::now();
    trace::resume(Stage::Exec); // init has entered it
    let before = trace::enabled().then(|| probe::command(created.program)).flatten();
    let reader = sys::open_read_nonblock(&created.fifo).map_err(named)?;
    let _answered = sys::poll_readable(&[reader.as_fd(), created.pidfd.as_fd()], None);
    sys::unlink(&created.fifo).map_err(named)?;
    match receive(created.socket.as_fd()) {
        Some((FromInit::Failed(failure), _)) => {
            let _ended = sys::wait(created.pid, true);
            return Err(failure.into());
        }
        Some(_) => return Err(parent::died(created.pid)),
        None => {}
    }
    if trace::enabled() {
        let took = begun.elapsed();
        trace::witnessed(Stage::Exec, created.program, created.exec.clone(), took);
        if let (Some(before), Some(after)) = (before, probe::command(created.program)) {
            trace::change("command", "program in this process", before, after);
        }
        trace::note("process_is", || json!({"pid": created.program}));
        trace::leave(Stage::Exec, created.program, took);
    }
    Ok(())
}

fn named(error: sys::Error) -> Error {
    Error::Stage { stage: "exec".to_owned(), error }
}
