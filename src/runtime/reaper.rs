//! `--init`: a process 1 that does what process 1 is for.
//!
//! Orphans are given to process 1, and it has to wait for them, or they stay as zombies. And the kernel drops signals for
//! process 1 that it has no handler for. A program that was never written for that part gets another number with --init,
//! and this takes its place.
//!
//! Man: pid_namespaces(7), wait(2), prctl(2).

use super::stage::Outcome;
use crate::sys;
use std::os::fd::{AsFd, AsRawFd};

/// Comes back in the child, which goes on to become the program. The parent stays process 1 and never comes back.
pub fn fork() -> Outcome {
    let signals = sys::signals_by_descriptor().map_err(|errno| refused(errno as i32))?;
    match sys::fork()? {
        None => Ok(()),
        Some(pid) => {
            crate::trace::silence();
            // Nothing closes them by itself: this process never calls execve. Kept open, the socket would hide from the
            // parent outside that the program was started, the lock that its container is no longer looked after, and the
            // trace would be a file of the host's, in reach by /proc/1/fd.
            sys::close_all_but(&[signals.as_fd().as_raw_fd()])?;
            stay(pid, &signals)
        }
    }
}

fn refused(errno: i32) -> super::stage::Refusal {
    sys::Error::new(crate::trace::Call::new("signalfd4"), errno).into()
}

/// Waits for whoever ends, and passes signals on, until the program itself has ended. Then all the others die with us.
fn stay(program: i32, signals: &sys::SignalFd) -> ! {
    loop {
        while let Ok(Some((pid, ended))) = sys::wait(-1, false) {
            if pid == program {
                sys::exit_now(i32::from(ended.code()));
            }
        }
        let _interrupted = sys::poll_readable(&[signals.as_fd()], None);
        while let Ok(Some(signal)) = signals.read_signal() {
            let number = signal.ssi_signo as i32;
            // What the terminal sends (Ctrl-C) goes to everyone in its foreground: the program has it already.
            if number != sys::SIGCHLD && signal.ssi_code != sys::SI_KERNEL {
                let _gone = sys::kill(program, number);
            }
        }
    }
}
