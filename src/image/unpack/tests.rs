//! Archives made on the spot, and what becomes of them.
#![allow(clippy::disallowed_macros, reason = "a test that is skipped says so aloud")]

use std::fs::{self, File};
use std::io::{Seek, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};

use tar::{EntryType, Header};
use tempfile::TempDir;

use super::*;

/// A tar stream in the making.
#[derive(Default)]
struct Tar(Vec<u8>);

impl Tar {
    fn entry(mut self, path: &str, kind: EntryType, link: &str, mode: u32, data: &[u8]) -> Self {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_link_name_literal(link).unwrap();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(1);
        header.set_gid(2);
        header.set_mtime(1_000_000_000);
        header.set_size(data.len() as u64);
        if matches!(kind, EntryType::Char | EntryType::Block) {
            header.set_device_major(1).unwrap();
            header.set_device_minor(3).unwrap();
        }
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.data(data)
    }

    fn data(mut self, data: &[u8]) -> Self {
        self.0.extend_from_slice(data);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn file(self, path: &str, data: &str) -> Self {
        self.entry(path, EntryType::Regular, "", 0o644, data.as_bytes())
    }

    fn dir(self, path: &str) -> Self {
        self.entry(path, EntryType::Directory, "", 0o755, b"")
    }

    fn symlink(self, path: &str, target: &str) -> Self {
        self.entry(path, EntryType::Symlink, target, 0o777, b"")
    }

    fn link(self, path: &str, target: &str) -> Self {
        self.entry(path, EntryType::Link, target, 0o644, b"")
    }

    fn pax(self, records: &[(&str, &[u8])]) -> Self {
        let mut body = Vec::new();
        for (key, value) in records {
            let length = key.len() + value.len() + 3;
            let length = (length + 1..).find(|n| n.to_string().len() + length == *n).unwrap();
            body.extend_from_slice(format!("{length} {key}=").as_bytes());
            body.extend_from_slice(value);
            body.push(b'\n');
        }
        self.entry("pax", EntryType::XHeader, "", 0o644, &body)
    }

    fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(&[0; 1024]);
        self.0
    }
}

fn blob(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file
}

fn unpack_over(tar: Tar, below: &[OwnedFd], limits: Limits) -> (TempDir, Result<Unpacked, Error>) {
    let bytes = tar.end();
    let dir = tempfile::tempdir().unwrap();
    let result = unpack_into(&blob(&bytes), dir.path(), below, &Digest::sha256(&bytes), limits);
    (dir, result)
}

fn unpack(tar: Tar) -> (TempDir, Result<Unpacked, Error>) {
    unpack_over(tar, &[], Limits::default())
}

/// See unshare(2): the umask, the root and the current directory.
const CLONE_FS: i32 = 0x200;

/// Owners and devices need root: without it the test says so and passes.
macro_rules! needs_root {
    () => {
        if !tree::is_root() {
            crate::skip::aloud("unpacking layers needs root");
            return;
        }
    };
}

macro_rules! needs_getfattr {
    () => {
        if crate::sys::find_program("getfattr").is_none() {
            return crate::skip::aloud("there is no program getfattr: apt install attr");
        }
    };
}

fn opaque(dir: &TempDir, path: &str) -> bool {
    let output = std::process::Command::new("getfattr")
        .args(["-n", "trusted.overlay.opaque", "--only-values", "--absolute-names"])
        .arg(dir.path().join(path))
        .output()
        .unwrap();
    output.stdout == b"y"
}

#[test]
fn every_kind_of_entry_gets_owner_mode_and_time() {
    needs_root!();
    let tar = Tar::default()
        .entry("./", EntryType::Directory, "", 0o700, b"")
        .dir("usr/")
        .entry("usr/su", EntryType::Regular, "", 0o4755, b"program")
        .symlink("link", "/usr/../elsewhere")
        .link("hard", "usr/su")
        .entry("null", EntryType::Char, "", 0o666, b"")
        .entry("disk", EntryType::Block, "", 0o660, b"")
        .entry("pipe", EntryType::Fifo, "", 0o600, b"");
    let (dir, result) = unpack(tar);
    let counts = result.unwrap().counts;
    assert_eq!((counts.files, counts.hard_links, counts.specials, counts.setuid), (1, 1, 3, 1));
    for (name, mode) in [
        (".", 0o40700),
        ("usr", 0o40755),
        ("usr/su", 0o104755),
        ("link", 0o120777),
        ("null", 0o20666),
        ("disk", 0o60660),
        ("pipe", 0o10600),
    ] {
        let stat = fs::symlink_metadata(dir.path().join(name)).unwrap();
        assert_eq!((stat.mode(), stat.uid(), stat.gid(), stat.mtime()), (mode, 1, 2, 1_000_000_000), "{name}");
    }
    let stat = fs::metadata(dir.path().join("hard")).unwrap();
    assert_eq!((stat.nlink(), stat.ino()), (2, fs::metadata(dir.path().join("usr/su")).unwrap().ino()));
    assert_eq!(fs::metadata(dir.path().join("null")).unwrap().rdev(), 0x103);
    assert_eq!(fs::read_link(dir.path().join("link")).unwrap().to_str(), Some("/usr/../elsewhere"));
}

