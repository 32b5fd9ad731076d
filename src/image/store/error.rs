//! What can go wrong with what lies on disk.

use std::io;
use std::path::Path;

use crate::image::digest::Digest;

/// Failures of the store, by kind.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The filesystem refused.
    #[error("{path}: {source}")]
    Io {
        /// Where.
        path: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// A blob that a manifest names is not here.
    #[error("blob {digest} is not in the store")]
    MissingBlob {
        /// Its name.
        digest: Digest,
    },
    /// A blob's bytes are not what its name says.
    #[error("blob {promised} has changed on disk: it is now {found}")]
    Corrupt {
        /// Its name.
        promised: Digest,
        /// What its bytes are.
        found: Digest,
    },
    /// The list of images cannot be read.
    #[error("{path}: {problem}")]
    BadRecords {
        /// Which file.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// An image's configuration cannot be read.
    #[error("the config {digest} cannot be read: {problem}")]
    BadConfig {
        /// Its name.
        digest: Digest,
        /// What is wrong with it.
        problem: String,
    },
    /// No image has that name or id.
    #[error("no image {0:?} here")]
    NoSuchImage(String),
    /// Several images have ids that begin so.
    #[error("several images have ids that begin with {0:?}")]
    Ambiguous(String),
    /// A container runs on the image.
    #[error("container {container} uses image {image}")]
    InUse {
        /// Which image.
        image: String,
        /// Which container.
        container: String,
    },
    /// An id with several names does not say which is meant.
    #[error("image {id} has several names: {}", names.join(", "))]
    SeveralNames {
        /// Which image.
        id: String,
        /// Its names.
        names: Vec<String>,
    },
    /// The config and the layers of an image to import do not belong together.
    #[error("the config names {config} layers, given are {given}, or their diffIDs differ")]
    ImportMismatch {
        /// Layers that the config names.
        config: usize,
        /// Layers that were given.
        given: usize,
    },
    /// A layer to import cannot be read.
    #[error("layer {number} cannot be imported: {source}")]
    ImportLayer {
        /// Which one, counted from 1.
        number: usize,
        /// Why not.
        source: crate::image::unpack::Error,
    },
}

impl Error {
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.display().to_string(), source }
    }

    /// What the user could do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied => {
                    Some("run it with sudo, or choose a store of your own with --root DIR".to_owned())
                }
                io::ErrorKind::StorageFull => Some("free some space: rlab image rm, or df -h to see where".to_owned()),
                io::ErrorKind::ReadOnlyFilesystem => {
                    Some("choose a store that can be written with --root DIR".to_owned())
                }
                _ => None,
            },
            Self::MissingBlob { .. } | Self::Corrupt { .. } => Some("pull the image again: rlab pull".to_owned()),
            Self::BadConfig { .. } => {
                Some("the image was built broken: try another tag, and tell whoever built it".to_owned())
            }
            Self::NoSuchImage(name) => Some(format!("rlab images lists what is here; rlab pull {name} fetches it")),
            Self::Ambiguous(_) => Some("give more digits of the id".to_owned()),
            Self::InUse { container, .. } => Some(format!("rlab rm {container} first, or --force")),
            Self::SeveralNames { .. } => Some("name one of them, or --force for all".to_owned()),
            Self::BadRecords { path, .. } => {
                Some(format!("move {path} away and pull again; the layers are still there"))
            }
            Self::ImportMismatch { .. } | Self::ImportLayer { .. } => None,
        }
    }
}
