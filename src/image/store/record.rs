//! The list of images: which name means which manifest, and where it came from.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Error, Lease, Store, write_by_rename};
use crate::image::config::ImageConfig;
use crate::image::digest::Digest;
use crate::image::platform::Platform;
use crate::image::reference::Reference;
use crate::image::unpack::Unpacked;
use crate::sys::flock;

/// Where an image came from. Told to the user whenever it is not what the name suggests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Provenance {
    /// The registry of its name.
    Registry {
        /// Host and port.
        host: String,
    },
    /// A host that stands in for that registry.
    Mirror {
        /// Host and port of the mirror.
        host: String,
        /// The registry it stands in for.
        upstream: String,
    },
    /// Put together on this machine.
    Assembled {
        /// Out of what, as a phrase: "Debian's package nginx-light 1.22.1-9".
        from: String,
    },
    /// Packed from rlab itself.
    BuiltIn,
}

/// One layer of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerRecord {
    /// The blob.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// What it unpacks to.
    pub diff_id: Digest,
}

/// One image under one name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageRecord {
    /// The name.
    pub reference: Reference,
    /// The index the name led to, when it led to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<Digest>,
    /// The manifest.
    pub manifest: Digest,
    /// The configuration; its digest is the image's id.
    pub config: Digest,
    /// The machine it is for.
    pub platform: Platform,
    /// The layers, lowest first.
    pub layers: Vec<LayerRecord>,
    /// Where it came from.
    pub provenance: Provenance,
    /// When it was taken in, RFC 3339.
    pub pulled_at: String,
}

/// One line of `rlab images`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageSummary {
    /// Registry and repository as Docker prints them.
    pub repository: String,
    /// The tag.
    pub tag: Option<String>,
    /// What the registry calls it.
    pub digest: Digest,
    /// The image's id.
    pub id: Digest,
    /// When it was built, RFC 3339; empty when unknown.
    pub created: String,
    /// Bytes of its unpacked files.
    pub size_bytes: u64,
    /// Where it came from.
    pub provenance: Provenance,
}

impl ImageRecord {
    /// What the registry calls it: the digest that the tag led to.
    pub fn target(&self) -> &Digest {
        self.index.as_ref().unwrap_or(&self.manifest)
    }

    /// The layers' directories as overlayfs wants them, topmost first. A layer that occurs twice counts where it is
    /// topmost: overlayfs refuses the same directory twice, and the lower one would show nothing of its own.
    pub fn lower_dirs(&self, store: &Store) -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> = Vec::new();
        for layer in self.layers.iter().rev() {
            let path = store.layer_path(&layer.diff_id);
            if !found.contains(&path) {
                found.push(path);
            }
        }
        found
    }
}

#[derive(Default, Serialize, Deserialize)]
struct Records {
    images: BTreeMap<String, ImageRecord>,
}

/// The key of a name: a digest decides over a tag.
fn key(reference: &Reference) -> String {
    match reference.digest() {
        Some(digest) => format!("{}@{digest}", reference.name()),
        None => reference.to_string(),
    }
}

