//! From a name to a manifest: which bytes does this name mean today, for this machine?
//!
//! A tag may mean something else tomorrow; the digest found here cannot. From here on everything is asked for by digest.

use super::digest::{Digest, Hasher};
use super::error::Error;
use super::manifest::{self, ACCEPTED, Descriptor, Document, Manifest};
use super::platform::Platform;
use super::reference::Reference;
use super::registry::{self, Client, Exchange, Source};
use super::store::Provenance;

/// A hundred times what real ones need.
const MAX_MANIFEST_BYTES: u64 = 4 << 20;

/// A document as the registry sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// What it is called.
    pub descriptor: Descriptor,
    /// Byte for byte.
    pub bytes: Vec<u8>,
}

/// What a name means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The name.
    pub reference: Reference,
    /// The host that had it.
    pub source: Source,
    /// The index, when the name led to one.
    pub index: Option<Fetched>,
    /// How many machines the index offers images for.
    pub offered: usize,
    /// The manifest for this machine.
    pub manifest: Fetched,
    /// The image's configuration.
    pub config: Descriptor,
    /// The layers, lowest first.
    pub layers: Vec<Descriptor>,
    /// The machine it was chosen for.
    pub platform: Platform,
    /// Hosts that were asked before, and what each said.
    pub passed_over: Vec<(String, String)>,
    /// Everything asked.
    pub exchanges: Vec<Exchange>,
}

impl Resolved {
    /// Where the image comes from, for its record.
    pub fn provenance(&self) -> Provenance {
        let host = self.source.host.clone();
        match &self.source.mirror_of {
            Some(upstream) => Provenance::Mirror { host, upstream: upstream.clone() },
            None => Provenance::Registry { host },
        }
    }
}

/// Asks the hosts of a name in order, mirrors first, until one has it.
pub fn resolve(client: &Client, reference: &Reference, platform: &Platform) -> Result<Resolved, Error> {
    let mut passed_over = Vec::new();
    let mut outcome =
        Err(registry::Error::NotFound { host: reference.registry().to_owned(), what: reference.familiar() });
    for endpoint in client.hosts().endpoints(reference)? {
        let source = client.connect(&endpoint, reference.repository());
        outcome = source.and_then(|source| at(client, reference, platform, source));
        match &outcome {
            Ok(_) => break,
            Err(error) if endpoint.mirror_of.is_some() => passed_over.push((endpoint.authority, error.to_string())),
            Err(_) => {}
        }
    }
    let mut resolved = match outcome {
        Err(source) if !passed_over.is_empty() => return Err(Error::PassedOver { source, passed_over }),
        other => other?,
    };
    resolved.passed_over = passed_over;
    resolved.exchanges = client.take_exchanges();
    Ok(resolved)
}

// ANCHOR: at
fn at(
    client: &Client,
    reference: &Reference,
    platform: &Platform,
    source: Source,
) -> Result<Resolved, registry::Error> {
    let (fetched, document) = fetch(client, reference, &source, &reference.target(), reference.digest())?;
    let (index, offered, manifest, Manifest { config, layers }) = match document {
        Document::Manifest(found) => (None, 0, fetched, found),
        Document::Index(entries) => {
            let chosen =
                manifest::choose(&entries, platform).ok_or_else(|| no_platform(reference, platform, &entries))?;
            let digest = chosen.digest.clone();
            let (inner, document) = fetch(client, reference, &source, &digest.to_string(), Some(&digest))?;
            let Document::Manifest(found) = document else {
                let nested = manifest::Error::NotAnImage("an index in an index".to_owned());
                return Err(registry::Error::Manifest { reference: reference.familiar(), source: nested });
            };
            (Some(fetched), platforms(&entries).len(), inner, found)
        }
    };
    Ok(Resolved {
        reference: reference.clone(),
        source,
        index,
        offered,
        manifest,
        config,
        layers,
        platform: platform.clone(),
        passed_over: Vec::new(),
        exchanges: Vec::new(),
    })
}
// ANCHOR_END: at

fn fetch(
    client: &Client,
    reference: &Reference,
    source: &Source,
    target: &str,
    promised: Option<&Digest>,
) -> Result<(Fetched, Document), registry::Error> {
    let accept = [("accept", ACCEPTED.join(", "))];
    let document = client.get_document(source, &format!("manifests/{target}"), &accept, MAX_MANIFEST_BYTES)?;
    // By tag, the registry's own word for the digest is all there is to compare with.
    let promised = promised.cloned().or_else(|| document.digest.as_ref().and_then(|digest| digest.parse().ok()));
    let mut hasher = Hasher::new(promised.as_ref().map_or(super::digest::Algorithm::Sha256, Digest::algorithm));
    hasher.update(&document.bytes);
    let digest = hasher.finish();
    if let Some(promised) = promised.filter(|promised| *promised != digest) {
        let what = format!("manifest {}", reference.familiar());
        return Err(registry::Error::DigestMismatch { what, promised, found: digest });
    }
    let media_type = document.media_type.as_deref();
    let parsed = manifest::parse(&document.bytes, media_type)
        .map_err(|source| registry::Error::Manifest { reference: reference.familiar(), source })?;
    let known = media_type.filter(|known| ACCEPTED.contains(known));
    let fallback = if matches!(parsed, Document::Index(_)) { manifest::OCI_INDEX } else { manifest::OCI_MANIFEST };
    let descriptor = Descriptor {
        media_type: known.unwrap_or(fallback).to_owned(),
        digest,
        size_bytes: document.bytes.len() as u64,
        platform: None,
        annotations: None,
    };
    Ok((Fetched { descriptor, bytes: document.bytes }, parsed))
}

/// As many as fit into a message.
const MAX_TOLD: usize = 20;

fn platforms(entries: &[Descriptor]) -> Vec<String> {
    let named = entries.iter().filter_map(|entry| entry.platform.as_ref());
    named.filter(|platform| platform.os != "unknown").map(ToString::to_string).collect()
}

fn no_platform(reference: &Reference, wanted: &Platform, entries: &[Descriptor]) -> registry::Error {
    let mut all = platforms(entries);
    all.sort();
    all.dedup();
    let more = all.len().saturating_sub(MAX_TOLD);
    all.truncate(MAX_TOLD);
    let mut offered = if all.is_empty() { "no machine at all".to_owned() } else { all.join(", ") };
    if more > 0 {
        offered.push_str(&format!(" and {more} more"));
    }
    registry::Error::NoPlatform { reference: reference.familiar(), wanted: wanted.to_string(), offered }
}
