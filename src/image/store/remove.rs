//! Takes names away, and what nothing refers to any more.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::record::ImageRecord;
use super::{Error, Store};
use crate::image::digest::Digest;
use crate::sys::{flock, tree};

/// A container's hold on an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InUse {
    /// Its name, for the message.
    pub container: String,
    /// The id of its image.
    pub image: Digest,
    /// The diffIDs of its layers, which are never removed under it.
    pub layers: Vec<Digest>,
}

/// What was taken away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    /// Names that are no more.
    pub untagged: Vec<String>,
    /// Images that are no more.
    pub images: Vec<Digest>,
    /// Unpacked layers that are no more.
    pub layers: Vec<Digest>,
    /// Bytes of blobs given back.
    pub blob_bytes: u64,
}

impl Store {
    /// Takes a name away, and the image with its last name. An id takes its only name, or with `force` all of them.
    pub fn remove(&self, typed: &str, force: bool, in_use: &[InUse]) -> Result<Removed, Error> {
        // Alone: a pull in another process has blobs here that no name refers to yet.
        let _alone = self.lock(flock::Mode::Exclusive)?;
        let found = self.find(typed)?;
        let by_id = self.find_by_id(typed)?.iter().any(|one| one.reference == found.reference)
            && typed.parse().ok().and_then(|name| self.lookup(&name).ok().flatten()).is_none();
        let removed = self.update(|records| {
            let same: Vec<ImageRecord> = records.iter().filter(|one| one.config == found.config).cloned().collect();
            if by_id && same.len() > 1 && !force {
                let names = same.iter().map(|one| one.reference.familiar()).collect();
                return Err(Error::SeveralNames { id: found.config.short().to_owned(), names });
            }
            let going =
                |one: &ImageRecord| if by_id { one.config == found.config } else { one.reference == found.reference };
            let is_last = same.iter().all(going);
            if let Some(user) = in_use.iter().find(|user| user.image == found.config).filter(|_| is_last && !force) {
                let (image, container) = (found.reference.familiar(), user.container.clone());
                return Err(Error::InUse { image, container });
            }
            records.retain(|one| !going(one));
            let untagged = same.iter().filter(|one| going(one)).map(|one| one.reference.familiar()).collect();
            let images = if is_last { vec![found.config.clone()] } else { Vec::new() };
            Ok(Removed { untagged, images, ..Removed::default() })
        })?;
        self.sweep(removed, in_use)
    }

    /// Removes every blob and layer that neither a name nor a container refers to.
    fn sweep(&self, mut removed: Removed, in_use: &[InUse]) -> Result<Removed, Error> {
        let records = self.records_by_name()?;
        let mut blobs: BTreeSet<PathBuf> = BTreeSet::new();
        let mut layers: BTreeSet<&Digest> = in_use.iter().flat_map(|user| &user.layers).collect();
        for record in &records {
            let documents = record.index.iter().chain([&record.manifest, &record.config]);
            let all = documents.chain(record.layers.iter().map(|layer| &layer.digest));
            blobs.extend(all.map(|digest| self.blob_path(digest)));
            layers.extend(record.layers.iter().map(|layer| &layer.diff_id));
        }
        for folder in ["blobs/sha256", "blobs/sha512", "ingest"] {
            for path in self.list(folder)?.into_iter().filter(|path| !blobs.contains(path)) {
                removed.blob_bytes += fs::metadata(&path).map_or(0, |metadata| metadata.len());
                fs::remove_file(&path).map_err(|source| Error::io(&path, source))?;
            }
        }
        let kept: BTreeSet<&str> = layers.iter().map(|diff_id| diff_id.hex()).collect();
        let parent = self.directory.join("layers");
        let root = tree::open_root(&parent).map_err(|source| Error::io(&parent, source))?;
        for path in self.list("layers")? {
            let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|name| !kept.contains(name)) else {
                continue;
            };
            tree::remove(&root, name.as_bytes()).map_err(|source| Error::io(&path, source))?;
            removed.layers.extend(format!("sha256:{name}").parse::<Digest>());
        }
        Ok(removed)
    }

    fn list(&self, folder: &str) -> Result<Vec<PathBuf>, Error> {
        let path = self.directory.join(folder);
        let entries = fs::read_dir(&path).map_err(|source| Error::io(&path, source))?;
        let paths: Result<Vec<PathBuf>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
        paths.map_err(|source| Error::io(&path, source))
    }
}
