//! Where images lie on disk, shared by all rlab processes of a root directory.
//!
//! ```text
//! image/
//!   images.json               which name means which manifest, and where it came from
//!   blobs/sha256/HEX          manifests, configs and layers, byte for byte as the registry sent them
//!   ingest/sha256-HEX         a blob half fetched, continued by whoever wants it next
//!   layers/HEX/fs             a layer unpacked, by diffID
//!   layers/HEX/report.json    what it consisted of
//!   lock                      shared while an image is taken in, exclusive while content is removed
//! ```
//!
//! Nothing is ever changed in place: a blob gets its name when its digest has been checked, a layer when its diffID has,
//! the list of images by rename(2). So whatever has a final name is complete, even after `kill -9`.

mod error;
mod import;
mod inspect;
mod record;
mod remove;
mod withdraw;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::ops::Deref;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

pub use error::Error;
pub use import::{LayerFile, imports};
pub use inspect::HistoryRow;
pub use record::{ImageRecord, ImageSummary, LayerRecord, Provenance};
pub use remove::{InUse, Removed};
pub use withdraw::Content;

use super::digest::{Digest, Hasher};
use crate::sys::flock;

/// The store of one root directory.
#[derive(Debug, Clone)]
pub struct Store {
    directory: PathBuf,
}

/// The right to add content: while it is held, nothing is removed from the store, not even what no name refers to yet.
#[derive(Debug)]
pub struct Lease {
    store: Store,
    /// Shared flock, let go when the file is closed.
    lock: File,
}

impl Deref for Lease {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl Store {
    /// Opens the store below rlab's root directory, making it if need be.
    pub fn open(root: &Path) -> Result<Self, Error> {
        let directory = root.join("image");
        // Root alone may look inside: a layer holds setuid programs of any age, and a user of this host who could reach
        // one by path could run it as root, here, outside of every container.
        for (path, mode) in [(root.to_owned(), 0o711), (directory.clone(), 0o700)] {
            let made = DirBuilder::new().recursive(true).mode(mode).create(&path);
            made.map_err(|source| Error::io(&path, source))?;
        }
        for part in ["blobs/sha256", "blobs/sha512", "ingest", "layers"] {
            let path = directory.join(part);
            fs::create_dir_all(&path).map_err(|source| Error::io(&path, source))?;
        }
        Ok(Self { directory })
    }

    /// Keeps content from being removed while an image is taken in or put to use.
    pub fn lease(&self) -> Result<Lease, Error> {
        Ok(Lease { store: self.clone(), lock: self.lock(flock::Mode::Shared)? })
    }

    fn lock(&self, mode: flock::Mode) -> Result<File, Error> {
        let path = self.directory.join("lock");
        let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(&path);
        let file = opened.map_err(|source| Error::io(&path, source))?;
        flock::lock(&file, mode).map_err(|source| Error::io(&path, source))?;
        Ok(file)
    }

    /// Where a blob is, or would be.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.directory.join("blobs").join(digest.algorithm().name()).join(digest.hex())
    }

    /// Where a blob is while it is being fetched.
    pub(super) fn ingest_path(&self, digest: &Digest) -> PathBuf {
        self.directory.join("ingest").join(format!("{}-{}", digest.algorithm().name(), digest.hex()))
    }

    /// The folder of a layer, with its `fs` and its report.
    pub(super) fn layer_folder(&self, diff_id: &Digest) -> PathBuf {
        self.directory.join("layers").join(diff_id.hex())
    }

    /// Where an unpacked layer is, or would be.
    pub fn layer_path(&self, diff_id: &Digest) -> PathBuf {
        self.layer_folder(diff_id).join("fs")
    }

    /// Size of a blob in bytes, if it is here.
    pub fn blob_size(&self, digest: &Digest) -> Option<u64> {
        fs::metadata(self.blob_path(digest)).ok().map(|metadata| metadata.len())
    }

    /// Opens a blob.
    pub fn open_blob(&self, digest: &Digest) -> Result<File, Error> {
        let path = self.blob_path(digest);
        File::open(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => Error::MissingBlob { digest: digest.clone() },
            _ => Error::io(&path, source),
        })
    }

    /// Reads a small blob and checks that it is still what its name says.
    pub fn read_blob(&self, digest: &Digest) -> Result<Vec<u8>, Error> {
        let path = self.blob_path(digest);
        let bytes = fs::read(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => Error::MissingBlob { digest: digest.clone() },
            _ => Error::io(&path, source),
        })?;
        let mut hasher = Hasher::new(digest.algorithm());
        hasher.update(&bytes);
        let found = hasher.finish();
        if found != *digest {
            return Err(Error::Corrupt { promised: digest.clone(), found });
        }
        Ok(bytes)
    }

    /// Forgets a blob whose bytes have gone bad, so that the next pull fetches it anew.
    pub(super) fn discard_blob(&self, digest: &Digest) -> Result<(), Error> {
        let path = self.blob_path(digest);
        fs::remove_file(&path).map_err(|source| Error::io(&path, source))
    }
}

impl Lease {
    /// Stores bytes at hand under their own digest.
    pub fn put_blob(&self, bytes: &[u8]) -> Result<Digest, Error> {
        let digest = Digest::sha256(bytes);
        self.put_known_blob(&digest, bytes)?;
        Ok(digest)
    }

    /// Stores bytes whose digest has been checked.
    pub(super) fn put_known_blob(&self, digest: &Digest, bytes: &[u8]) -> Result<(), Error> {
        if self.blob_size(digest) == Some(bytes.len() as u64) {
            return Ok(());
        }
        write_by_rename(&self.blob_path(digest), &self.ingest_path(digest).with_extension("small"), bytes)
    }
}

/// Writes a file so that its name only ever means the whole of it.
pub(super) fn write_by_rename(path: &Path, temporary: &Path, bytes: &[u8]) -> Result<(), Error> {
    // Each writer its own file: two processes, or two threads, with the same temporary name would mix their bytes.
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
    let temporary = temporary.with_extension(format!("{}-{number}.tmp", std::process::id()));
    let write = || {
        let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(bytes)?;
        fs::rename(&temporary, path)
    };
    write().map_err(|source| {
        let _never_made = fs::remove_file(&temporary);
        Error::io(path, source)
    })
}

#[cfg(test)]
mod tests;
