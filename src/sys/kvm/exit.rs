//! Why a processor came back from its guest.

use crate::sys::Returned;

/// Why a processor came back from its guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// KVM_EXIT_IO: it wrote to a port.
    Out {
        /// Which port.
        port: u16,
        /// What it wrote.
        bytes: Vec<u8>,
    },
    /// KVM_EXIT_HLT: it has nothing to do until an interrupt comes.
    Halt,
    /// Anything else, in kvm-ioctls' words.
    Other(String),
}

impl Exit {
    /// The name that the kernel's documentation has for it.
    pub fn name(&self) -> &str {
        match self {
            Exit::Out { .. } => "KVM_EXIT_IO",
            Exit::Halt => "KVM_EXIT_HLT",
            Exit::Other(what) => what,
        }
    }
}

impl Returned for Exit {
    fn number(&self) -> i64 {
        0
    }
}
