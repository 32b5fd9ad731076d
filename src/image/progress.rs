//! What a pull tells while it goes on. Drawing it is the command line's business.

use super::layers::LayerReport;
use super::manifest::Descriptor;
use super::pull::BlobReport;
use super::store::LayerRecord;

/// Listens to a pull; called from its threads.
pub trait Progress: Sync {
    /// A blob is being fetched, of which so many bytes are here from an earlier attempt.
    fn fetching(&self, _blob: &Descriptor, _have_bytes: u64) {}
    /// Another process is fetching the blob; this one waits for it.
    fn waiting(&self, _blob: &Descriptor) {}
    /// The blob is here up to so many bytes.
    fn at(&self, _blob: &Descriptor, _have_bytes: u64) {}
    /// The blob is here.
    fn fetched(&self, _blob: &BlobReport) {}
    /// A layer is being unpacked.
    fn unpacking(&self, _layer: &LayerRecord) {}
    /// A layer is unpacked.
    fn unpacked(&self, _layer: &LayerReport) {}
}

/// Nobody listens.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

impl Progress for Silent {}
