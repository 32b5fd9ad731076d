//! Tries the kernel under KVM: no disk, no files, so that it must give up in a panic, which reboots at once, which ends QEMU.
//! A kernel that comes to its own end has run.

use super::super::boot_log::{parse_console, plain};
use super::super::diagnose::{complaint, complaint_or_status};
use super::Found;
use crate::sys::{self, Child, Ended, Program, SIGABRT, SIGKILL, poll_readable};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long is waited.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Until the kernel's first word.
    pub first_word: Duration,
    /// Until its end.
    pub whole: Duration,
}

/// Emulated, and on two busy processors, a kernel says its first word within some 1.1 s and comes to its end within 3.5; by
/// KVM it should be faster. What takes so much longer hangs, or is no faster than emulation.
pub const LIMITS: Limits = Limits { first_word: Duration::from_secs(3), whole: Duration::from_secs(10) };
/// How every kernel ends that has no disk and no files.
const GIVEN_UP: &[u8] = b"Kernel panic - not syncing";
/// How much is read of a guest that never stops talking.
pub const CONSOLE_BYTES: usize = 1 << 20;

/// What the machine is made of: least, and of the kind that is booted afterwards.
fn arguments(qemu: &Path, kernel: &Path) -> Vec<String> {
    let name = qemu.file_name().unwrap_or(qemu.as_os_str()).to_string_lossy().into_owned();
    // `earlyprintk`: without it the kernel keeps its first messages until the console is found, late in its boot.
    let parts = "-M q35 -accel kvm -cpu host -m 192 -nodefaults -no-user-config -display none -no-reboot -serial stdio";
    let mut arguments = vec![name];
    arguments.extend(parts.split(' ').map(str::to_owned));
    arguments.extend(["-kernel".to_owned(), kernel.to_string_lossy().into_owned()]);
    arguments.extend(["-append".to_owned(), "console=ttyS0 earlyprintk=ttyS0 panic=-1".to_owned()]);
    arguments
}

/// Runs it. The inner error is QEMU's own refusal, in its words.
pub fn run(qemu: &Path, kernel: &Path, limits: Limits) -> Result<Result<Found, String>, sys::Error> {
    let begun = Instant::now();
    let child = sys::spawn(&Program {
        path: qemu,
        args: arguments(qemu, kernel),
        env: vec![],
        stays: false,
        dies_with_us: true,
        keeps: &[],
    })?;
    let mut heard = Heard::default();
    let ended_in_time = heard.listen(&child, begun, limits);
    if !ended_in_time && let Ok(pidfd) = sys::pidfd_open(child.pid) {
        let _ended_by_itself = sys::pidfd_send_signal(pidfd.as_fd(), child.pid, SIGKILL);
    }
    let ended = sys::wait(child.pid, true)?.map(|(_, ended)| ended);
    let took = begun.elapsed();
    Ok(heard.judged(ended_in_time.then_some(ended).flatten(), took))
}

/// What came from QEMU.
#[derive(Default)]
pub struct Heard {
    pub(super) console: Vec<u8>,
    errors: Vec<u8>,
    /// Whether the kernel has spoken: firmware and the boot loader's part of the kernel's file speak on the same line, but
    /// only the kernel tells the time.
    kernel_spoke: bool,
    /// How much of the console has been looked at for that.
    looked_at: usize,
}

impl Heard {
    /// Until QEMU closes its streams, which it does when it ends, or the time is over.
    fn listen(&mut self, child: &Child, begun: Instant, limits: Limits) -> bool {
        let mut open = vec![&child.stdout];
        open.extend(child.stderr.as_ref());
        while !open.is_empty() {
            let limit = if self.kernel_spoke { limits.whole } else { limits.first_word };
            let Some(left) = limit.checked_sub(begun.elapsed()) else { return false };
            let wait_ms = u16::try_from(left.as_millis()).unwrap_or(u16::MAX).max(1);
            let streams: Vec<_> = open.iter().map(|stream| stream.as_fd()).collect();
            let ready = poll_readable(&streams, Some(wait_ms)).unwrap_or_default();
            let ready: Vec<_> = open.iter().zip(ready).filter(|(_, ready)| *ready).map(|(stream, _)| *stream).collect();
            for stream in ready {
                let mut buffer = [0; 4096];
                let length = sys::read(stream, &mut buffer).unwrap_or(0);
                if length == 0 {
                    open.retain(|one| !std::ptr::eq(*one, stream));
                }
                self.take(&buffer[..length], std::ptr::eq(stream, &raw const child.stdout));
            }
        }
        true
    }

    /// What one of its streams brought.
    pub fn take(&mut self, bytes: &[u8], is_console: bool) {
        let into = if is_console { &mut self.console } else { &mut self.errors };
        into.extend_from_slice(&bytes[..bytes.len().min(CONSOLE_BYTES.saturating_sub(into.len()))]);
        let new = &self.console[self.looked_at..];
        if let Some(end) = new.iter().rposition(|byte| *byte == b'\n').filter(|_| !self.kernel_spoke) {
            self.kernel_spoke = !parse_console(&String::from_utf8_lossy(&new[..=end])).is_empty();
            self.looked_at += end + 1;
        }
    }

    fn has_given_up(&self) -> bool {
        self.console.windows(GIVEN_UP.len()).any(|words| words == GIVEN_UP)
    }

    /// What it means, by how QEMU ended, or that it did not.
    pub fn judged(&self, ended: Option<Ended>, took: Duration) -> Result<Found, String> {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let stderr = String::from_utf8_lossy(&self.errors);
        match ended {
            Some(Ended::Exited(0)) if self.kernel_spoke && self.has_given_up() => {
                Ok(Found::Runs { took_ms: millis(took) })
            }
            // Ctrl-C is for QEMU as well, and ends it in the same way: that says nothing of the kernel.
            Some(Ended::Exited(0)) if self.kernel_spoke => Err("the machine ended before its kernel".to_owned()),
            Some(Ended::Exited(0)) => Err("the machine reset itself before its kernel said a word".to_owned()),
            Some(Ended::Exited(status)) => Err(complaint_or_status(&stderr, status)),
            // abort(3), after an assertion of QEMU's own: it will end in the same way on this boot each time.
            Some(Ended::Signalled(SIGABRT)) => {
                Ok(Found::Aborts { said: complaint(&stderr).unwrap_or_else(|| "it said nothing".to_owned()) })
            }
            Some(Ended::Signalled(signal)) => Err(format!("it was ended by {}", sys::signal_name(signal))),
            None => {
                let text = String::from_utf8_lossy(&self.console);
                let last = text.lines().map(plain).rfind(|line| !line.trim().is_empty());
                Ok(Found::Hangs { waited_ms: millis(took), last })
            }
        }
    }
}
