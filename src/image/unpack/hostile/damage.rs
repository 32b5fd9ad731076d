//! Archives cut short, with a bit turned, far too large, or not what was promised.

use std::io::{self, BufReader, Read, Write};

use flate2::write::GzEncoder;
use proptest::prelude::*;
use tar::EntryType;

use super::super::archive::Archive;
use super::super::compression::decompress;
use super::super::extract::Extractor;
use super::super::{Compression, Error, Limits};
use super::forge::Forge;
use super::{Inventory, PACKINGS, Place, inventory, kind, needs_root, pack};
use crate::image::digest::Digest;
use crate::sys::tree;

/// A small layer with something of everything that has data.
fn small() -> Vec<u8> {
    let text: Vec<u8> = (0..1300u32).flat_map(|number| number.to_string().into_bytes()).collect();
    Forge::default()
        .dir("d/")
        .with(b"d/text", EntryType::Regular, &text[..300], |_| {})
        .pax(&[("path", &[b'n'; 150]), ("SCHILY.xattr.user.a", b"value")])
        .file("x")
        .symlink("d/link", "text")
        .link("hard", "d/text")
        .pax(&[("GNU.sparse.size", b"9000"), ("GNU.sparse.map", b"4096,4")])
        .file("sparse")
        .file("d/.wh.gone")
        .end()
}

/// Takes in a damaged blob; fails unless it is refused with what belongs to a refusal, or is what was promised after all.
fn try_damaged(place: &Place, before: &Inventory, blob: Vec<u8>, promised: &Digest, what: &str) -> bool {
    let blob_path = place.store.blob_path(&Digest::sha256(&blob));
    match place.take_in(&[(blob, promised.clone())], Limits::default()) {
        Ok(layer) => {
            tree::remove(
                tree::open_root(layer.parent().unwrap().parent().unwrap()).unwrap(),
                promised.hex().as_bytes(),
            )
            .unwrap();
            std::fs::remove_file(blob_path).unwrap();
            false
        }
        Err(error) => {
            assert!(error.hint().is_some() && !error.to_string().is_empty(), "{what}: {error}");
            assert_eq!(inventory(place.folder.path()), *before, "{what}: {error}");
            true
        }
    }
}

#[test]
fn a_layer_cut_short_anywhere_is_refused() {
    needs_root!();
    let (tar, place) = (small(), Place::new());
    let promised = Digest::sha256(&tar);
    let before = inventory(place.folder.path());
    let mut tried = 0;
    for packing in PACKINGS {
        let blob = pack(&tar, packing);
        let step = if packing == Compression::Plain { 512 } else { 1 };
        for end in (0..blob.len()).step_by(step) {
            assert!(
                try_damaged(&place, &before, blob[..end].to_vec(), &promised, &format!("{packing:?} cut at {end}")),
                "{packing:?} cut at {end} is taken in"
            );
            tried += 1;
        }
    }
    eprintln!("{tried} layers cut short");
}

#[test]
fn a_layer_with_one_bit_turned_is_refused_or_the_same() {
    needs_root!();
    let (tar, place) = (small(), Place::new());
    let promised = Digest::sha256(&tar);
    let before = inventory(place.folder.path());
    let (mut tried, mut harmless) = (0, 0);
    for packing in PACKINGS {
        let blob = pack(&tar, packing);
        for at in (0..blob.len()).step_by(if packing == Compression::Plain { 37 } else { 1 }) {
            let mut damaged = blob.clone();
            damaged[at] ^= 1 << (at % 8);
            // Some bits of gzip's header mean nothing to the content.
            harmless +=
                usize::from(!try_damaged(&place, &before, damaged, &promised, &format!("{packing:?} turned at {at}")));
            tried += 1;
        }
    }
    eprintln!("{tried} layers with a bit turned, {harmless} of them with the same content");
}