impl Store {
    fn records(&self) -> Result<Records, Error> {
        let path = self.directory.join("images.json");
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| Error::BadRecords { path: path.display().to_string(), problem: error.to_string() }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Records::default()),
            Err(error) => Err(Error::io(&path, error)),
        }
    }

    /// Changes the list while nobody else does.
    pub(super) fn update<T>(&self, change: impl FnOnce(&mut Vec<ImageRecord>) -> Result<T, Error>) -> Result<T, Error> {
        let path = self.directory.join("images.lock");
        let file = fs::OpenOptions::new().create(true).append(true).open(&path);
        let file = file.map_err(|source| Error::io(&path, source))?;
        flock::lock(&file, flock::Mode::Exclusive).map_err(|source| Error::io(&path, source))?;
        let mut records: Vec<ImageRecord> = self.records()?.images.into_values().collect();
        let result = change(&mut records)?;
        let images = records.into_iter().map(|record| (key(&record.reference), record)).collect();
        let path = self.directory.join("images.json");
        let text = serde_json::to_vec_pretty(&Records { images })
            .map_err(|error| Error::BadRecords { path: path.display().to_string(), problem: error.to_string() })?;
        write_by_rename(&path, &path, &text)?;
        Ok(result)
    }

    /// All images by name.
    pub fn records_by_name(&self) -> Result<Vec<ImageRecord>, Error> {
        Ok(self.records()?.images.into_values().collect())
    }

    /// The image of a name, if it is here. A digest finds the image under whatever tag it came.
    pub fn lookup(&self, reference: &Reference) -> Result<Option<ImageRecord>, Error> {
        let mut images = self.records()?.images;
        if let Some(found) = images.remove(&key(reference)) {
            return Ok(Some(found));
        }
        let Some(digest) = reference.digest() else {
            return Ok(None);
        };
        let same_name = |one: &ImageRecord| one.reference.name() == reference.name();
        Ok(images.into_values().find(|one| same_name(one) && (one.target() == digest || one.manifest == *digest)))
    }

    /// The image that a name or the beginning of an id means, as users type it.
    pub fn find(&self, typed: &str) -> Result<ImageRecord, Error> {
        if let Ok(reference) = typed.parse()
            && let Some(found) = self.lookup(&reference)?
        {
            return Ok(found);
        }
        let mut found = self.find_by_id(typed)?;
        match found.len() {
            0 => Err(Error::NoSuchImage(typed.to_owned())),
            _ if found.iter().any(|one| one.config != found[0].config) => Err(Error::Ambiguous(typed.to_owned())),
            _ => Ok(found.swap_remove(0)),
        }
    }

    /// All names of images whose id begins so.
    pub(super) fn find_by_id(&self, typed: &str) -> Result<Vec<ImageRecord>, Error> {
        let hex = typed.strip_prefix("sha256:").unwrap_or(typed);
        if hex.is_empty() || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Vec::new());
        }
        Ok(self.records()?.images.into_values().filter(|one| one.config.hex().starts_with(hex)).collect())
    }

    /// The lines of `rlab images`, newest first.
    pub fn images(&self) -> Result<Vec<ImageSummary>, Error> {
        let mut found = Vec::new();
        for record in self.records()?.images.into_values() {
            let created = self.config(&record).map(|config| config.created).unwrap_or_default();
            found.push(ImageSummary {
                repository: record.reference.familiar_repository(),
                tag: record.reference.tag().filter(|_| record.reference.digest().is_none()).map(str::to_owned),
                digest: record.target().clone(),
                id: record.config.clone(),
                created,
                size_bytes: self.size_bytes(&record),
                provenance: record.provenance,
            });
        }
        found.sort_by(|a, b| b.created.cmp(&a.created));
        Ok(found)
    }

    /// The configuration of an image.
    pub fn config(&self, record: &ImageRecord) -> Result<ImageConfig, Error> {
        let bytes = self.read_blob(&record.config)?;
        ImageConfig::parse(&bytes).map_err(|problem| Error::BadConfig { digest: record.config.clone(), problem })
    }

    /// What a layer consisted of, when it has been unpacked.
    pub fn layer_report(&self, diff_id: &Digest) -> Option<Unpacked> {
        serde_json::from_slice(&fs::read(self.layer_folder(diff_id).join("report.json")).ok()?).ok()
    }

    /// Bytes of a layer's unpacked files, or of its blob while it is packed.
    pub fn layer_size_bytes(&self, layer: &LayerRecord) -> u64 {
        self.layer_report(&layer.diff_id).map_or(layer.size_bytes, |report| report.counts.file_bytes)
    }

    /// Bytes of an image's unpacked files.
    pub fn size_bytes(&self, record: &ImageRecord) -> u64 {
        record.layers.iter().map(|layer| self.layer_size_bytes(layer)).sum()
    }

    /// Names of other images that a layer belongs to.
    pub fn images_with_layer(&self, diff_id: &Digest, except: &Reference) -> Vec<String> {
        let images = self.records().unwrap_or_default().images.into_values();
        let with_layer = images.filter(|one| one.layers.iter().any(|layer| layer.diff_id == *diff_id));
        with_layer.filter(|one| one.reference != *except).map(|one| one.reference.familiar()).collect()
    }
}

impl Lease {
    /// Makes a name mean an image.
    pub fn tag(&self, record: &ImageRecord) -> Result<(), Error> {
        self.update(|records| {
            records.retain(|other| key(&other.reference) != key(&record.reference));
            records.push(record.clone());
            Ok(())
        })
    }
}
