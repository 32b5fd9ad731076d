//! Follows the chain of promises from the name down to the layers.
//!
//! Whoever trusts the first digest can trust all the rest: the index names the manifest by digest, the manifest names
//! config and layers, the config names what the layers unpack to. Here the bytes on disk are hashed again and compared,
//! link by link; the last link, the diffIDs, is checked when the layers are unpacked.

use super::config::ImageConfig;
use super::digest::{Digest, Hasher};
use super::error::Error;
use super::now;
use super::resolve::Resolved;
use super::store::{self, ImageRecord, LayerRecord, Lease};

/// A link of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// What the name led to.
    Index,
    /// The image for this machine.
    Manifest,
    /// Its configuration.
    Config,
    /// A layer's blob, counted from 1, lowest first.
    Layer(usize),
}

/// One link that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Which link.
    pub link: Link,
    /// The digest by which the link above names it.
    pub promised: Digest,
    /// The digest of the bytes on disk.
    pub found: Digest,
    /// How many bytes that was.
    pub bytes: u64,
}

/// A chain without a gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyReport {
    /// Each link, from the top.
    pub checks: Vec<Check>,
    /// The image, ready to be unpacked and named.
    pub record: ImageRecord,
}

// ANCHOR: chain
/// Compares every blob of an image with the digest it is named by.
pub fn verify(lease: &Lease, resolved: &Resolved) -> Result<VerifyReport, Error> {
    let index = resolved.index.iter().map(|index| (Link::Index, &index.descriptor.digest));
    let top = [(Link::Manifest, &resolved.manifest.descriptor.digest), (Link::Config, &resolved.config.digest)];
    let layers = resolved.layers.iter().enumerate().map(|(at, layer)| (Link::Layer(at + 1), &layer.digest));
    let mut checks = Vec::new();
    for (link, promised) in index.chain(top).chain(layers) {
        checks.push(check(lease, link, promised)?);
    }
    Ok(VerifyReport { checks, record: record(lease, resolved)? })
}

fn check(lease: &Lease, link: Link, promised: &Digest) -> Result<Check, Error> {
    let blob = lease.open_blob(promised)?;
    let mut hasher = Hasher::new(promised.algorithm());
    let path = lease.blob_path(promised).display().to_string();
    let bytes = hasher.update_from(&blob).map_err(|source| store::Error::Io { path, source })?;
    let found = hasher.finish();
    if found != *promised {
        lease.discard_blob(promised)?;
        return Err(store::Error::Corrupt { promised: promised.clone(), found }.into());
    }
    Ok(Check { link, promised: promised.clone(), found, bytes })
}
// ANCHOR_END: chain

/// Joins what the manifest says of the layers with what the config says.
fn record(lease: &Lease, resolved: &Resolved) -> Result<ImageRecord, Error> {
    let digest = &resolved.config.digest;
    let config = ImageConfig::parse(&lease.read_blob(digest)?)
        .map_err(|problem| store::Error::BadConfig { digest: digest.clone(), problem })?;
    let diff_ids = config.rootfs.diff_ids.clone();
    if diff_ids.len() != resolved.layers.len() {
        return Err(Error::LayerCount { layers: resolved.layers.len(), diff_ids: diff_ids.len() });
    }
    // Images of simple builders name no machine at all; then there is nothing to compare.
    let is_named = !config.os.is_empty() && !config.architecture.is_empty();
    if is_named && resolved.platform.fit(&config.platform()).is_none() {
        let (wanted, found) = (resolved.platform.to_string(), config.platform().to_string());
        return Err(Error::WrongPlatform { wanted, found });
    }
    let mut layers = Vec::new();
    for (layer, diff_id) in resolved.layers.iter().zip(diff_ids) {
        if !layer.is_layer() {
            let media_type = layer.media_type.clone();
            return Err(Error::UnknownLayer { digest: layer.digest.clone(), media_type });
        }
        let (digest, media_type) = (layer.digest.clone(), layer.media_type.clone());
        layers.push(LayerRecord { digest, media_type, size_bytes: layer.size_bytes, diff_id });
    }
    Ok(ImageRecord {
        reference: resolved.reference.clone(),
        index: resolved.index.as_ref().map(|index| index.descriptor.digest.clone()),
        manifest: resolved.manifest.descriptor.digest.clone(),
        config: digest.clone(),
        platform: config.platform(),
        layers,
        provenance: resolved.provenance(),
        pulled_at: now(),
    })
}
