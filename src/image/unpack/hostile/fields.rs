//! The part of the table that is about what headers say: owners, records, times, attributes, maps of sparse files.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use tar::EntryType;

use super::super::forge::record;
use super::Verdict::{Handled, Refused};
use super::{Case, Verdict, case, exists, is_empty, new};

/// Every case of these.
pub fn all() -> Vec<Case> {
    [owners(), records(), values(), sparse(), sparse_in_front()].into_iter().flatten().collect()
}

fn owners() -> Vec<Case> {
    let owner = |uid: &'static [u8]| {
        new().pax(&[("uid", uid)]).with(b"su", EntryType::Regular, b"x", |header| header.set_mode(0o4755))
    };
    let bytes = |field: fn(&mut tar::OldHeader) -> &mut [u8], value: [u8; 8]| {
        new().with(b"f", EntryType::Regular, b"", |header| field(header.as_old_mut()).copy_from_slice(&value))
    };
    vec![
        case("setuid of nobody's", owner(b"4294967295"), Refused("BadArchive", "su")),
        case("an owner beyond 32 bits", owner(b"4294967296"), Refused("BadArchive", "su")),
        case("an owner below zero", owner(b"-1"), Refused("BadArchive", "su")),
        case("an owner that is no number", owner(b"root"), Refused("BadArchive", "su")),
        case(
            "the highest owner",
            owner(b"4294967294"),
            Handled(|layer| {
                let found = fs::metadata(layer.join("su")).unwrap();
                (found.uid(), found.mode() & 0o7777) == (u32::MAX - 1, 0o4755)
            }),
        ),
        case("an owner below zero in the header", bytes(|old| &mut old.uid, [0xff; 8]), Refused("BadArchive", "f")),
        case("a group that is no number", bytes(|old| &mut old.gid, *b"nobodys\0"), Refused("BadArchive", "f")),
        case("a mode below zero", bytes(|old| &mut old.mode, *b"-000644\0"), Refused("BadArchive", "f")),
        case(
            "a mode with bits that no file has",
            bytes(|old| &mut old.mode, *b"7777644\0"),
            Handled(|layer| fs::metadata(layer.join("f")).unwrap().mode() & 0o7777 == 0o7644),
        ),
        case(
            "setuid on what is no program",
            new().with(b"d/", EntryType::Directory, b"", |header| header.set_mode(0o7777)).with(
                b"pipe",
                EntryType::Fifo,
                b"",
                |header| header.set_mode(0o6666),
            ),
            Handled(|layer| {
                let mode = |name: &str| fs::symlink_metadata(layer.join(name)).unwrap().mode() & 0o7777;
                (mode("d"), mode("pipe")) == (0o7777, 0o6666)
            }),
        ),
    ]
}

fn records() -> Vec<Case> {
    let pax = |body: &[u8]| new().extension(EntryType::XHeader, body).file("x");
    let one = |key: &str, value: &[u8]| new().pax(&[(key, value)]).file("x");
    let header = |change: fn(&mut tar::Header)| new().file("first").with(b"x", EntryType::Regular, b"", change);
    let bad = || Refused("BadArchive", "");
    vec![
        case("a record longer than its header", pax(b"99 path=a\n"), bad()),
        case("a record shorter than itself", pax(b"5 path=a\n"), bad()),
        case("a record of no length", pax(b"0 path=a\n"), bad()),
        case("a record with a length below zero", pax(b"-9 path=a\n"), bad()),
        case("a record with a length beyond all", pax(b"99999999999999999999 path=a\n"), bad()),
        case("a record without =", pax(b"7 path\n"), bad()),
        case("records of 2 MiB", pax(&record("comment", &vec![b'c'; 2 << 20])), bad()),
        case("a size beyond all files", one("size", b"9223372036854775808"), Refused("BadArchive", "x")),
        case("a size below zero", one("size", b"-1"), Refused("BadArchive", "x")),
        case("a size beyond the stream", one("size", b"1000000"), Refused("BadArchive", "x")),
        case(
            "a size of 8 EiB less one in the header",
            header(|header| {
                header.as_old_mut().size = [0x80, 0, 0, 0, 0x7f, 255, 255, 255, 255, 255, 255, 255];
            }),
            Refused("BadArchive", "x"),
        ),
        case(
            "a size below zero in the header",
            header(|header| header.as_old_mut().size = [0xff; 12]),
            Refused("BadArchive", "x"),
        ),
    ]
}

fn values() -> Vec<Case> {
    let one = |key: &str, value: &[u8]| new().pax(&[(key, value)]).file("x");
    let header = |change: fn(&mut tar::Header)| new().file("first").with(b"x", EntryType::Regular, b"", change);
    vec![
        case("a time that no clock shows", one("mtime", b"99999999999999999999"), Refused("BadArchive", "x")),
        case("a time that is no number", one("mtime", b"1e9"), Refused("BadArchive", "x")),
        case(
            "the first moment of all",
            one("mtime", b"-9223372036854775807.9"),
            Handled(|layer| exists(&layer.join("x"))),
        ),
        case(
            "the last moment of all",
            header(|header| {
                header.as_old_mut().mtime = [0x80, 0, 0, 0, 0x7f, 255, 255, 255, 255, 255, 255, 255];
            }),
            Handled(|layer| exists(&layer.join("x"))),
        ),
        case("an attribute without a name", one("SCHILY.xattr.", b"x"), Refused("Entry", "x")),
        case(
            "an attribute with a long name",
            one(&format!("SCHILY.xattr.user.{}", "n".repeat(300)), b"x"),
            Refused("Entry", "x"),
        ),
        case("an attribute of 70000 bytes", one("SCHILY.xattr.user.a", &[b'x'; 70_000]), Refused("Entry", "x")),
        case(
            "an order to overlayfs",
            one("SCHILY.xattr.trusted.overlay.redirect", b"/etc"),
            Handled(|layer| !has_redirect(layer)),
        ),
        case(
            "the same, spelt another way",
            one("LIBARCHIVE.xattr.trusted%2Eoverlay.redirect", b"L2V0Yw"),
            Handled(|layer| !has_redirect(layer)),
        ),
        case(
            "a hundred headers for one entry",
            (0..100).fold(new(), |forge, at| forge.pax(&[("path", format!("n{at}").as_bytes())])).file("x"),
            Handled(|layer| exists(&layer.join("n99")) && !exists(&layer.join("n98"))),
        ),
        case("headers for no entry", new().pax(&[("path", b"a")]), Handled(is_empty)),
    ]
}

