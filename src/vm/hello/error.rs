//! Why the machine said nothing.

use crate::sys::kvm::Exit;
use crate::sys::{self, Errno};
use std::path::PathBuf;
use std::time::Duration;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no hypervisor to ask.
    #[error("this kernel offers no virtual machines: {0}")]
    NoKvm(sys::Error),
    /// It is there, but not for this user.
    #[error("user {user} may not make virtual machines: {0}", user = sys::geteuid())]
    NotAllowed(sys::Error),
    /// Another hypervisor has the processor.
    #[error("the processor's guest mode is taken: {0}")]
    Busy(sys::Error),
    /// Something else goes by its name.
    #[error("what is named /dev/kvm is not KVM: {0}")]
    NotKvm(sys::Error),
    /// Another refusal.
    #[error("{0}")]
    Refused(sys::Error),
    /// An interface that nobody has seen yet.
    #[error("this KVM speaks version {0} of its interface, and rlab only {version}", version = sys::kvm::API_VERSION)]
    Version(i32),
    /// A program for another processor.
    #[cfg_attr(target_arch = "x86_64", expect(dead_code, reason = "this processor has a program"))]
    #[error("the guest's program is for x86_64, and this processor is {0}")]
    Processor(&'static str),
    /// The guest came out with something else.
    #[error("the guest did not do what its program says: {0:?}")]
    Exit(Exit),
    /// The guest did not come out.
    #[error("the guest said nothing more for {} s, and was ended", .0.as_secs())]
    TimeLimit(Duration),
    /// The story could not be written down.
    #[error("{path}: {error}")]
    Trace {
        /// The file.
        path: PathBuf,
        /// What happened.
        error: std::io::Error,
    },
}

impl From<sys::Error> for Error {
    fn from(error: sys::Error) -> Error {
        let opens = error.call.name == "openat";
        let asks = |op: &str| error.call.args.get("op").is_some_and(|asked| asked == op);
        match Errno::from_raw(error.errno) {
            Errno::ENOENT | Errno::ENODEV | Errno::ENXIO if opens => Error::NoKvm(error),
            Errno::EACCES | Errno::EPERM if opens => Error::NotAllowed(error),
            Errno::EBUSY => Error::Busy(error),
            Errno::ENOTTY | Errno::EINVAL if asks("KVM_GET_API_VERSION") => Error::NotKvm(error),
            _ => Error::Refused(error),
        }
    }
}

/// What every one of these ends with.
const WITHOUT: &str = "`rlab vm run` needs no KVM: without it, the machine is emulated";

impl Error {
    /// The next step.
    pub fn hint(&self) -> Option<String> {
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let step = match self {
            Error::NoKvm(_) => no_kvm(&cpuinfo),
            Error::NotAllowed(_) => "sudo usermod -aG kvm $USER, and log in again; or sudo rlab vm hello",
            Error::Busy(_) => "end the other hypervisor, VirtualBox or VMware say: lsmod | grep -e vbox -e vmmon",
            Error::NotKvm(_) => "ls -l /dev/kvm: KVM is character device 10, 232",
            Error::Refused(_) | Error::Exit(_) | Error::TimeLimit(_) => {
                "dmesg | grep -i kvm; in a virtual machine, the KVM below may not carry another one: rlab doctor"
            }
            Error::Version(_) | Error::Processor(_) | Error::Trace { .. } => return None,
        };
        Some(format!("{step}. {WITHOUT}"))
    }
}

/// By what the processor says that it can do, in the `flags` of /proc/cpuinfo.
fn no_kvm(cpuinfo: &str) -> &'static str {
    let can = |flag: &str| cpuinfo.split_whitespace().any(|word| word == flag);
    if can("vmx") {
        "sudo modprobe kvm_intel: the processor has a guest mode (vmx in /proc/cpuinfo)"
    } else if can("svm") {
        "sudo modprobe kvm_amd: the processor has a guest mode (svm in /proc/cpuinfo)"
    } else {
        "the processor shows no guest mode (neither vmx nor svm in /proc/cpuinfo): switch virtualisation on in the \
         firmware; in a virtual machine, let its hypervisor nest"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Call;

    fn refused(call: Call, errno: Errno) -> Error {
        sys::Error::new(call, errno as i32).into()
    }

    #[test]
    fn a_refusal_is_told_by_what_it_means() {
        let open = || Call::new("openat").path("pathname", "/dev/kvm");
        let ask = |op: &str| Call::new("ioctl").arg("op", op);
        let cases: [(Error, &str, &str); 6] = [
            (refused(open(), Errno::ENOENT), "offers no virtual machines", "/proc/cpuinfo"),
            (refused(open(), Errno::EACCES), "may not make", "usermod -aG kvm"),
            (refused(ask("KVM_CREATE_VM"), Errno::EBUSY), "is taken", "lsmod"),
            (refused(ask("KVM_GET_API_VERSION"), Errno::ENOTTY), "is not KVM", "10, 232"),
            (refused(ask("KVM_CREATE_VM"), Errno::ENOMEM), "ENOMEM", "dmesg"),
            (Error::Exit(Exit::Other("Shutdown".to_owned())), "Shutdown", "dmesg"),
        ];
        for (error, what, step) in cases {
            let hint = error.hint().unwrap_or_default();
            assert!(error.to_string().contains(what) && hint.contains(step), "{error}\n{hint}");
            assert!(hint.ends_with(WITHOUT), "{hint}");
        }
    }

    #[test]
    fn the_module_that_the_processor_needs_is_named() {
        assert!(no_kvm("flags\t: fpu vmx sse").contains("kvm_intel"));
        assert!(no_kvm("flags\t: fpu svm").contains("kvm_amd"));
        assert!(no_kvm("flags\t: fpu svm_lock").contains("neither"));
    }
}
