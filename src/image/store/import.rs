//! Takes in an image that was put together here instead of pulled.
//!
//! What comes out is the same as after a pull: blobs by digest, a manifest, a name. The rest of rlab need not know.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::record::{ImageRecord, LayerRecord, Provenance};
use super::{Content, Error, Lease, Store};
use crate::image::config::ImageConfig;
use crate::image::digest::{Algorithm, Hasher};
use crate::image::manifest::{OCI_CONFIG, OCI_MANIFEST};
use crate::image::reference::Reference;
use crate::image::{now, unpack};

/// How the name of a layer begins that is not yet whole.
const HALF: &str = "import-";

/// A layer to take in.
pub struct LayerFile {
    /// The tar stream, plain or compressed.
    pub stream: Box<dyn Read>,
    /// What it is, for the manifest.
    pub media_type: String,
}

impl Store {
    /// Stores layers and configuration, writes a manifest for them and gives it a name. The layers are read once, lowest
    /// first. The config's `rootfs.diff_ids` may be left out; if they are there, they must be right. `content` gets what is
    /// in the store by now, to be withdrawn should the import fail.
    pub fn import(
        &self,
        reference: &Reference,
        config: &[u8],
        layers: Vec<LayerFile>,
        provenance: Provenance,
        content: &mut Content,
    ) -> Result<ImageRecord, Error> {
        let lease = self.lease()?;
        let mut taken = Vec::new();
        for (at, layer) in layers.into_iter().enumerate() {
            taken.push(lease.take_layer(layer, at + 1, content)?);
        }
        let config = complete_config(config, &taken)?;
        let parsed = ImageConfig::parse(&config)
            .map_err(|problem| Error::BadConfig { digest: crate::image::digest::Digest::sha256(&config), problem })?;
        let config_digest = lease.put_blob(&config)?;
        content.blobs.push(config_digest.clone());
        let descriptor = |layer: &LayerRecord| json!({"mediaType": layer.media_type, "digest": layer.digest, "size": layer.size_bytes});
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {"mediaType": OCI_CONFIG, "digest": config_digest, "size": config.len()},
            "layers": taken.iter().map(descriptor).collect::<Vec<_>>(),
        });
        let manifest = lease.put_blob(manifest.to_string().as_bytes())?;
        content.blobs.push(manifest.clone());
        let record = ImageRecord {
            reference: reference.clone(),
            index: None,
            manifest,
            config: config_digest,
            platform: parsed.platform(),
            layers: taken,
            provenance,
            pulled_at: now(),
        };
        lease.tag(&record)?;
        Ok(record)
    }
}

impl Lease {
    fn take_layer(&self, layer: LayerFile, number: usize, content: &mut Content) -> Result<LayerRecord, Error> {
        let temporary = self.directory.join("ingest").join(format!("{HALF}{}-{number}", std::process::id()));
        self.copy_layer(layer, number, &temporary, content).inspect_err(|_half| {
            let _never_made = fs::remove_file(&temporary);
        })
    }

    fn copy_layer(
        &self,
        mut layer: LayerFile,
        number: usize,
        temporary: &Path,
        content: &mut Content,
    ) -> Result<LayerRecord, Error> {
        let failed = |source: io::Error| Error::io(temporary, source);
        let mut file =
            OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(temporary).map_err(failed)?;
        let mut hasher = Hasher::new(Algorithm::Sha256);
        let mut buffer = vec![0; 256 << 10];
        let mut size_bytes = 0;
        loop {
            let n = layer.stream.read(&mut buffer).map_err(failed)?;
            if n == 0 {
                break;
            }
            hasher.update(&buffer[..n]);
            file.write_all(&buffer[..n]).map_err(failed)?;
            size_bytes += n as u64;
        }
        let digest = hasher.finish();
        fs::rename(temporary, self.blob_path(&digest)).map_err(failed)?;
        content.blobs.push(digest.clone());
        let blob = self.open_blob(&digest)?;
        let (diff_id, _) = unpack::diff_id(&blob).map_err(|source| Error::ImportLayer { number, source })?;
        Ok(LayerRecord { digest, media_type: layer.media_type, size_bytes, diff_id })
    }
}

/// Layers that are being imported into the store of `root`, or were when rlab was killed.
pub fn imports(root: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(root.join("image/ingest")).into_iter().flatten().flatten();
    let half = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(HALF));
    half.map(|entry| entry.path()).collect()
}

/// Puts the diffIDs into a configuration that leaves them out.
fn complete_config(config: &[u8], layers: &[LayerRecord]) -> Result<Vec<u8>, Error> {
    let bad = |problem: String| Error::BadConfig { digest: crate::image::digest::Digest::sha256(config), problem };
    let mut value: Value = serde_json::from_slice(config).map_err(|error| bad(error.to_string()))?;
    if !value.is_object() {
        return Err(bad("it is no JSON object".to_owned()));
    }
    let found: Vec<String> = layers.iter().map(|layer| layer.diff_id.to_string()).collect();
    let stated = value["rootfs"]["diff_ids"].as_array().cloned().unwrap_or_default();
    if stated.is_empty() {
        value["rootfs"] = json!({"type": "layers", "diff_ids": found});
        return Ok(value.to_string().into_bytes());
    }
    if stated != found {
        return Err(Error::ImportMismatch { config: stated.len(), given: found.len() });
    }
    Ok(config.to_vec())
}
