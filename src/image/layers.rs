//! Unpacks an image's layers, each once for all images and containers that share it.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::error::Error;
use super::progress::Progress;
use super::store::{ImageRecord, LayerRecord, Lease, write_by_rename};
use super::unpack::{self, Limits, Unpacked};
use crate::sys::{flock, tree};

/// What became of one layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerReport {
    /// The layer.
    pub layer: LayerRecord,
    /// Where it is.
    pub path: PathBuf,
    /// Whether it was there before.
    pub reused: bool,
    /// Other images that have it, too.
    pub shared_with: Vec<String>,
    /// What it consisted of.
    pub unpacked: Unpacked,
    /// How long it took.
    pub duration: Duration,
}

/// Unpacks what is not unpacked yet, lowest layer first.
pub fn unpack(
    lease: &Lease,
    record: &ImageRecord,
    limits: Limits,
    progress: &dyn Progress,
) -> Result<Vec<LayerReport>, Error> {
    let mut reports = Vec::new();
    let mut below: Vec<OwnedFd> = Vec::new();
    for layer in &record.layers {
        let began = Instant::now();
        let failed = |source| Error::Unpack { digest: layer.digest.clone(), source };
        progress.unpacking(layer);
        let (reused, unpacked) = one(lease, layer, &below, limits)?;
        let path = lease.layer_path(&layer.diff_id);
        let opened = tree::open_root(&path).map_err(|source| failed(at(&path)(source)))?;
        below.insert(0, opened);
        let shared_with = lease.images_with_layer(&layer.diff_id, &record.reference);
        let report =
            LayerReport { layer: layer.clone(), path, reused, shared_with, unpacked, duration: began.elapsed() };
        progress.unpacked(&report);
        reports.push(report);
    }
    Ok(reports)
}

fn one(lease: &Lease, layer: &LayerRecord, below: &[OwnedFd], limits: Limits) -> Result<(bool, Unpacked), Error> {
    let failed = |source| Error::Unpack { digest: layer.digest.clone(), source };
    let folder = lease.layer_folder(&layer.diff_id);
    if let Some(unpacked) = present(lease, layer) {
        return Ok((true, unpacked));
    }
    let prepare = || {
        fs::create_dir_all(&folder)?;
        let lock = File::open(&folder)?;
        flock::lock(&lock, flock::Mode::Exclusive)?;
        Ok(lock)
    };
    let lock: File = prepare().map_err(|source| failed(at(&folder)(source)))?;
    // Another process may have unpacked it while this one waited.
    if let Some(unpacked) = present(lease, layer) {
        return Ok((true, unpacked));
    }
    let blob = lease.open_blob(&layer.digest)?;
    let fresh = folder.join("new");
    let begin = || {
        discard(&lock)?;
        DirBuilder::new().mode(0o755).create(&fresh)
    };
    begin().map_err(|source| failed(at(&fresh)(source)))?;
    match unpack::unpack_into(&blob, &fresh, below, &layer.diff_id, limits) {
        Ok(unpacked) => {
            let text = serde_json::to_vec(&unpacked).unwrap_or_default();
            let report = folder.join("report.json");
            write_by_rename(&report, &report, &text)?;
            fs::rename(&fresh, folder.join("fs")).map_err(|source| failed(at(&fresh)(source)))?;
            Ok((false, unpacked))
        }
        Err(error) => {
            // What went wrong first is what matters; a rest that stays is swept by the next attempt.
            let _ = discard(&lock);
            Err(failed(error))
        }
    }
}

fn present(lease: &Lease, layer: &LayerRecord) -> Option<Unpacked> {
    lease.layer_path(&layer.diff_id).is_dir().then(|| lease.layer_report(&layer.diff_id)).flatten()
}

/// Removes what an attempt cut short has left in a layer's folder.
fn discard(folder: &File) -> io::Result<()> {
    for name in [b"new" as &[u8], b"fs"] {
        if tree::lstat(folder, name)?.is_some() {
            tree::remove(folder, name)?;
        }
    }
    Ok(())
}

fn at(path: &Path) -> impl Fn(io::Error) -> unpack::Error {
    let path = path.display().to_string();
    move |source| unpack::Error::Store { path: path.clone(), source }
}
