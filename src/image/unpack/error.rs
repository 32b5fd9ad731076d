//! Why a layer could not be unpacked.

use std::io;

use super::parents::display;
use crate::image::digest::Digest;

/// What is being done when a file gets its owner.
pub(super) const OWNER: &str = "set the owner";

/// Failures of unpacking, by kind.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The archive's structure is broken.
    #[error("the archive is broken at byte {offset}: {problem}")]
    BadArchive {
        /// Where in the unpacked stream.
        offset: u64,
        /// What is wrong there.
        problem: &'static str,
    },
    /// A failure that is not about an entry, with the entry it came at: who looks for the cause has a place to begin.
    #[error("{place} entry {entry:?}: {source}")]
    Near {
        /// `at`, or `after` when it came before the next entry could be read.
        place: &'static str,
        /// The name as archived.
        entry: String,
        /// What went wrong there.
        source: Box<Error>,
    },
    /// An entry whose name leads out of the layer.
    #[error("entry {entry:?} has a name that leads out of the layer")]
    UnsafeName {
        /// The name as archived.
        entry: String,
    },
    /// A whiteout that hides nothing nameable.
    #[error("entry {entry:?} is a whiteout without a name to hide")]
    BadWhiteout {
        /// The name as archived.
        entry: String,
    },
    /// A kind of entry that no image has a use for.
    #[error("entry {entry:?} is of the unknown kind {typeflag:?}")]
    UnsupportedEntry {
        /// The name as archived.
        entry: String,
        /// The archive's letter for the kind.
        typeflag: char,
    },
    /// A hard link to something that is not in this layer.
    #[error("entry {entry:?} is a hard link to {target:?}, which this layer does not have")]
    LinkTarget {
        /// The name as archived.
        entry: String,
        /// The name it links to.
        target: String,
    },
    /// The filesystem refused an entry.
    #[error("entry {entry:?}: cannot {action}: {source}")]
    Entry {
        /// The name as archived.
        entry: String,
        /// What was being done.
        action: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// Reading or decompressing the layer failed.
    #[error("cannot read the layer: {0}")]
    Read(#[source] io::Error),
    /// A compression rlab has no decoder for.
    #[error("the layer is compressed with {0}, which rlab cannot read")]
    UnsupportedCompression(&'static str),
    /// More data than allowed.
    #[error("the layer unpacks to more than {limit_bytes} bytes")]
    TooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// A few bytes that unpack to very many.
    #[error("the layer unpacks to more than {limit} times its size")]
    Ratio {
        /// The limit.
        limit: u64,
    },
    /// More files than allowed.
    #[error("the layer has more than {limit} entries")]
    TooManyEntries {
        /// The limit.
        limit: u64,
    },
    /// What came out is not what the config promised.
    #[error("the layer unpacks to {found}, but the config promised {promised}")]
    DiffId {
        /// The diffID of the config.
        promised: Digest,
        /// The digest of what came out.
        found: Digest,
    },
    /// Devices and foreign owners need root.
    #[error("only root can unpack a layer: its files belong to several users")]
    NotRoot,
    /// A directory of the store could not be used.
    #[error("{path}: {source}")]
    Store {
        /// Which one.
        path: String,
        /// What the kernel said.
        source: io::Error,
    },
}

impl Error {
    /// Adds the entry it came at, unless it names one already.
    pub(super) fn at(self, path: &[u8]) -> Self {
        self.near("at", path)
    }

    /// Adds the last entry that could be read.
    pub(super) fn after(self, path: &[u8]) -> Self {
        self.near("after", path)
    }

    fn near(self, place: &'static str, path: &[u8]) -> Self {
        match self {
            Self::BadArchive { .. } | Self::Read(_) | Self::TooManyEntries { .. } => {
                Self::Near { place, entry: display(path), source: Box::new(self) }
            }
            other => other,
        }
    }

    /// Puts the cause in place of its consequence: only the meter knows why reading ended.
    pub(super) fn caused_by(self, cause: Self) -> Self {
        match self {
            Self::Near { place, entry, .. } => Self::Near { place, entry, source: Box::new(cause) },
            _ => cause,
        }
    }

    /// Whether it is the layer that is wrong, and not this host: trying again would end here again.
    pub fn blames_the_layer(&self) -> bool {
        match self {
            Self::Near { source, .. } => source.blames_the_layer(),
            Self::Entry { source, .. } => source.kind() != io::ErrorKind::StorageFull && !self.lacks_the_owner(),
            Self::NotRoot | Self::Store { .. } => false,
            _ => true,
        }
    }

    /// Whether there is no such owner: in a user namespace without a number for it, chown(2) says EINVAL.
    fn lacks_the_owner(&self) -> bool {
        matches!(self, Self::Entry { action: OWNER, source, .. } if source.kind() == io::ErrorKind::InvalidInput)
    }

    /// What the user could do next.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            _ if self.lacks_the_owner() => {
                "rlab is in a user namespace that has no number for that owner, see cat /proc/self/uid_map: run it outside"
            }
            Self::Near { source, .. } => return source.hint(),
            Self::TooLarge { .. } | Self::Ratio { .. } | Self::TooManyEntries { .. } => {
                "if you trust the image, raise the limits under [unpack] in /etc/rlab/config.toml"
            }
            Self::NotRoot => "run the command with sudo",
            Self::Entry { source, .. } | Self::Store { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                "free some space: rlab image rm, or df -h to see where"
            }
            Self::Entry { source, .. } | Self::Store { source, .. } if source.kind() == io::ErrorKind::Unsupported => {
                "the disk under the store lacks a feature; try another with --root DIR"
            }
            Self::Store { .. } => return None,
            Self::DiffId { .. } | Self::Read(_) | Self::BadArchive { .. } => {
                "rlab pull compares what is here with what the registry promised; if this stays, the image was built \
                 broken: try another tag, and tell whoever built it"
            }
            Self::UnsupportedCompression(_) => "ask whoever built the image for layers in gzip or zstd",
            Self::UnsafeName { .. } | Self::BadWhiteout { .. } => {
                "no honest tool writes such a layer: do not use the image, and tell whoever built it"
            }
            Self::UnsupportedEntry { .. } | Self::LinkTarget { .. } | Self::Entry { .. } => {
                "the image was built broken: try another tag, and tell whoever built it"
            }
        };
        Some(hint.to_owned())
    }
}
