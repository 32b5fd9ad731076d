//! How long a guest may run. KVM_RUN comes back when the guest does something, and a guest need not; but it comes back for
//! a signal as well.

use crate::sys::{Error, Result};
use crate::trace::Call;
use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use std::time::{Duration, Instant};

/// After the limit the signal comes again and again: the first may come just before the call that it is to end.
const AGAIN: Duration = Duration::from_millis(100);

/// A timer whose signal ends the calls of this process, from the limit on, until this value is dropped.
pub struct TimeLimit {
    until: Instant,
    before: SigAction,
}

impl TimeLimit {
    /// setitimer(2) and sigaction(2) for SIGALRM.
    pub fn start(limit: Duration) -> Result<TimeLimit> {
        // Without SA_RESTART: the call is to come back with EINTR.
        let woken = SigAction::new(SigHandler::Handler(wake), SaFlags::empty(), SigSet::empty());
        let refused = |errno: Errno| Error::new(Call::new("rt_sigaction").arg("signum", "SIGALRM"), errno as i32);
        // SAFETY: the handler does nothing, which is safe at any point of the program.
        let before = unsafe { sigaction(Signal::SIGALRM, &woken) }.map_err(refused)?;
        let made = TimeLimit { until: Instant::now() + limit, before };
        set(limit, AGAIN).map_err(|errno| Error::new(Call::new("setitimer"), errno as i32))?;
        Ok(made)
    }

    /// Whether the time is over.
    pub fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }
}

impl Drop for TimeLimit {
    fn drop(&mut self) {
        let _no_such_timer = set(Duration::ZERO, Duration::ZERO);
        // SAFETY: what was there before is put back.
        let _no_such_signal = unsafe { sigaction(Signal::SIGALRM, &self.before) };
    }
}

extern "C" fn wake(_signal: i32) {}

fn set(first: Duration, again: Duration) -> nix::Result<()> {
    let time = |span: Duration| libc::timeval {
        tv_sec: span.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_usec: span.subsec_micros().into(),
    };
    let timer = libc::itimerval { it_interval: time(again), it_value: time(first) };
    // SAFETY: the kernel reads one structure that lives across the call; the old one is not asked for.
    Errno::result(unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut()) }).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::attempt::{Refused, attempt};
    use crate::sys::kvm::{Kvm, Memory};
    use std::num::NonZeroUsize;

    /// In a process of its own: a timer's signal goes to any thread that is there.
    fn in_a_child(body: impl FnOnce() -> std::result::Result<String, Refused>) -> std::result::Result<String, Refused> {
        attempt(30_000, body)
    }

    #[test]
    fn a_call_that_waits_comes_back() {
        let found = in_a_child(|| {
            let limit = TimeLimit::start(Duration::from_millis(500))?;
            let early = limit.is_over();
            let waited = nix::poll::poll(&mut [], nix::poll::PollTimeout::NONE);
            Ok(format!("{early} {waited:?} {}", limit.is_over()))
        });
        assert_eq!(found, Ok("false Err(EINTR) true".to_owned()));
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn a_guest_that_never_exits_is_ended() {
        let found = in_a_child(|| {
            let mut memory = Memory::map(NonZeroUsize::MIN.saturating_add(4095), 0x1000)?;
            memory.write(&[0xeb, 0xfe]); // jmp $
            let mut vcpu = Kvm::open()?.create_vm()?.set_user_memory_region(memory)?.create_vcpu()?;
            let mut segments = vcpu.get_sregs()?;
            (segments.cs.base, segments.cs.selector) = (0, 0);
            vcpu.set_sregs(&segments)?;
            let mut registers = vcpu.get_regs()?;
            registers.rip = 0x1000;
            vcpu.set_regs(&registers)?;
            let limit = TimeLimit::start(Duration::from_millis(10))?;
            let ran = vcpu.run().map_err(|error| error.errno);
            Ok(format!("{ran:?} {}", limit.is_over()))
        });
        match found {
            Err(refused) if refused.errno.is_some() => crate::skip::aloud(refused),
            found => assert_eq!(found, Ok(format!("Err({}) true", Errno::EINTR as i32))),
        }
    }
}
