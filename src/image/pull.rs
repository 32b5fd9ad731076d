//! Fetches the blobs of an image, three at a time.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::download;
use super::error::Error;
use super::manifest::Descriptor;
use super::progress::Progress;
use super::registry::{self, Client, Exchange};
use super::resolve::Resolved;
use super::store::Lease;

/// As many as Docker takes; more make a registry slower, not faster.
const MAX_THREADS: usize = 3;
/// A hundred times what real ones need.
const MAX_CONFIG_BYTES: u64 = 8 << 20;

/// How a blob got here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was here before.
    AlreadyHere,
    /// It was fetched, and its digest and size are right.
    Fetched {
        /// Bytes that came over the wire.
        wire_bytes: u64,
        /// Bytes that were here from an attempt cut short.
        resumed_from: u64,
        /// From the first question to the last byte.
        duration: Duration,
    },
}

/// One blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobReport {
    /// What it is.
    pub descriptor: Descriptor,
    /// How it got here.
    pub outcome: Outcome,
}

/// What a pull did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullReport {
    /// The config first, then the layers, lowest first.
    pub blobs: Vec<BlobReport>,
    /// Everything asked.
    pub exchanges: Vec<Exchange>,
    /// Bytes of blobs that came over the wire.
    pub wire_bytes: u64,
    /// From the first question to the last byte.
    pub duration: Duration,
}

// ANCHOR: pull
/// Fetches what is not here yet. All threads have ended when this returns, whatever it returns.
pub fn pull(lease: &Lease, client: &Client, resolved: &Resolved, progress: &dyn Progress) -> Result<PullReport, Error> {
    let began = Instant::now();
    if resolved.config.size_bytes > MAX_CONFIG_BYTES {
        let what = format!("the config {}", resolved.config.digest);
        return Err(registry::Error::TooLarge { what, limit_bytes: MAX_CONFIG_BYTES }.into());
    }
    for document in resolved.index.iter().chain([&resolved.manifest]) {
        lease.put_known_blob(&document.descriptor.digest, &document.bytes)?;
    }
    let wanted: Vec<&Descriptor> = std::iter::once(&resolved.config).chain(&resolved.layers).collect();
    let blobs = fetch_all(lease, client, resolved, &wanted, progress);
    let mut exchanges = client.take_exchanges();
    // They came as the network had it. Told in the manifest's order, two pulls tell the same.
    exchanges.sort_by_key(|exchange| place(&exchange.url, &wanted));
    let blobs = blobs?;
    let wire = |blob: &BlobReport| match blob.outcome {
        Outcome::Fetched { wire_bytes, .. } => wire_bytes,
        Outcome::AlreadyHere => 0,
    };
    Ok(PullReport { wire_bytes: blobs.iter().map(wire).sum(), blobs, exchanges, duration: began.elapsed() })
}
// ANCHOR_END: pull

/// Which of the wanted blobs an address is about, from 1. What is about none, a token say, comes first.
fn place(url: &str, wanted: &[&Descriptor]) -> usize {
    let about = |descriptor: &&Descriptor| url.contains(&descriptor.digest.to_string());
    wanted.iter().position(about).map_or(0, |at| at + 1)
}

fn fetch_all(
    lease: &Lease,
    client: &Client,
    resolved: &Resolved,
    wanted: &[&Descriptor],
    progress: &dyn Progress,
) -> Result<Vec<BlobReport>, Error> {
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let slots: Vec<Mutex<Option<Result<BlobReport, Error>>>> = wanted.iter().map(|_| Mutex::new(None)).collect();
    let work = || {
        while let Some(descriptor) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
            let result = download::blob(lease, client, &resolved.source, descriptor, progress, &stop);
            if result.is_err() {
                // The others end at their next piece; what they have is kept for the next attempt.
                stop.store(true, Ordering::Relaxed);
            }
            let at = wanted.iter().position(|other| std::ptr::eq(*other, *descriptor));
            if let Some(slot) = at.and_then(|at| slots.get(at)) {
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..MAX_THREADS.min(wanted.len()) {
            scope.spawn(work);
        }
    });
    let mut reports = Vec::new();
    let mut failure = None;
    for slot in slots {
        match slot.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(Ok(report)) => reports.push(report),
            // The first cause, not one of those that stopped because of it.
            Some(Err(error))
                if failure.is_none() || matches!(failure, Some(Error::Registry(registry::Error::Stopped))) =>
            {
                failure = Some(error);
            }
            Some(Err(_)) | None => {}
        }
    }
    failure.map_or(Ok(reports), Err)
}
