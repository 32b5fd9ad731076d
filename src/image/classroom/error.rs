//! What can keep a classroom image from being made.
use std::io;
use std::path::PathBuf;

use super::elf;

pub type Result<T> = std::result::Result<T, Error>;

/// Kinds of failure.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The libraries of rlab's own binary could not be told.
    #[error(transparent)]
    Elf(#[from] elf::Error),
    /// A file that goes into a layer cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A layer cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Error {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Elf(elf::Error::Missing { soname, .. }) => {
                Some(format!("`ldconfig -p | grep {soname}` shows whether this host has it"))
            }
            Self::Write { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Some("`df -h` shows what is full; `--root` puts the store elsewhere".to_owned())
            }
            _ => None,
        }
    }
}