#[test]
fn no_entry_leaves_the_layer() {
    needs_root!();
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().to_str().unwrap();
    let victim = outside.path().join("victim");
    fs::write(&victim, "host").unwrap();
    let through_link = Tar::default().symlink("etc", target).file("etc/victim", "evil").file("etc/new", "evil");
    let through_dots =
        Tar::default().symlink("up", "../../../../../../../..").file(&format!("up{target}/victim"), "evil");
    let over_link = Tar::default().symlink("victim", victim.to_str().unwrap()).file("victim", "evil");
    let hard_link = Tar::default().link("stolen", victim.to_str().unwrap()).file("stolen", "evil");
    let hard_through = Tar::default().symlink("etc", target).link("stolen", "etc/victim").file("stolen", "evil");
    for tar in [through_link, through_dots, over_link, hard_link, hard_through] {
        let (_dir, _result) = unpack(tar);
        assert_eq!(fs::read_to_string(&victim).unwrap(), "host");
        assert_eq!(fs::metadata(&victim).unwrap().nlink(), 1);
        assert!(!outside.path().join("new").exists());
    }
    for name in ["../victim", "a/../../victim", ".."] {
        let (_dir, result) = unpack(Tar::default().file(name, "evil"));
        assert!(matches!(result, Err(Error::UnsafeName { .. })), "{name}");
    }
}

#[test]
fn a_directory_swapped_for_a_link_between_entries_is_looked_up_anew() {
    needs_root!();
    let tar = Tar::default().dir("a/").file("a/one", "1").dir("b/").symlink("a", "b").file("a/two", "2");
    let (dir, result) = unpack(tar);
    result.unwrap();
    assert_eq!(fs::read_to_string(dir.path().join("b/two")).unwrap(), "2");
    assert!(fs::symlink_metadata(dir.path().join("a")).unwrap().is_symlink());
}

#[test]
fn a_linked_parent_inside_the_layer_is_followed() {
    needs_root!();
    // No host has such a folder: were the link followed to the host's root, nothing of the host's could be hit.
    let tar = Tar::default().dir("layer/").dir("layer/bin/").symlink("bin", "/layer/bin").file("bin/tool", "x");
    let (dir, result) = unpack(tar);
    result.unwrap();
    assert_eq!(fs::read_to_string(dir.path().join("layer/bin/tool")).unwrap(), "x");
}

#[test]
fn whiteouts_become_what_overlayfs_reads() {
    needs_root!();
    needs_getfattr!();
    let tar = Tar::default()
        .file(".wh.gone", "")
        .file("dir/.wh..wh..opq", "")
        .file("kept", "x")
        .file(".wh.kept", "")
        .file(".wh.reborn", "")
        .file("reborn/file", "new")
        .file(".wh.again", "")
        .dir("again/")
        .dir("merged/")
        .file(".wh.merged", "")
        .file(".wh..wh.plnk", "")
        .file(".wh.file", "")
        .file("file", "new");
    let (dir, result) = unpack(tar);
    let counts = result.unwrap().counts;
    assert_eq!((counts.whiteouts, counts.opaque), (6, 1));
    let gone = fs::symlink_metadata(dir.path().join("gone")).unwrap();
    assert!(gone.file_type().is_char_device() && gone.rdev() == 0);
    for name in ["dir", "reborn", "again", "merged"] {
        assert!(opaque(&dir, name), "{name}");
    }
    assert_eq!(fs::read_to_string(dir.path().join("kept")).unwrap(), "x");
    assert_eq!(fs::read_to_string(dir.path().join("file")).unwrap(), "new");
    assert!(!dir.path().join(".wh..wh.plnk").exists() && !dir.path().join("plnk").exists());
    for bad in [".wh.", ".wh..", ".wh...", "a/.wh."] {
        assert!(matches!(unpack(Tar::default().file(bad, "")).1, Err(Error::BadWhiteout { .. })), "{bad}");
    }
}

#[test]
fn a_later_entry_replaces_an_earlier_one() {
    needs_root!();
    let tar = Tar::default()
        .file("a", "old")
        .file("a", "new")
        .dir("d/")
        .file("d/in", "x")
        .file("d", "file now")
        .file("f", "x")
        .dir("f/")
        .file("l", "x")
        .link("l", "l");
    let (dir, result) = unpack(tar);
    result.unwrap();
    assert_eq!(fs::read_to_string(dir.path().join("a")).unwrap(), "new");
    assert_eq!(fs::read_to_string(dir.path().join("d")).unwrap(), "file now");
    assert!(dir.path().join("f").is_dir());
    assert_eq!(fs::read_to_string(dir.path().join("l")).unwrap(), "x");
}