#[test]
fn where_a_damaged_layer_breaks_is_told() {
    needs_root!();
    let place = Place::new();
    let tar = Forge::default().file("first").with(b"second", EntryType::Regular, &[0; 3000], |_| {}).end();
    let broken = |end: usize| {
        place.take_in(&[(tar[..end].to_vec(), Digest::sha256(&tar))], Limits::default()).unwrap_err().to_string()
    };
    assert_eq!(broken(300), "the archive is broken at byte 300: it ends in the middle of a header");
    assert_eq!(
        broken(1300),
        "after entry \"first\": the archive is broken at byte 1300: it ends in the middle of a header"
    );
    assert_eq!(
        broken(2000),
        "at entry \"second\": the archive is broken at byte 2000: it ends in the middle of a file"
    );
}

#[test]
fn a_bomb_is_stopped_by_each_limit() {
    needs_root!();
    let place = Place::new();
    let limits = |max_layer_bytes, max_ratio, max_entries| Limits { max_layer_bytes, max_ratio, max_entries };
    let zeros = Forge::default().file("first").with(b"zeros", EntryType::Regular, &vec![0; 20 << 20], |_| {}).end();
    let many = (0..50).fold(Forge::default(), |forge, at| forge.dir(format!("d{at}/"))).end();
    let implied = Forge::default().pax(&[("path", "i/".repeat(100).as_bytes())]).dir("x").end();
    for (tar, limits, expected, entry) in [
        (&zeros, limits(10 << 20, u64::MAX, 10), "TooLarge", "\"zeros\""),
        (&many, limits(1 << 30, 200, 20), "TooManyEntries", "\"d20/\""),
        (&implied, limits(1 << 30, 200, 20), "TooManyEntries", "\"i/i/"),
    ] {
        for packing in PACKINGS {
            let before = inventory(place.folder.path());
            let error = place.take_in(&[(pack(tar, packing), Digest::sha256(tar))], limits).unwrap_err();
            assert_eq!(kind(&error), expected, "{error}");
            assert!(error.to_string().contains(entry), "{error}");
            assert!(error.hint().unwrap().contains("[unpack]"), "{error}");
            assert_eq!(inventory(place.folder.path()), before, "{error}");
        }
    }
    assert!(
        place.take_in(&[(pack(&zeros, Compression::Gzip), Digest::sha256(&zeros))], limits(21 << 20, 1, 10)).is_ok()
    );
}

#[test]
fn a_ratio_bomb_is_stopped_before_it_fills_the_disk() {
    needs_root!();
    let place = Place::new();
    // A volume label has no file: its data is passed over, so nothing is written while the meter runs.
    let mut tar = Forge::default().file("first").0;
    let header = Forge::default().with(b"label", EntryType::new(b'V'), b"", |header| header.set_size(10 << 30)).0;
    tar.extend(header);
    let mut member = GzEncoder::new(Vec::new(), flate2::Compression::best());
    member.write_all(&vec![0; 32 << 20]).unwrap();
    let member = member.finish().unwrap();
    let mut blob = pack(&tar, Compression::Gzip);
    (0..320).for_each(|_| blob.extend_from_slice(&member));
    let promised = Digest::sha256(b"whatever it promises");
    let before = inventory(place.folder.path());
    let error = place.take_in(&[(blob, promised)], Limits::default()).unwrap_err();
    let text = error.to_string();
    assert_eq!(text, "after entry \"first\": the layer unpacks to more than 200 times its size");
    assert_eq!(inventory(place.folder.path()), before);
}

/// The same entry again and again, made as it is read.
struct Endless {
    entry: Vec<u8>,
    at: usize,
    left: u64,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.entry.len() {
            (self.at, self.left) = (0, self.left - 1);
        }
        if self.left == 0 {
            return Ok(0);
        }
        let n = (&self.entry[self.at..]).read(buffer)?;
        self.at += n;
        Ok(n)
    }
}

