//! Archives by someone who means harm, or whose disk was failing: each is refused with an error that helps, or handled as
//! containerd and Docker handle it; nothing outside the store is touched, and nothing half made stays in it.
#![allow(clippy::disallowed_macros, reason = "a test that is skipped says so aloud, and a table says how long it is")]

mod cases;
mod damage;
mod forge;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use cases::{Case, Verdict};
use flate2::write::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use tempfile::TempDir;

use super::{Compression, Error, Limits};
use crate::image::digest::Digest;
use crate::image::layers;
use crate::image::platform::Platform;
use crate::image::progress::Silent;
use crate::image::store::{Content, ImageRecord, LayerRecord, Provenance, Store};

const PACKINGS: [Compression; 3] = [Compression::Plain, Compression::Gzip, Compression::Zstd];

/// Owners and devices need root: without it the test says so and passes.
macro_rules! needs_root {
    () => {
        if !crate::sys::tree::is_root() {
            return crate::skip::aloud("unpacking layers needs root");
        }
    };
}
use needs_root;

fn pack(tar: &[u8], packing: Compression) -> Vec<u8> {
    match packing {
        Compression::Plain => tar.to_vec(),
        Compression::Zstd => compress_to_vec(tar, CompressionLevel::Fastest),
        Compression::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
            std::io::Write::write_all(&mut encoder, tar).unwrap();
            encoder.finish().unwrap()
        }
    }
}

/// A store of its own, beside a folder that stands for the host.
struct Place {
    folder: TempDir,
    store: Store,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("host")).unwrap();
        fs::write(folder.path().join("host/victim"), "host").unwrap();
        let store = Store::open(&folder.path().join("root")).unwrap();
        drop(store.lease().unwrap());
        Self { folder, store }
    }

    fn host(&self) -> PathBuf {
        self.folder.path().join("host")
    }

    /// Takes in an image of these blobs as `rlab pull` does once they are fetched, and gives its topmost layer.
    fn take_in(&self, blobs: &[(Vec<u8>, Digest)], limits: Limits) -> Result<PathBuf, Error> {
        let lease = self.store.lease().unwrap();
        let layer = |(blob, diff_id): &(Vec<u8>, Digest)| LayerRecord {
            digest: lease.put_blob(blob).unwrap(),
            media_type: crate::image::manifest::OCI_LAYER.to_owned(),
            size_bytes: blob.len() as u64,
            diff_id: diff_id.clone(),
        };
        let layers: Vec<LayerRecord> = blobs.iter().map(layer).collect();
        let record = ImageRecord {
            reference: "lab/hostile".parse().unwrap(),
            index: None,
            manifest: Digest::sha256(b"manifest"),
            config: Digest::sha256(b"config"),
            platform: Platform::host(),
            layers,
            provenance: Provenance::BuiltIn,
            pulled_at: String::new(),
        };
        match layers::unpack(&lease, &record, limits, &Silent) {
            Ok(reports) => Ok(reports.last().unwrap().path.clone()),
            Err(error) => {
                let content = Content {
                    made_here: false,
                    blobs: record.layers.iter().map(|layer| layer.digest.clone()).collect(),
                    diff_ids: record.layers.iter().map(|layer| layer.diff_id.clone()).collect(),
                };
                lease.withdraw(&content, error.refuses_the_image(), &[]).unwrap();
                let crate::image::Error::Unpack { digest, source } = error else { panic!("{error}") };
                assert_eq!(digest, record.layers.last().unwrap().digest, "another layer is named");
                Err(source)
            }
        }
    }
}

/// What lies where, and all about it.
type Inventory = BTreeMap<PathBuf, String>;

/// Every file below a folder, with all that an archive could change of it but times of reading.
fn inventory(folder: &Path) -> Inventory {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let (path, stat) = (entry.path(), fs::symlink_metadata(entry.path()).unwrap());
        let text = if stat.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
        let (mode, nlink, mtime) = (stat.mode(), stat.nlink(), (stat.mtime(), stat.mtime_nsec()));
        // A directory's own time and links change with what is made in it, and are told by that.
        let marks = if stat.is_dir() { String::new() } else { format!("{nlink} {mtime:?}") };
        found.insert(path.clone(), format!("{mode:o} {}:{} {marks} {text:?}", stat.uid(), stat.gid()));
        if stat.is_dir() {
            found.extend(inventory(&path));
        }
    }
    found
}

fn kind(error: &Error) -> String {
    match error {
        Error::Near { source, .. } => kind(source),
        other => format!("{other:?}").split(|letter: char| !letter.is_alphanumeric()).next().unwrap().to_owned(),
    }
}

/// Tries one case in one packing; gives what is wrong with the outcome.
fn wrong(case: &Case, place: &Place, packing: Compression) -> Option<String> {
    let blobs: Vec<_> = case.layers.iter().map(|tar| (pack(tar, packing), Digest::sha256(tar))).collect();
    let before = inventory(place.folder.path());
    let outcome = place.take_in(&blobs, Limits::default());
    match (&case.verdict, outcome) {
        (Verdict::Handled(holds), Ok(layer)) => {
            let host = inventory(&place.host());
            let untouched = host.iter().all(|(path, state)| before.get(path) == Some(state)) && host.len() == 1;
            let verdict = if !holds(&layer) { Some("handled in another way") } else { None };
            (!untouched).then_some("the host was touched").or(verdict).map(str::to_owned)
        }
        (Verdict::Refused(expected, entry), Err(error)) => {
            let (found, text) = (kind(&error), error.to_string());
            let problems = [
                (found != *expected, format!("refused as {found}: {text}")),
                (!text.contains(entry), format!("the entry is not named: {text}")),
                (text.chars().any(char::is_control), format!("the message has control characters: {text:?}")),
                (error.hint().is_none(), format!("no next step: {text}")),
                (
                    inventory(place.folder.path()) != before,
                    format!("something stays: {:#?}", inventory(place.folder.path()).keys()),
                ),
            ];
            problems.into_iter().find(|(is_wrong, _)| *is_wrong).map(|(_, problem)| problem)
        }
        (Verdict::Handled(_), Err(error)) => Some(format!("refused: {error}")),
        (Verdict::Refused(..), Ok(_)) => Some("taken in".to_owned()),
    }
}

#[test]
fn every_hostile_layer_is_refused_or_handled() {
    needs_root!();
    let mut problems = Vec::new();
    let mut tried = 0;
    for packing in PACKINGS {
        let count = cases::all("").len();
        for at in 0..count {
            let place = Place::new();
            let case = cases::all(place.host().to_str().unwrap()).swap_remove(at);
            // A plain archive that begins like another format is not told from it: only the plain one is tried.
            if packing != Compression::Plain && matches!(case.verdict, Verdict::Refused("UnsupportedCompression", _)) {
                continue;
            }
            tried += 1;
            problems.extend(wrong(&case, &place, packing).map(|what| format!("{} ({packing:?}): {what}", case.name)));
        }
    }
    eprintln!("{tried} hostile layers tried");
    assert!(problems.is_empty(), "{} of {tried}:\n{}", problems.len(), problems.join("\n"));
}
