//! What can be wrong with a profile. A profile that cannot be kept exactly is refused: a weaker filter than asked for
//! would be a silent hole.

use oci_spec::runtime::LinuxSeccompAction;

use super::bpf::MAX_INSTRUCTIONS;

/// Why there is no filter.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes are not JSON of Docker's profile format.
    #[error("seccomp profile: {0}")]
    Json(#[from] serde_json::Error),
    /// Without it nothing says what happens to a syscall that no rule names.
    #[error("seccomp profile: no defaultAction")]
    NoDefaultAction,
    /// Docker's format takes one or the other.
    #[error("seccomp profile: both architectures and archMap")]
    ArchitecturesTwice,
    /// Not one of libseccomp's names.
    #[error("seccomp profile: unknown architecture {0}")]
    UnknownArchitecture(String),
    /// Docker's format takes `names`, or the older `name`.
    #[error("seccomp profile: a rule with both name and names ({0})")]
    NamesTwice(String),
    /// `includes.minKernel` or `excludes.minKernel` is not `major.minor`.
    #[error("seccomp profile: minKernel {0:?} is not major.minor")]
    MinKernel(String),
    /// A syscall has six arguments.
    #[error("seccomp rule for {syscall}: argument index {index} is above 5")]
    ArgumentIndex {
        /// The first name of the rule.
        syscall: String,
        /// The index asked for.
        index: usize,
    },
    /// Only `SCMP_ACT_ERRNO` and `SCMP_ACT_TRACE` carry a number.
    #[error("seccomp action {action} takes no errnoRet")]
    ErrnoNotTaken {
        /// The action.
        action: LinuxSeccompAction,
    },
    /// A verdict has 16 bits for it.
    #[error("seccomp errnoRet {0} does not fit 16 bits")]
    ErrnoRange(u32),
    /// The runtime itself would wait for the agent that it has not reached yet.
    #[error("SCMP_ACT_NOTIFY cannot be {0}")]
    NotifyDeadlock(&'static str),
    /// The kernel would refuse it with `EINVAL`.
    #[error("seccomp program of {0} instructions, the kernel takes {MAX_INSTRUCTIONS}")]
    TooLong(usize),
}

impl Error {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Json(_) => {
                "a profile is JSON as in Docker's documentation; start from a copy of the default and edit it"
            }
            Self::NoDefaultAction => {
                "add \"defaultAction\", or say --security-opt seccomp=unconfined for no filter at all"
            }
            Self::ArchitecturesTwice => "keep archMap: it also lists the sub-architectures",
            Self::UnknownArchitecture(_) => "architectures are spelt as in SCMP_ARCH_X86_64",
            Self::NamesTwice(_) => "move the name into names",
            Self::MinKernel(_) => "write it as in \"4.8\"",
            Self::ArgumentIndex { .. } => "arguments count from 0 to 5",
            Self::ErrnoNotTaken { .. } => "remove errnoRet, or use SCMP_ACT_ERRNO",
            Self::ErrnoRange(_) => "errnos end at 4095",
            Self::NotifyDeadlock(_) => {
                "name other syscalls: the runtime needs these itself to hand the agent its descriptor"
            }
            Self::TooLong(_) => {
                "merge rules: a list of names with the same action is cheap, a list of argument values is not"
            }
        };
        Some(hint.to_owned())
    }
}