fn extract_endless(entry: Vec<u8>, times: u64, max_entries: u64) -> Result<u64, Error> {
    let dir = tempfile::tempdir().unwrap();
    let stream = BufReader::with_capacity(64 << 10, Endless { entry, at: 0, left: times });
    let limits = Limits { max_entries, ..Limits::default() };
    let extractor = Extractor::new(tree::open_root(dir.path()).unwrap(), &[], limits);
    let counts = extractor.extract(&mut Archive::new(stream))?;
    assert!(dir.path().read_dir().unwrap().count() <= 1);
    Ok(counts.entries)
}

#[test]
fn very_many_entries_come_to_an_end() {
    needs_root!();
    let root = Forge::default().dir("./").0;
    let dir = Forge::default().dir("d/").0;
    assert_eq!(extract_endless(root, 1_000_000, 1_000_000).unwrap(), 1_000_000);
    let error = extract_endless(dir, u64::MAX, 50_000).unwrap_err();
    assert_eq!(error.to_string(), "at entry \"d/\": the layer has more than 50000 entries");
}

#[test]
fn a_large_global_header_does_not_slow_every_entry() {
    needs_root!();
    let body: Vec<u8> = (0..40_000).flat_map(|at| super::forge::record(&format!("comment{at}"), b"x")).collect();
    let global = Forge::default().extension(EntryType::XGlobalHeader, &body).0;
    let dirs = (0..5000).fold(Forge(global), |forge, _| forge.dir("d/")).end();
    let place = Place::new();
    assert!(place.take_in(&[(dirs.clone(), Digest::sha256(&dirs))], Limits::default()).is_ok());
    let many: Vec<u8> = (0..20)
        .flat_map(|at| {
            let body = super::forge::record(&format!("key{at}"), &vec![b'x'; 100_000]);
            Forge::default().extension(EntryType::XGlobalHeader, &body).0
        })
        .collect();
    let error = place.take_in(&[(many.clone(), Digest::sha256(&many))], Limits::default()).unwrap_err();
    assert!(error.to_string().contains("global headers"), "{error}");
}

proptest! {
    #[test]
    fn a_foreign_stream_never_panics(
        changes in proptest::collection::vec((0usize..7000, any::<u8>()), 0..6),
        end in 0usize..8000,
        which in 0usize..3,
        compressed in any::<bool>(),
    ) {
        let tar = small();
        let mut bytes = if compressed { pack(&tar, PACKINGS[which]) } else { tar };
        for (at, byte) in changes {
            let length = bytes.len();
            bytes[at % length] = byte;
        }
        bytes.truncate(end);
        // A header whose checksum is right again: what it says is believed.
        if !compressed && bytes.len() >= 512 {
            let mut header = tar::Header::from_byte_slice(&bytes[..512]).clone();
            header.set_cksum();
            bytes[..512].copy_from_slice(header.as_bytes());
        }
        if let Ok((_, stream)) = decompress(&bytes[..]) {
            let mut archive = Archive::new(BufReader::new(stream.take(64 << 20)));
            while let Ok(Some(_)) = archive.next() {}
        }
    }

    #[test]
    fn a_foreign_name_never_leaves_the_layer(name in "(\\.wh\\.|\\.\\.|[a./\\\\\n\u{e9}]){0,12}", target in "[a./]{0,12}", kind in 0usize..6) {
        if !tree::is_root() {
            return Ok(());
        }
        let folder = tempfile::tempdir().unwrap();
        let layer = folder.path().join("layer");
        std::fs::create_dir(&layer).unwrap();
        let kinds = [EntryType::Regular, EntryType::Directory, EntryType::Symlink, EntryType::Link, EntryType::Fifo, EntryType::GNUSparse];
        let made = |forge: Forge| forge.with(name.as_bytes(), kinds[kind], b"", |header| header.set_link_name_literal(&target).unwrap());
        let tar = made(made(Forge::default().symlink("a", "../..").dir("aa/"))).file("a/a").end();
        let extractor = Extractor::new(tree::open_root(&layer).unwrap(), &[], Limits::default());
        let _ = extractor.extract(&mut Archive::new(&tar[..]));
        let beside: Vec<_> = std::fs::read_dir(folder.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
        prop_assert_eq!(beside, ["layer"]);
    }
}
