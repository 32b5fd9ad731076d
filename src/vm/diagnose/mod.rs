//! Why a machine did not come up, by what it said last.
//!
//! Three witnesses: QEMU's standard error and how it ended, when the computer could not be made; the guest kernel on its
//! serial console, when it could; and silence. Pure: what is read here was collected elsewhere, and all of it is foreign.

mod guest;
mod qemu;
#[cfg(test)]
mod tests;

pub use qemu::{complaint, complaint_or_status};

use crate::trace::Stage;

/// How QEMU's process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By itself, with this status.
    Status(i32),
    /// By a signal of this name, `SIGKILL`.
    Signal(String),
}

/// Why a machine came to nothing. Each stands for exit code 125: it is never the program's own failure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Diagnosis {
    /// QEMU could not read the kernel's file.
    #[error("QEMU could not read the kernel: {said}")]
    KernelUnreadable {
        /// QEMU's words.
        said: String,
    },
    /// The file is no kernel for this computer.
    #[error("the kernel's file is no Linux kernel that this machine could start: {said}")]
    NotAKernel {
        /// QEMU's words.
        said: String,
    },
    /// QEMU could not read the initramfs.
    #[error("QEMU could not read the initramfs: {said}")]
    InitramfsUnreadable {
        /// QEMU's words.
        said: String,
    },
    /// A disk's or another file could not be opened.
    #[error("QEMU could not open a file of the machine: {said}")]
    FileUnreadable {
        /// QEMU's words.
        said: String,
    },
    /// A port to be published is taken.
    #[error("port {port} of the host could not be listened on, as in {rule:?}")]
    PortTaken {
        /// The port.
        port: String,
        /// QEMU's rule.
        rule: String,
    },
    /// KVM was asked for, and refused.
    #[error("QEMU could not use KVM: {said}")]
    NoKvm {
        /// QEMU's words.
        said: String,
    },
    /// The accelerator is not in this QEMU.
    #[error("this QEMU was built without the accelerator {name:?}")]
    NoAccelerator {
        /// Its name.
        name: String,
    },
    /// The host could not give the guest's memory.
    #[error("the host has no {memory_mib} MiB of memory for the machine: {said}")]
    HostMemory {
        /// As much was asked for.
        memory_mib: u64,
        /// QEMU's words.
        said: String,
    },
    /// QEMU refused its command line, or a device.
    #[error("QEMU refused to make the machine: {said}")]
    Refused {
        /// QEMU's words.
        said: String,
    },
    /// The guest has too little memory.
    #[error("the machine has too little memory with {memory_mib} MiB: {said}")]
    TooLittleMemory {
        /// As much it had.
        memory_mib: u64,
        /// How it showed.
        said: String,
    },
    /// The initramfs was not one.
    #[error("the guest kernel could not unpack the initramfs: {said}")]
    BadInitramfs {
        /// The kernel's words.
        said: String,
    },
    /// The first program could not be run.
    #[error("the guest kernel found no first program to run: {said}")]
    NoInit {
        /// The kernel's words.
        said: String,
    },
    /// The first program ended, which is the end of a kernel.
    #[error("the guest's first program ended {how}, and a kernel can't go on without it{}", guest::told(before))]
    InitDied {
        /// `with status 3`, `by signal 11`.
        how: String,
        /// What the kernel said since it began.
        before: Vec<String>,
    },
    /// The guest kernel gave up for another reason.
    #[error("the guest kernel panicked: {said}{}", guest::told(before))]
    Panic {
        /// Its words.
        said: String,
        /// What it said before that.
        before: Vec<String>,
    },
    /// Someone ended QEMU.
    #[error("QEMU was ended by {signal}, while the machine was at {}", .reached.id())]
    Killed {
        /// The signal.
        signal: String,
        /// How far it was.
        reached: Stage,
    },
    /// The computer was reset before its kernel said a word.
    #[error("the machine reset itself before its kernel said a word: the kernel's file may be damaged")]
    ResetInSilence,
    /// Nothing came, and the time is over.
    #[error("the machine has run for the time it was given, and its kernel has not said a word")]
    Silent,
    /// It went so far and no farther.
    #[error("the machine got no farther than {}; the last that its kernel said is {last:?}", .reached.id())]
    Stuck {
        /// How far it was.
        reached: Stage,
        /// The last line on the console.
        last: String,
    },
    /// It ended of itself and too early.
    #[error("the machine switched itself off at {}; the last that its kernel said is {last:?}", .reached.id())]
    EndedEarly {
        /// How far it was.
        reached: Stage,
        /// The last line on the console.
        last: String,
    },
}