#[test]
fn a_hard_link_to_nothing_names_both_ends() {
    needs_root!();
    let (_dir, result) = unpack(Tar::default().link("a", "missing/b"));
    assert!(matches!(result, Err(Error::LinkTarget { entry, target }) if entry == "a" && target == "missing/b"));
}

#[test]
fn long_names_times_and_attributes_come_from_extension_headers() {
    needs_root!();
    needs_getfattr!();
    let long = format!("{}/{}", "d".repeat(200), "f".repeat(200));
    let tar = Tar::default()
        .pax(&[
            ("path", long.as_bytes()),
            ("mtime", b"1234567890.123456789"),
            ("uid", b"3000000"),
            ("SCHILY.xattr.user.binary", b"a\n=\0b"),
            ("SCHILY.xattr.trusted.overlay.redirect", b"/etc"),
            ("SCHILY.xattr.security.selinux", b"x"),
        ])
        .file("short", "x")
        .entry("././@LongLink", EntryType::GNULongName, "", 0o644, format!("{}\0", "g".repeat(150)).as_bytes())
        .file("ignored", "y");
    let (dir, result) = unpack(tar);
    let counts = result.unwrap().counts;
    assert_eq!((counts.xattrs, counts.xattrs_dropped), (1, 2));
    let stat = fs::metadata(dir.path().join(&long)).unwrap();
    assert_eq!((stat.uid(), stat.mtime(), stat.mtime_nsec()), (3_000_000, 1_234_567_890, 123_456_789));
    assert_eq!(fs::read_to_string(dir.path().join("g".repeat(150))).unwrap(), "y");
    let output = std::process::Command::new("getfattr")
        .args(["-n", "user.binary", "--only-values", "--absolute-names"])
        .arg(dir.path().join(&long))
        .output()
        .unwrap();
    assert_eq!(output.stdout, b"a\n=\0b");
}

#[test]
fn sparse_files_of_every_format_get_their_holes() {
    needs_root!();
    let mut expected = vec![0; 20_000];
    expected[4096..4099].copy_from_slice(b"abc");
    expected[12_288..12_290].copy_from_slice(b"de");
    let v00: &[(&str, &[u8])] = &[
        ("GNU.sparse.size", b"20000"),
        ("GNU.sparse.numblocks", b"2"),
        ("GNU.sparse.offset", b"4096"),
        ("GNU.sparse.numbytes", b"3"),
        ("GNU.sparse.offset", b"12288"),
        ("GNU.sparse.numbytes", b"2"),
    ];
    let v01: &[(&str, &[u8])] =
        &[("GNU.sparse.size", b"20000"), ("GNU.sparse.map", b"4096,3,12288,2"), ("GNU.sparse.name", b"b")];
    let v10: &[(&str, &[u8])] = &[
        ("GNU.sparse.major", b"1"),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.realsize", b"20000"),
        ("GNU.sparse.name", b"c"),
    ];
    let mut prefixed = b"2\n4096\n3\n12288\n2\n".to_vec();
    prefixed.resize(512, 0);
    prefixed.extend_from_slice(b"abcde");
    let tar = Tar::default()
        .pax(v00)
        .file("a", "abcde")
        .pax(v01)
        .file("GNUSparseFile.1/b", "abcde")
        .pax(v10)
        .entry("GNUSparseFile.1/c", EntryType::Regular, "", 0o644, &prefixed)
        .file("after", "z");
    let (dir, result) = unpack(tar);
    assert_eq!(result.unwrap().counts.sparse, 3);
    for name in ["a", "b", "c"] {
        assert_eq!(fs::read(dir.path().join(name)).unwrap(), expected, "{name}");
        assert!(fs::metadata(dir.path().join(name)).unwrap().blocks() * 512 < 20_000, "{name} has no holes");
    }
    assert_eq!(fs::read(dir.path().join("after")).unwrap(), b"z");
}

