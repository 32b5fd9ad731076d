//! What can keep a classroom image from being made.
use std::io;
use std::path::PathBuf;

use super::elf;
use crate::image::store;

pub type Result<T> = std::result::Result<T, Error>;

/// Kinds of failure.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The libraries of rlab's own binary could not be told.
    #[error(transparent)]
    Elf(#[from] elf::Error),
    /// The store did not take the image.
    #[error(transparent)]
    Store(#[from] store::Error),
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
    /// A program of Debian's package manager is not on this host.
    #[error("there is no `{program}` on this host to take packages with")]
    NoPackageManager {
        /// Which.
        program: &'static str,
    },
    /// A program is there but could not be started.
    #[error("cannot run {program}: {source}")]
    NotStarted {
        /// Which.
        program: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The package archive did not answer.
    #[error("apt could not {what}, because the package archive cannot be reached: {message}")]
    Unreachable {
        /// What was asked of apt.
        what: &'static str,
        /// Its own words.
        message: String,
    },
    /// apt refused.
    #[error("apt could not {what}: {message}")]
    Apt {
        /// What was asked of it.
        what: &'static str,
        /// Its own words.
        message: String,
    },
    /// A package file is not what the signed lists promise.
    #[error("package file {package} does not have the digest that the signed list gives")]
    Damaged {
        /// Its file.
        package: String,
    },
    /// A package file cannot be unpacked.
    #[error("cannot unpack package {package}: {message}")]
    Deb {
        /// Which.
        package: String,
        /// What is wrong with it.
        message: String,
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
            Self::NoPackageManager { .. } => Some(
                "this image is made of Debian or Ubuntu packages; `rlab run -it lab` works on every host".to_owned(),
            ),
            Self::Unreachable { .. } => {
                Some("check the network with `apt-get update`; `rlab run -it lab` needs no network".to_owned())
            }
            Self::Apt { .. } => {
                Some("`apt-cache policy nginx` shows what this host's package sources offer".to_owned())
            }
            Self::Damaged { .. } => Some("run it again: the damaged file is fetched anew".to_owned()),
            Self::Store(error) => error.hint(),
            _ => None,
        }
    }
}
