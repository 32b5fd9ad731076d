//! From a layer's blob to a directory that overlayfs can stack.   Spec: OCI image, layer.md.
//!
//! The blob is decompressed, hashed and written in one pass: what the config promised (the diffID) is compared when the
//! last byte is through, before the directory gets its final name. So a directory under that name is always complete,
//! and always the content it is named after.
//!
//! [`archive`] reads tar, [`fields`], [`pax`] and [`sparse`] its parts; [`extract`] writes below one directory by way of
//! [`parents`]; `sys::tree` holds the calls.

mod archive;
mod compression;
mod error;
mod extract;
mod fields;
mod parents;
mod pax;
mod sparse;

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::fd::OwnedFd;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub use compression::{Compression, decompress};
pub use error::Error;

use crate::image::digest::{Algorithm, Digest, Hasher};
use crate::sys::tree;

/// How much a layer may grow. Generous: they stop a bomb, not a large image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes a layer may unpack to.
    pub max_layer_bytes: u64,
    /// Most times its own size a layer may unpack to, once past a gigabyte.
    pub max_ratio: u64,
    /// Most files in one layer.
    pub max_entries: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_layer_bytes: 64 << 30, max_ratio: 200, max_entries: 10_000_000 }
    }
}

/// Below this, growth by any factor is harmless.
const RATIO_FLOOR_BYTES: u64 = 1 << 30;

/// What a layer consisted of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Entries of the archive.
    pub entries: u64,
    /// Regular files.
    pub files: u64,
    /// Directories.
    pub directories: u64,
    /// Symbolic links.
    pub symlinks: u64,
    /// Further names of files.
    pub hard_links: u64,
    /// Device nodes and named pipes.
    pub specials: u64,
    /// Names of lower layers that are hidden.
    pub whiteouts: u64,
    /// Directories that hide all of their lower namesakes.
    pub opaque: u64,
    /// Files with holes.
    pub sparse: u64,
    /// Files with the setuid or setgid bit.
    pub setuid: u64,
    /// Extended attributes set.
    pub xattrs: u64,
    /// Extended attributes refused, or unknown to this disk.
    pub xattrs_dropped: u64,
    /// Bytes of data in regular files.
    pub file_bytes: u64,
}

/// What unpacking one stream found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unpacked {
    /// How the blob was packed.
    pub compression: Compression,
    /// Bytes of the blob.
    pub packed_bytes: u64,
    /// Bytes of the tar stream inside.
    pub unpacked_bytes: u64,
    /// What it consisted of.
    pub counts: Counts,
}

// ANCHOR: unpack
/// Unpacks a blob into an empty directory and compares what came out with the promise.
pub fn unpack_into(
    blob: &File,
    directory: &Path,
    below: &[OwnedFd],
    promised: &Digest,
    limits: Limits,
) -> Result<Unpacked, Error> {
    if !tree::is_root() {
        return Err(Error::NotRoot);
    }
    let packed_bytes = blob.metadata().map_err(Error::Read)?.len();
    let (compression, stream) = compression::decompress(BufReader::with_capacity(BUFFER_BYTES, blob))?;
    let mut metered = Metered::new(stream, promised.algorithm(), packed_bytes, limits);
    let root =
        tree::open_root(directory).map_err(|source| Error::Store { path: directory.display().to_string(), source })?;
    let mut archive = archive::Archive::new(BufReader::with_capacity(BUFFER_BYTES, &mut metered));
    let result = extract::Extractor::new(root, below, limits).extract(&mut archive);
    let result = result.and_then(|counts| archive.drain().map(|()| counts));
    let (counts, (found, unpacked_bytes)) = match (result, metered.finish()) {
        (Ok(counts), Ok(finished)) => (counts, finished),
        // The meter knows why reading ended.
        (Err(error), Err(cause)) => return Err(error.caused_by(cause)),
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => return Err(error),
    };
    if found != *promised {
        return Err(Error::DiffId { promised: promised.clone(), found });
    }
    Ok(Unpacked { compression, packed_bytes, unpacked_bytes, counts })
}
// ANCHOR_END: unpack

/// Hashes and measures a blob's tar stream without writing it: what an image assembled here promises.
pub fn diff_id(blob: &File) -> Result<(Digest, u64), Error> {
    let (_, mut stream) = compression::decompress(BufReader::with_capacity(BUFFER_BYTES, blob))?;
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let bytes = hasher.update_from(&mut stream).map_err(Error::Read)?;
    Ok((hasher.finish(), bytes))
}

const BUFFER_BYTES: usize = 256 << 10;

/// Hashes what passes and stops what grows beyond the limits.
struct Metered<R> {
    stream: R,
    hasher: Hasher,
    bytes: u64,
    packed_bytes: u64,
    limits: Limits,
    tripped: Option<Error>,
}

impl<R: Read> Metered<R> {
    fn new(stream: R, algorithm: Algorithm, packed_bytes: u64, limits: Limits) -> Self {
        Self { stream, hasher: Hasher::new(algorithm), bytes: 0, packed_bytes, limits, tripped: None }
    }

    fn finish(self) -> Result<(Digest, u64), Error> {
        match self.tripped {
            Some(error) => Err(error),
            None => Ok((self.hasher.finish(), self.bytes)),
        }
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.stream.read(buffer)?;
        self.hasher.update(&buffer[..n]);
        self.bytes += n as u64;
        let Limits { max_layer_bytes, max_ratio, .. } = self.limits;
        if self.bytes > max_layer_bytes {
            self.tripped = Some(Error::TooLarge { limit_bytes: max_layer_bytes });
        } else if self.bytes > RATIO_FLOOR_BYTES && self.bytes / self.packed_bytes.max(1) > max_ratio {
            self.tripped = Some(Error::Ratio { limit: max_ratio });
        }
        if self.tripped.is_some() { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(n) }
    }
}

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;
