//! Takes away what an image left that was not taken in.
//!
//! What a broken connection leaves is worth keeping: the next attempt goes on from there. What was refused is not: it
//! would lie in the store for ever, with no name by which it could be removed.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::time::Duration;

use super::remove::InUse;
use super::{Error, Lease, Store};
use crate::image::digest::Digest;
use crate::image::resolve::Resolved;
use crate::sys::{flock, tree};

const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(20);

/// What an image consists of, as far as it is known when it fails.
#[derive(Debug, Default)]
pub struct Content {
    /// Index, manifest, config and layers, packed.
    pub blobs: Vec<Digest>,
    /// The layers, unpacked.
    pub diff_ids: Vec<Digest>,
    /// Whether it was made on this machine, and nothing of it is worth keeping for another attempt.
    pub made_here: bool,
}

impl Content {
    /// The blobs behind a name.
    pub fn of(resolved: &Resolved) -> Self {
        let documents = resolved.index.iter().chain([&resolved.manifest]).map(|document| &document.descriptor.digest);
        let content = std::iter::once(&resolved.config).chain(&resolved.layers).map(|blob| &blob.digest);
        Self { blobs: documents.chain(content).cloned().collect(), diff_ids: Vec::new(), made_here: false }
    }
}

impl Lease {
    /// Gives the lease back after a failure, and removes what is half made; if the image was refused, all that only it
    /// consists of. Does nothing while another process takes in an image: that may be about to use the same content.
    pub fn withdraw(self, content: &Content, refused: bool, in_use: &[InUse]) -> Result<(), Error> {
        let store = &self.store;
        let path = store.directory.join("lock");
        if !self.make_exclusive().map_err(|source| Error::io(&path, source))? {
            return Ok(());
        }
        let (blobs, layers) = store.named(in_use)?;
        for digest in content.blobs.iter().filter(|digest| !blobs.contains(digest)) {
            // An attempt that brought nothing right leaves an empty file.
            let ingest = store.ingest_path(digest);
            if refused || fs::metadata(&ingest).is_ok_and(|found| found.len() == 0) {
                gone(fs::remove_file(&ingest)).map_err(|source| Error::io(&ingest, source))?;
            }
            if refused {
                let path = store.blob_path(digest);
                gone(fs::remove_file(&path)).map_err(|source| Error::io(&path, source))?;
            }
        }
        for diff_id in content.diff_ids.iter().filter(|diff_id| !layers.contains(diff_id)) {
            if refused || !store.layer_path(diff_id).exists() {
                let path = store.layer_folder(diff_id);
                let parent = path.parent().unwrap_or(&path);
                let root = tree::open_root(parent).map_err(|source| Error::io(parent, source))?;
                gone(tree::remove(&root, diff_id.hex().as_bytes())).map_err(|source| Error::io(&path, source))?;
            }
        }
        Ok(())
    }
}

impl Lease {
    /// Turns the lease into the exclusive lock, see flock(2), if nobody else has one. Asked a few times: a program that
    /// another thread is just starting holds copies of all descriptors, and with them of locks, until its execve.
    fn make_exclusive(&self) -> io::Result<bool> {
        for _ in 0..ATTEMPTS {
            if flock::try_lock(&self.lock, flock::Mode::Exclusive)? {
                return Ok(true);
            }
            std::thread::sleep(PAUSE);
        }
        Ok(false)
    }
}

impl Store {
    /// The blobs that a name refers to, and the layers that a name or a container stands on.
    fn named(&self, in_use: &[InUse]) -> Result<(BTreeSet<Digest>, BTreeSet<Digest>), Error> {
        let mut layers: BTreeSet<Digest> = in_use.iter().flat_map(|user| user.layers.iter().cloned()).collect();
        let mut blobs = BTreeSet::new();
        for record in self.records_by_name()? {
            blobs.extend(record.index.into_iter().chain([record.manifest, record.config]));
            for layer in record.layers {
                blobs.insert(layer.digest);
                layers.insert(layer.diff_id);
            }
        }
        Ok((blobs, layers))
    }
}

/// What is not there is gone.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    removed.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}
