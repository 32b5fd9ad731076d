//! `delete`: what the runtime made is taken away, by its own record.

use super::error::Error;
use super::state::RuntimeState;
use crate::sys;
use std::os::fd::AsFd;
use std::path::Path;

/// Ends what still runs in the container recorded in `dir` and removes its control groups. Nothing recorded is no error.
pub fn delete(dir: &Path) -> Result<(), Error> {
    let Some(state) = RuntimeState::load(dir) else { return Ok(()) };
    if let Some((pid, started)) = state.process {
        kill(pid, started);
    }
    if let Some(group) = &state.cgroup {
        // With a PID namespace of its own, everything died with process 1. Without, the group knows who is left.
        group.kill_all()?;
        group.remove()?;
    }
    Ok(())
}

/// The number alone may belong to someone else by now: only with the start time is it the process that we made. The
/// descriptor is opened first, so that what is compared is what is signalled.
fn kill(pid: i32, started: u64) {
    let Ok(pidfd) = sys::pidfd_open(pid) else { return };
    if sys::start_ticks(pid) != Some(started) {
        return;
    }
    // An init that gave up has ended already, and only waits to be collected.
    if let Ok(Some(_)) = sys::wait(pid, false) {
        return;
    }
    let _gone = sys::pidfd_send_signal(pidfd.as_fd(), pid, sys::SIGKILL);
    let _ended = sys::poll_readable(&[pidfd.as_fd()], Some(5000));
    let _waited = sys::wait(pid, false);
}