fn has_redirect(layer: &Path) -> bool {
    let mut getfattr = std::process::Command::new("getfattr");
    let Ok(output) = getfattr.args(["-d", "-m", "-", "--absolute-names"]).arg(layer.join("x")).output() else {
        crate::skip::aloud("there is no program getfattr: apt install attr");
        return false;
    };
    assert!(output.status.success());
    String::from_utf8_lossy(&output.stdout).contains("redirect")
}

/// It depends on the filesystem: a tmpfs takes it, and ext4 has none that large.
fn of_8_eib() -> Verdict {
    match tempfile::tempfile().unwrap().set_len(i64::MAX.unsigned_abs()) {
        Ok(()) => Handled(|layer| fs::metadata(layer.join("s")).unwrap().len() == i64::MAX.unsigned_abs()),
        Err(_) => Refused("Entry", "s"),
    }
}

fn sparse() -> Vec<Case> {
    let map = |size: &str, map: &str| {
        new().pax(&[("GNU.sparse.size", size.as_bytes()), ("GNU.sparse.map", map.as_bytes())]).file("s")
    };
    let bad = || Refused("BadArchive", "s");
    vec![
        case("pieces that overlap", map("100", "0,2,1,2"), bad()),
        case("pieces out of order", map("100", "50,2,0,2"), bad()),
        case("a piece past the end", map("100", "98,4"), bad()),
        case("a piece beyond all sizes", map("100", "18446744073709551615,4"), bad()),
        case("a piece below zero", map("100", "-4,4"), bad()),
        case("half a piece", map("100", "0,4,8"), bad()),
        case("more pieces than data", map("100", "0,4,8,4"), bad()),
        case("fewer pieces than data", map("100", "0,2"), bad()),
        case("a file of 8 EiB", map("9223372036854775807", "0,4"), of_8_eib()),
        case("a file beyond 8 EiB", map("9223372036854775808", "0,4"), bad()),
        case(
            "a file of 1 TiB that is a hole",
            map("1099511627776", "0,4"),
            Handled(|layer| {
                let found = fs::metadata(layer.join("s")).unwrap();
                found.len() == 1 << 40 && found.blocks() < 1000
            }),
        ),
        case(
            "a number of pieces that lies",
            new()
                .pax(&[("GNU.sparse.size", b"100"), ("GNU.sparse.map", b"0,4"), ("GNU.sparse.numblocks", b"7")])
                .file("s"),
            bad(),
        ),
        case(
            "a size that nobody gives",
            new().pax(&[("GNU.sparse.major", b"1"), ("GNU.sparse.minor", b"0")]).file("s"),
            bad(),
        ),
        case(
            "a format that nobody knows",
            new().pax(&[("GNU.sparse.major", b"2"), ("GNU.sparse.minor", b"0")]).file("s"),
            bad(),
        ),
    ]
}

fn sparse_in_front() -> Vec<Case> {
    let prefixed = |data: &[u8]| {
        let records: &[(&str, &[u8])] =
            &[("GNU.sparse.major", b"1"), ("GNU.sparse.minor", b"0"), ("GNU.sparse.realsize", b"9000")];
        new().pax(records).with(b"s", EntryType::Regular, data, |_| {})
    };
    let block = |text: &[u8]| [text, &vec![0; 512 - text.len()]].concat();
    let old = |change: fn(&mut tar::GnuHeader)| {
        new().with(b"s", EntryType::GNUSparse, b"evil", |header| change(header.as_gnu_mut().unwrap()))
    };
    let bad = || Refused("BadArchive", "s");
    vec![
        case("a map in front that is cut", prefixed(b"2\n0\n"), bad()),
        case("a map in front without an end", prefixed(&block(b"9\n0\n")), bad()),
        case("a map in front of a million pieces and one", prefixed(&block(b"1048577\n")), bad()),
        case("a map in front with letters", prefixed(&block(b"one\n")), bad()),
        case("a map in front that lies", prefixed(&[&block(b"1\n0\n9\n")[..], b"evil"].concat()), bad()),
        case(
            "an old map with a size that lies",
            old(|header| {
                header.realsize = *b"00000000001\0";
                header.sparse[0].offset = *b"00000000000\0";
                header.sparse[0].numbytes = *b"00000000004\0";
            }),
            bad(),
        ),
        case("an old map with letters", old(|header| header.realsize = *b"letters4567\0"), bad()),
        case(
            "an old map that goes on where nothing is",
            old(|header| {
                header.realsize = *b"00000000004\0";
                header.isextended = [1];
            }),
            bad(),
        ),
    ]
}
