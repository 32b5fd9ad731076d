//! Why there is no disk for the machine.
use std::io;
use std::path::{Path, PathBuf};

use crate::sys;

/// Kinds of failure.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The tree of the image cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The disk cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A program that makes filesystems is not on this host.
    #[error("there is no `{program}` on this host to make the machine's disk with")]
    NoProgram {
        /// Which.
        program: &'static str,
    },
    /// It could not do it, in its own words.
    #[error("{program} could not make the machine's disk {}: {message}", path.display())]
    Refused {
        /// Which.
        program: &'static str,
        /// What it was to write.
        path: PathBuf,
        /// What it said.
        message: String,
    },
    /// It was ended, by Ctrl-C or for lack of memory.
    #[error("{program} was ended by {signal} before the machine's disk was made")]
    Ended {
        /// Which.
        program: &'static str,
        /// The signal's name.
        signal: String,
    },
    /// There is no room for it.
    #[error("there is no room for the machine's disk, {} MB, in {}", bytes.div_ceil(1_000_000), dir.display())]
    Full {
        /// How much it would take.
        bytes: u64,
        /// Where.
        dir: PathBuf,
    },
    /// More layers than a mount can be told of.
    #[error("the image's {layers} layers need {bytes} bytes of mount options, and a page has 4096")]
    TooManyLayers {
        /// How many.
        layers: usize,
        /// What they need.
        bytes: usize,
    },
    /// The kernel refused a call.
    #[error("{0}")]
    Call(#[from] sys::Error),
}

impl Error {
    pub(super) fn write(path: &Path, source: io::Error) -> Self {
        Self::Write { path: path.to_owned(), source }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoProgram { .. } => Some("`apt install e2fsprogs`".to_owned()),
            Self::Full { .. } => Some("`df -h` shows what is full; `--root` puts rlab's files elsewhere".to_owned()),
            Self::Write { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Some("`df -h` shows what is full; `--root` puts rlab's files elsewhere".to_owned())
            }
            Self::Refused { .. } => Some("`mke2fs -V` tells its version: 1.43 or newer copies a tree".to_owned()),
            Self::TooManyLayers { .. } => Some("an image of fewer layers can be made a disk".to_owned()),
            Self::Ended { .. } | Self::Read { .. } | Self::Write { .. } | Self::Call(_) => None,
        }
    }
}