impl Diagnosis {
    /// What the user could do next.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::KernelUnreadable { .. } | Self::NotAKernel { .. } | Self::ResetInSilence => {
                "name another with --kernel: a bzImage for this processor, such as /boot/vmlinuz-RELEASE; without it, rlab \
                 looks for one"
                    .to_owned()
            }
            Self::InitramfsUnreadable { .. } | Self::BadInitramfs { .. } => {
                "rlab made this file: remove vm/initramfs below rlab's root, and it is made anew".to_owned()
            }
            Self::FileUnreadable { .. } => "look at the file: ls -l; is its disk full? df -h".to_owned(),
            Self::PortTaken { port, .. } => {
                format!("see who listens: ss -ltnp 'sport = :{port}'; or publish another port")
            }
            Self::NoKvm { .. } => "rlab doctor says what is with KVM here; --accel tcg does without".to_owned(),
            Self::NoAccelerator { .. } => {
                "qemu-system-x86_64 -accel help lists what it has; --accel tcg is in every QEMU".to_owned()
            }
            Self::HostMemory { .. } => "give the machine less with -m; free -m shows what there is".to_owned(),
            Self::Refused { .. } => {
                "--explain shows QEMU's whole command line; another QEMU may lack what rlab asks for, see rlab doctor"
                    .to_owned()
            }
            Self::TooLittleMemory { memory_mib, .. } => {
                format!("give it more: -m {}m", memory_mib.saturating_mul(2).max(256))
            }
            Self::NoInit { .. } => {
                "the kernel must be able to unpack an initramfs, and the initramfs be whole: try another with --kernel, or \
                 remove vm/initramfs below rlab's root"
                    .to_owned()
            }
            Self::InitDied { .. } | Self::Panic { .. } => {
                "try another kernel with --kernel; --explain shows the guest kernel's log".to_owned()
            }
            Self::Killed { signal, .. } if signal == "SIGKILL" => {
                "somebody killed it; if nobody did, the host ran out of memory: dmesg | grep -i 'killed process'".to_owned()
            }
            Self::Killed { signal, .. } if ["SIGTERM", "SIGINT", "SIGHUP"].contains(&signal.as_str()) => {
                "somebody ended it: run it again".to_owned()
            }
            Self::Killed { .. } => "QEMU itself broke: try another version, or --accel tcg".to_owned(),
            Self::Silent => {
                "is it a kernel for this processor? KVM may also hang with any: try --accel tcg, see rlab doctor".to_owned()
            }
            Self::EndedEarly { reached: Stage::GuestWait, .. } => {
                "some program in the guest asked its kernel for that; --explain shows the guest kernel's log".to_owned()
            }
            Self::Stuck { .. } | Self::EndedEarly { .. } => {
                "try --accel tcg, or another kernel with --kernel; --explain shows the guest kernel's log".to_owned()
            }
        };
        Some(hint)
    }
}

/// What has most likely happened. `ended` is nothing when QEMU still ran as the time was over.
pub fn diagnose(console: &str, qemu_stderr: &str, ended: Option<Ending>, memory_mib: u64, reached: Stage) -> Diagnosis {
    // The guest's own last words are the best witness: QEMU ends well when its guest has died.
    if let Some(found) = guest::last_words(console, memory_mib) {
        return found;
    }
    if let Some(Ending::Signal(signal)) = ended {
        return Diagnosis::Killed { signal, reached };
    }
    if let Some(signal) = qemu::told_signal(qemu_stderr) {
        return Diagnosis::Killed { signal, reached };
    }
    if let Some(Ending::Status(status)) = ended
        && status != 0
    {
        return qemu::refusal(qemu_stderr, status, memory_mib);
    }
    let last = guest::last_line(console);
    match (last, ended) {
        (None, Some(_)) if memory_mib < guest::SMALLEST_MIB => {
            let said = "the machine reset itself before its kernel said a word".to_owned();
            Diagnosis::TooLittleMemory { memory_mib, said }
        }
        (None, Some(_)) => Diagnosis::ResetInSilence,
        (None, None) => Diagnosis::Silent,
        (Some(last), None) => Diagnosis::Stuck { reached, last },
        (Some(last), Some(_)) => Diagnosis::EndedEarly { reached, last },
    }
}
