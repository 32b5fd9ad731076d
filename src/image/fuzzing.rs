//! What must hold of names, manifests, layers and registries' answers, whatever they are made of. See `crate::fuzzing`.

use std::fs::{self, File};
use std::io::{Seek, Write};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use super::digest::Digest;
use super::manifest::{self, ACCEPTED, Descriptor, Document};
use super::platform::Platform;
use super::reference::Reference;
use super::registry::{self, Hosts};
use super::unpack::{self, Error, Limits};
use crate::sys::tree;

/// A name typed by somebody: read, written and read again it is the same; and no part of it leads upwards.
pub fn reference(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(platform) = text.parse::<Platform>() {
        assert_eq!(platform.to_string().parse(), Ok(platform));
    }
    if let Ok(digest) = text.parse::<Digest>() {
        assert_eq!(digest.to_string(), text);
    }
    match text.parse::<Reference>() {
        Ok(reference) => {
            assert_eq!(reference.to_string().parse().as_ref(), Ok(&reference));
            assert_eq!(reference.familiar().parse().as_ref(), Ok(&reference));
            assert!(!reference.repository().split('/').any(|part| matches!(part, "" | "." | "..")), "{reference}");
            assert!(!reference.target().is_empty() && !reference.target().contains('/'), "{reference}");
            assert!(reference.to_string().bytes().all(|byte| byte.is_ascii_graphic()), "{reference:?}");
            let endpoints = Hosts::default().endpoints(&reference);
            assert_eq!(endpoints.map(|all| all.len()).ok(), Some(1), "{reference}");
        }
        Err(error) => assert!(!error.to_string().is_empty() && error.hint().is_some_and(|hint| !hint.is_empty())),
    }
}

/// The answer to a question for a manifest. The first byte chooses what the registry calls it.
pub fn manifest(data: &[u8]) {
    let Some((choice, bytes)) = data.split_first() else { return };
    let schema1 = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    let headers = ACCEPTED.iter().copied().chain([schema1, "text/html"]).map(Some).chain([None]);
    let header = headers.cycle().nth(usize::from(choice % 32)).flatten();
    match manifest::parse(bytes, header) {
        Ok(Document::Manifest(found)) => {
            assert!(found.config.is_config());
            assert!(
                !matches!(header, Some(manifest::OCI_INDEX | manifest::DOCKER_INDEX)),
                "an index became a manifest"
            );
            found.layers.iter().chain([&found.config]).for_each(promise);
        }
        Ok(Document::Index(entries)) => {
            assert!(
                !matches!(header, Some(manifest::OCI_MANIFEST | manifest::DOCKER_MANIFEST)),
                "a manifest became an index"
            );
            entries.iter().for_each(promise);
            let wanted = Platform { os: "linux".into(), architecture: "amd64".into(), variant: None };
            let chosen = manifest::choose(&entries, &wanted);
            let platform = chosen.and_then(|entry| entry.platform.as_ref());
            assert!(platform.is_none_or(|platform| wanted.fit(platform).is_some()), "{platform:?}");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A descriptor that was accepted: a digest that is one, a size that files can have, and the same when read again.
fn promise(descriptor: &Descriptor) {
    assert_eq!(descriptor.digest.to_string().parse().as_ref(), Ok(&descriptor.digest));
    assert!(i64::try_from(descriptor.size_bytes).is_ok(), "no file has {} bytes", descriptor.size_bytes);
    let text = serde_json::to_string(descriptor).unwrap_or_default();
    assert_eq!(serde_json::from_str::<Descriptor>(&text).ok().as_ref(), Some(descriptor));
}

/// The rest of what a registry says: headers and small documents, a line each.
pub fn answer(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        registry::fuzzing::headers(text);
    }
    registry::fuzzing::documents(data);
}

const LIMITS: Limits = Limits { max_layer_bytes: 16 << 20, max_ratio: 200, max_entries: 500 };
const MARKER: &str = "what was here before\n";

/// A layer, unpacked below a folder of `scratch` and over another: whatever it holds, what lies beside stays as it was;
/// and what could be unpacked can be unpacked again.
pub fn layer(data: &[u8], scratch: &Path) {
    let Some((choice, bytes)) = data.split_first() else { return };
    let mut bytes = bytes.to_vec();
    if choice % 2 == 1 {
        seal(&mut bytes);
    }
    let before = prepare(scratch);
    let (nothing, over) = (Digest::sha256(b""), tree::open_root(&scratch.join("below")));
    let below = over.into_iter().collect::<Vec<_>>();
    let unpack = |promised: &Digest| {
        let blob = blob(scratch, &bytes);
        fs::create_dir(scratch.join("layer")).expect("the last one was taken away");
        let result = unpack::unpack_into(&blob, &scratch.join("layer"), &below, promised, LIMITS);
        assert_eq!(beside(scratch), before, "a layer reached what lies beside it");
        let folder = File::open(scratch).expect("it is there");
        tree::remove(&folder, b"layer").expect("what was unpacked can be taken away");
        result
    };
    match unpack(&nothing) {
        Err(Error::DiffId { found, .. }) => {
            let again = unpack(&found);
            assert!(again.is_ok(), "unpacked once, and then: {again:?}");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(unpacked) => assert_eq!(unpacked.unpacked_bytes, 0),
    }
}

fn blob(scratch: &Path, bytes: &[u8]) -> File {
    let path = scratch.join("blob");
    let mut file = File::options().create(true).truncate(true).read(true).write(true).open(&path).expect("a blob");
    file.write_all(bytes).and_then(|()| file.rewind()).expect("a blob");
    file
}

/// What an archive could be after: beside the layer a file, in the layer below a link to it.
fn prepare(scratch: &Path) -> Vec<String> {
    let (outside, below) = (scratch.join("beside"), scratch.join("below"));
    if !outside.exists() {
        fs::create_dir_all(below.join("etc/dir")).expect("a folder");
        fs::create_dir(&outside).expect("a folder");
        fs::write(outside.join("marker"), MARKER).expect("a file");
        fs::write(below.join("etc/file"), MARKER).expect("a file");
        symlink("../beside", below.join("out")).expect("a link");
        symlink("../../beside/marker", below.join("etc/link")).expect("a link");
    }
    beside(scratch)
}

/// All that is in `scratch` but the layer itself and its blob: name, kind, mode, owner, links, size, time and content.
fn beside(scratch: &Path) -> Vec<String> {
    let mut told = Vec::new();
    let mut folders = vec![scratch.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path == scratch.join("layer") || path == scratch.join("blob") {
                continue;
            }
            let stat = fs::symlink_metadata(&path).expect("an entry");
            let content = if stat.is_file() { fs::read(&path).unwrap_or_default() } else { Vec::new() };
            let owner = (stat.uid(), stat.gid(), stat.mode(), stat.nlink());
            let text = String::from_utf8_lossy(&content);
            told.push(format!("{path:?} {owner:?} {} {} {text:?}", stat.mtime(), stat.mtime_nsec()));
            if stat.is_dir() {
                folders.push(path);
            }
        }
    }
    told.sort();
    told
}

/// Makes the checksums of a tar stream right: a fuzzer would have to guess them, and never get beyond the first header.
fn seal(bytes: &mut [u8]) {
    let mut at = 0;
    while let Some(header) = bytes.get_mut(at..at + 512) {
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let digits = String::from_utf8_lossy(&header[124..135]);
        let size = usize::from_str_radix(digits.trim_matches(['\0', ' ']), 8).unwrap_or(0);
        at = at.saturating_add(512).saturating_add(size.next_multiple_of(512));
    }
}