#[test]
fn a_directory_the_archive_leaves_out_takes_owner_and_bits_from_below() {
    needs_root!();
    let (lower, result) = unpack(Tar::default().entry("tmp/", EntryType::Directory, "", 0o1777, b""));
    result.unwrap();
    let unpacked_under = |umask| {
        // This thread's own, so that the other tests keep theirs.
        crate::sys::unshare(CLONE_FS, "CLONE_FS").unwrap();
        crate::sys::mount::umask(umask).unwrap();
        let below = [tree::open_root(lower.path()).unwrap()];
        unpack_over(Tar::default().file("tmp/x", "").file("own/y", ""), &below, Limits::default())
    };
    let (upper, result) = std::thread::scope(|scope| scope.spawn(|| unpacked_under(0o077)).join()).unwrap();
    result.unwrap();
    let stat = fs::metadata(upper.path().join("tmp")).unwrap();
    assert_eq!((stat.mode() & 0o7777, stat.uid(), stat.mtime()), (0o1777, 1, 1_000_000_000));
    assert_eq!(fs::metadata(upper.path().join("own")).unwrap().mode() & 0o7777, 0o755);
}

#[test]
fn limits_stop_what_grows_too_far() {
    needs_root!();
    let big = || Tar::default().file("a", &"x".repeat(5000)).file("b", "y");
    let limits = |max_layer_bytes, max_entries| Limits { max_layer_bytes, max_entries, ..Limits::default() };
    let told = |limits| unpack_over(big(), &[], limits).1.unwrap_err().to_string();
    assert_eq!(told(limits(4000, 9)), "the layer unpacks to more than 4000 bytes");
    assert_eq!(told(limits(1 << 20, 1)), "at entry \"b\": the layer has more than 1 entries");
    assert!(unpack_over(big(), &[], limits(1 << 20, 2)).1.is_ok());
}

#[test]
fn what_comes_out_must_be_what_was_promised() {
    needs_root!();
    let bytes = Tar::default().file("a", "x").end();
    let dir = tempfile::tempdir().unwrap();
    let promised = Digest::sha256(b"something else");
    let result = unpack_into(&blob(&bytes), dir.path(), &[], &promised, Limits::default());
    assert!(matches!(result, Err(Error::DiffId { found, .. }) if found == Digest::sha256(&bytes)));
}

#[test]
fn broken_archives_are_errors_with_a_place() {
    needs_root!();
    let whole = Tar::default().file("a", &"x".repeat(2000)).end();
    let mut flipped = whole.clone();
    flipped[3] ^= 1;
    for bytes in [&whole[..700], &whole[..100], &flipped[..]] {
        let dir = tempfile::tempdir().unwrap();
        let result = unpack_into(&blob(bytes), dir.path(), &[], &Digest::sha256(bytes), Limits::default());
        let broken = |error: &Error| matches!(error, Error::BadArchive { .. });
        assert!(result.is_err_and(|error| match error {
            Error::Near { source, .. } => broken(&source),
            error => broken(&error),
        }));
    }
}

#[test]
fn links_planted_before_unpacking_are_not_followed_either() {
    needs_root!();
    let outside = tempfile::tempdir().unwrap();
    let dir = tempfile::tempdir().unwrap();
    symlink(outside.path(), dir.path().join("d")).unwrap();
    let bytes = Tar::default().file("d/x", "evil").end();
    let _ = unpack_into(&blob(&bytes), dir.path(), &[], &Digest::sha256(&bytes), Limits::default());
    assert!(!outside.path().join("x").exists());
}

proptest::proptest! {
    #[test]
    fn foreign_streams_never_panic_and_never_leave(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..1500)) {
        let mut archive = archive::Archive::new(&bytes[..]);
        while let Ok(Some(_)) = archive.next() {}
    }
}

#[test]
fn sparse_files_as_gnu_tar_writes_them_come_out_whole() {
    needs_root!();
    let source = tempfile::tempdir().unwrap();
    let file = File::create(source.path().join("holes")).unwrap();
    // More pieces than the header itself has room for, and a hole at the end.
    for piece in 0..60u64 {
        std::os::unix::fs::FileExt::write_all_at(&file, format!("piece {piece}").as_bytes(), piece * 65_536).unwrap();
    }
    file.set_len(61 * 65_536).unwrap();
    let expected = fs::read(source.path().join("holes")).unwrap();
    for format in ["gnu", "posix --sparse-version=0.0", "posix --sparse-version=0.1", "posix --sparse-version=1.0"] {
        let script = format!("tar -S --format={format} -c holes");
        let output =
            std::process::Command::new("sh").args(["-c", &script]).current_dir(source.path()).output().unwrap();
        assert!(output.status.success());
        let dir = tempfile::tempdir().unwrap();
        let promised = Digest::sha256(&output.stdout);
        let unpacked = unpack_into(&blob(&output.stdout), dir.path(), &[], &promised, Limits::default()).unwrap();
        assert_eq!((unpacked.counts.files, unpacked.counts.sparse), (1, 1), "{format}");
        let path = dir.path().join("holes");
        assert!(fs::read(&path).unwrap() == expected, "{format}");
        assert!(fs::metadata(&path).unwrap().blocks() * 512 < expected.len() as u64, "{format} has no holes");
    }
}
