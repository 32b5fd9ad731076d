//! Failures on the way from a name to unpacked layers.

use super::digest::Digest;
use super::{reference, registry, store, unpack};

/// Failures of taking in an image, by the part that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The name is none.
    #[error(transparent)]
    Reference(#[from] reference::Error),
    /// The registry did not give it.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// The registry did not give it, and neither did those that were asked before.
    #[error("{source}; before that, {}", told(passed_over))]
    PassedOver {
        /// The last one's answer.
        source: registry::Error,
        /// Hosts that were asked before, and what each said.
        passed_over: Vec<(String, String)>,
    },
    /// The store could not keep it.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A layer could not be unpacked.
    #[error("layer {digest}: {source}")]
    Unpack {
        /// The layer's blob.
        digest: Digest,
        /// Why not.
        source: unpack::Error,
    },
    /// Manifest and config disagree about how many layers there are.
    #[error("the manifest names {layers} layers, the config promises {diff_ids}")]
    LayerCount {
        /// Layers of the manifest.
        layers: usize,
        /// diffIDs of the config.
        diff_ids: usize,
    },
    /// A layer of a kind rlab does not know.
    #[error("layer {digest} is of the unknown kind {media_type:?}")]
    UnknownLayer {
        /// The layer's blob.
        digest: Digest,
        /// Its media type.
        media_type: String,
    },
    /// The image is for another machine than the one asked for.
    #[error("the image is for {found}, not for {wanted}")]
    WrongPlatform {
        /// The platform asked for.
        wanted: String,
        /// The platform of the config.
        found: String,
    },
}

impl Error {
    /// Whether no registry answered at all, the one case in which a classroom image may stand in.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Registry(error) | Self::PassedOver { source: error, .. } if error.is_unreachable())
    }

    /// Whether it is the image that is wrong: what has been fetched of it is of no use to another attempt.
    pub fn refuses_the_image(&self) -> bool {
        match self {
            Self::Unpack { source, .. } => source.blames_the_layer(),
            Self::Registry(error) => {
                matches!(error, registry::Error::DigestMismatch { .. } | registry::Error::SizeMismatch { .. })
            }
            Self::Store(error) => matches!(error, store::Error::BadConfig { .. }),
            Self::LayerCount { .. } | Self::UnknownLayer { .. } | Self::WrongPlatform { .. } => true,
            Self::PassedOver { source, .. } => {
                matches!(source, registry::Error::DigestMismatch { .. } | registry::Error::SizeMismatch { .. })
            }
            Self::Reference(_) => false,
        }
    }

    /// What the user could do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Reference(error) => error.hint(),
            Self::Registry(error) | Self::PassedOver { source: error, .. } => error.hint(),
            Self::Store(error) => error.hint(),
            Self::Unpack { source, .. } => source.hint(),
            Self::WrongPlatform { .. } => Some("say --platform to take it all the same".to_owned()),
            Self::LayerCount { .. } | Self::UnknownLayer { .. } => {
                Some("the image was built broken: try another tag, and tell whoever built it".to_owned())
            }
        }
    }
}

fn told(passed_over: &[(String, String)]) -> String {
    passed_over.iter().map(|(_, answer)| answer.as_str()).collect::<Vec<_>>().join("; ")
}
