//! Why a layer could not be unpacked.

use std::io;

use crate::image::digest::Digest;

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
    /// What the user could do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::TooLarge { .. } | Self::Ratio { .. } | Self::TooManyEntries { .. } => {
                Some("if you trust the image, raise the limits under [unpack] in /etc/rlab/config.toml".to_owned())
            }
            Self::NotRoot => Some("run the command with sudo".to_owned()),
            Self::Entry { source, .. } | Self::Store { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull => Some("free some space: rlab image rm, or df -h to see where".to_owned()),
                io::ErrorKind::Unsupported => {
                    Some("the disk under the store lacks a feature; try another with --root DIR".to_owned())
                }
                _ => None,
            },
            Self::DiffId { .. } | Self::Read(_) | Self::BadArchive { .. } => {
                Some("remove the image with rlab image rm and pull it again".to_owned())
            }
            _ => None,
        }
    }
}
