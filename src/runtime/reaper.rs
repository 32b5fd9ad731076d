//! `--init`: a process 1 that does what process 1 is for.
//!
//! Orphans are given to process 1, and it has to wait for them, or they stay as zombies. And the kernel drops signals for
//! process 1 that it has no handler for. A program that was never written for that part gets another number with --init,
//! and this takes its place.
//!
//! Man: pid_namespaces(7), wait(2), prctl(2).

use super::stage::Outcome;
use crate::sys;
use std::os::fd::BorrowedFd;

/// Comes back in the child, which goes on to become the program. The parent stays process 1 and never comes back.
pub fn fork(socket: BorrowedFd<'_>) -> Outcome {
    let signals = sys::signals_by_descriptor().map_err(|errno| refused(errno as i32))?;
    match sys::clone3(0, "")? {
        sys::Cloned::Child => Ok(()),
        sys::Cloned::Parent { pid, pidfd } => {
            drop(pidfd);
            // Our copy of the socket would keep it open after the child's execve, and the parent outside would wait for
            // an end of file that never comes.
            let _not_kept = sys::close(socket);
            stay(pid, &signals)
        }
    }
}

fn refused(errno: i32) -> super::stage::Refusal {
    sys::Error::new(crate::trace::Call::new("signalfd4"), errno).into()
}

/// Waits for whoever ends, and passes signals on, until the program itself has ended. Then all the others die with us.
fn stay(program: i32, signals: &sys::SignalFd) -> ! {
    crate::trace::silence();
    loop {
        while let Ok(Some((pid, ended))) = sys::wait(-1, false) {
            if pid == program {
                sys::exit_now(i32::from(ended.code()));
            }
        }
        let _interrupted = sys::poll_readable(&[std::os::fd::AsFd::as_fd(signals)], None);
        while let Ok(Some(signal)) = signals.read_signal() {
            let number = signal.ssi_signo as i32;
            if number != sys::SIGCHLD {
                let _gone = sys::kill(program, number);
            }
        }
    }
}
