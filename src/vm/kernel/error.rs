//! Why there is no kernel for the machine.
use std::io;
use std::path::PathBuf;

use crate::image::classroom;

/// Kinds of failure.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file of rlab's own cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is something else.
    #[error("{} is no kernel that a machine can start: it is {what}", path.display())]
    NotAKernel {
        /// Which file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// The file is a kernel of another kind of machine.
    #[error("{} is a kernel or program for {machine}, and the machine is an x86-64", path.display())]
    Machine {
        /// Which file.
        path: PathBuf,
        /// What it is for.
        machine: &'static str,
    },
    /// The file does not say which release it is.
    #[error("{} does not say its release, by which its drivers would be found", path.display())]
    Unnamed {
        /// Which file.
        path: PathBuf,
    },
    /// The distribution's kernel could not be had.
    #[error("there is no kernel on this host to start a machine with, and none can be fetched: {0}")]
    Fetch(#[from] classroom::Error),
    /// The packages have no kernel in them.
    #[error("there is no kernel in the packages {packages}")]
    NoneInside {
        /// What was unpacked.
        packages: String,
    },
}

impl Error {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotAKernel { .. } | Self::Machine { .. } | Self::Unnamed { .. } => Some(
                "name a bzImage for x86-64, such as /boot/vmlinuz-* of a PC, or leave `--kernel` out and rlab finds one"
                    .to_owned(),
            ),
            Self::Read { .. } => Some("`--kernel FILE` names a kernel that you may read".to_owned()),
            Self::Fetch(classroom::Error::Unreachable { .. }) => Some(
                "check the network with `apt-get update`, or name a kernel that is here by `--kernel FILE`; once fetched it \
                 is kept"
                    .to_owned(),
            ),
            Self::Fetch(_) | Self::NoneInside { .. } => {
                Some("name a kernel by `--kernel FILE`, with its modules in ../lib/modules next to it".to_owned())
            }
            Self::Write { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Some("`df -h` shows what is full; `--root` puts rlab's files elsewhere".to_owned())
            }
            Self::Write { .. } => None,
        }
    }
}
