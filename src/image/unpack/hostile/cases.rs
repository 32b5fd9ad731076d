//! The table: what an archive may try, and what becomes of it.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use tar::EntryType;

use super::forge::{Forge, record};

/// What has to become of a layer.
pub enum Verdict {
    /// Refused with an error of this kind, which names this entry.
    Refused(&'static str, &'static str),
    /// Taken in, and then this holds of the layer's directory.
    Handled(fn(&Path) -> bool),
}

#[path = "fields.rs"]
mod fields;

use Verdict::{Handled, Refused};

/// A hostile image: its layers, lowest first. The verdict is on the topmost.
pub struct Case {
    pub name: &'static str,
    pub layers: Vec<Vec<u8>>,
    pub verdict: Verdict,
}

fn case(name: &'static str, forge: Forge, verdict: Verdict) -> Case {
    Case { name, layers: vec![forge.end()], verdict }
}

fn new() -> Forge {
    Forge::default()
}

fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

fn is_evil(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_file()) && fs::read(path).is_ok_and(|text| text == b"evil")
}

fn is_empty(layer: &Path) -> bool {
    fs::read_dir(layer).unwrap().count() == 0
}

/// Every case. `host` is a folder with a file `victim`, which stands for all that no archive may touch.
pub fn all(host: &str) -> Vec<Case> {
    let linked = [symlinks(host), swapped_links(host), hard_links(host)];
    let others = [names(), long_names(), nodes(), whiteouts(), streams(), fields::all()];
    linked.into_iter().chain(others).flatten().collect()
}

fn names() -> Vec<Case> {
    vec![
        case("`..` in front", new().file("../victim"), Refused("UnsafeName", "../victim")),
        case("`..` inside", new().file("a/../../victim"), Refused("UnsafeName", "a/../../victim")),
        case("`..` alone", new().dir(".."), Refused("UnsafeName", "..")),
        case("`..` that stays inside", new().dir("a/").file("a/../b"), Refused("UnsafeName", "a/../b")),
        case("an absolute name", new().file("/etc/victim"), Handled(|layer| is_evil(&layer.join("etc/victim")))),
        case("slashes doubled", new().file("//a//./b"), Handled(|layer| is_evil(&layer.join("a/b")))),
        case("a file in place of the root", new().with(b"./", EntryType::Regular, b"", |_| {}), Handled(is_empty)),
        case("a link in place of the root", new().symlink(".", "/"), Refused("UnsafeName", ".")),
        case("no name", new().file(""), Refused("UnsafeName", "")),
        case("a newline", new().file("a\nb"), Handled(|layer| is_evil(&layer.join("a\nb")))),
        case("control characters", new().file("\x1b[2J\x07"), Handled(|layer| is_evil(&layer.join("\x1b[2J\x07")))),
        case("control characters in a message", new().file("\x1b[2J/../x"), Refused("UnsafeName", "\\u{1b}[2J/../x")),
        case(
            "invalid UTF-8",
            new().file(b"\xff\xfe"),
            Handled(|layer| is_evil(&layer.join(std::ffi::OsStr::from_bytes(b"\xff\xfe")))),
        ),
        case("invalid UTF-8 in a message", new().file(b"\xff/../x"), Refused("UnsafeName", "\u{fffd}/../x")),
        case(
            "case twins",
            new().file("Twin").dir("twin/"),
            Handled(|layer| is_evil(&layer.join("Twin")) && layer.join("twin").is_dir()),
        ),
        case("one name twice", new().dir("a/").file("a/b").file("a"), Handled(|layer| is_evil(&layer.join("a")))),
        case("a file used as a directory", new().file("a").file("a/b"), Refused("Entry", "a/b")),
        case(
            "a directory by its slash alone",
            new().with(b"old/", EntryType::Regular, b"", |_| {}),
            Handled(|layer| layer.join("old").is_dir()),
        ),
    ]
}

fn long_names() -> Vec<Case> {
    let long = |body: &[u8]| new().extension(EntryType::GNULongName, body).file("short");
    let deep = "d/".repeat(2000);
    vec![
        case("a component of 256 bytes", new().pax(&[("path", &[b'c'; 256])]).file("x"), Refused("Entry", "cccc")),
        case("a name of 5000 bytes", new().pax(&[("path", &b"p/".repeat(2500))]).file("x"), Refused("Entry", "p/p/")),
        case(
            "two thousand levels",
            new().pax(&[("path", deep.as_bytes())]).dir("x").file("after"),
            Handled(|layer| layer.join("d/d/d/d").is_dir() && is_evil(&layer.join("after"))),
        ),
        case(
            "two thousand levels, and then harm",
            new().pax(&[("path", deep.as_bytes())]).dir("x").file("../victim"),
            Refused("UnsafeName", "../victim"),
        ),
        case(
            "a GNU long name without an end",
            long(&[b'l'; 200]),
            Handled(|layer| is_evil(&layer.join("l".repeat(200)))),
        ),
        case("a GNU long name with two ends", long(b"a\0../b\0"), Handled(|layer| is_evil(&layer.join("a")))),
        case("a GNU long name that climbs", long(b"../victim\0"), Refused("UnsafeName", "../victim")),
        case("a GNU long name of 2 MiB", long(&vec![b'l'; 2 << 20]), Refused("BadArchive", "")),
        case("a PAX name with a NUL", new().pax(&[("path", b"a\0b")]).file("x"), Refused("UnsafeName", "a\\0b")),
        case(
            "an empty PAX name",
            new().pax(&[("path", b"")]).file("own"),
            Handled(|layer| is_evil(&layer.join("own"))),
        ),
        case(
            "a PAX name that climbs",
            new().pax(&[("path", b"../victim")]).file("own"),
            Refused("UnsafeName", "../victim"),
        ),
        case(
            "a global name for all",
            new().extension(EntryType::XGlobalHeader, &record("path", b"same")).file("a").file("b"),
            Handled(|layer| is_evil(&layer.join("same")) && !exists(&layer.join("a"))),
        ),
    ]
}

fn symlinks(host: &str) -> Vec<Case> {
    let up = format!("../../../../../../../../..{host}");
    let victim = format!("{host}/victim");
    vec![
        case(
            "a file through an absolute link",
            new().symlink("out", host).file("out/victim"),
            Refused("Entry", "out/victim"),
        ),
        case(
            "a file through a climbing link",
            new().symlink("out", &up).file("out/victim"),
            Refused("Entry", "out/victim"),
        ),
        case(
            "a file through two links",
            new().symlink("a", "b").symlink("b", host).file("a/new"),
            Refused("Entry", "a/new"),
        ),
        case(
            "a link to the host's root by /proc",
            new().symlink("p", "/proc/self/root").file("p/x"),
            Refused("Entry", "p/x"),
        ),
        case(
            "a file over a link",
            new().symlink("victim", &victim).file("victim"),
            Handled(|layer| is_evil(&layer.join("victim"))),
        ),
        case(
            "a directory over a link",
            new().symlink("d", host).dir("d/").file("d/victim"),
            Handled(|layer| is_evil(&layer.join("d/victim"))),
        ),
    ]
}

fn swapped_links(host: &str) -> Vec<Case> {
    let victim = format!("{host}/victim");
    let layers = |lower: Forge, upper: Forge| vec![lower.end(), upper.end()];
    vec![
        case(
            "a directory swapped for a link out",
            new().dir("d/").file("d/one").symlink("d", host).file("d/victim"),
            Refused("Entry", "d/victim"),
        ),
        case(
            "a directory swapped for a link inside",
            new().dir("d/").file("d/one").dir("e/").symlink("d", "/e").file("d/two"),
            Handled(|layer| is_evil(&layer.join("e/two"))),
        ),
        Case {
            name: "a lower layer's directory swapped for a link out",
            layers: layers(new().dir("d/").file("d/one"), new().symlink("d", host).file("d/victim")),
            verdict: Refused("Entry", "d/victim"),
        },
        Case {
            name: "a lower layer's link out used as a directory",
            layers: layers(new().symlink("d", host), new().file("d/victim")),
            verdict: Handled(|layer| is_evil(&layer.join("d/victim"))),
        },
        case("a link to itself", new().symlink("l", "l").file("l/x"), Refused("Entry", "l/x")),
        case("a link to nothing", new().symlink("l", "gone").file("l/x"), Refused("Entry", "l/x")),
        case("a link without a text", new().symlink("l", ""), Refused("Entry", "l")),
        case("a link text with a NUL", new().pax(&[("linkpath", b"a\0b")]).symlink("l", "x"), Refused("Entry", "l")),
        case(
            "a link text of 5000 bytes",
            new().pax(&[("linkpath", &[b'l'; 5000])]).symlink("l", "x"),
            Refused("Entry", "l"),
        ),
        case(
            "attributes through a link",
            new().pax(&[("SCHILY.xattr.user.a", b"1")]).symlink("l", &victim),
            Handled(|layer| exists(&layer.join("l"))),
        ),
    ]
}

fn hard_links(host: &str) -> Vec<Case> {
    let victim = format!("{host}/victim");
    let climbing = format!("../../../../../../../../..{victim}");
    let gone = || Refused("LinkTarget", "h");
    vec![
        case("a hard link to the host's file", new().link("h", &victim).file("h"), gone()),
        case("a climbing hard link", new().link("h", &climbing).file("h"), gone()),
        case("a hard link through a link out", new().symlink("out", host).link("h", "out/victim").file("h"), gone()),
        case(
            "a hard link through a climbing link",
            new().symlink("out", "../../..").link("h", &format!("out{victim}")),
            gone(),
        ),
        case("a hard link to nothing", new().link("h", "gone"), gone()),
        case("a hard link to itself alone", new().link("h", "h"), gone()),
        case("a hard link to the root", new().link("h", "/"), gone()),
        case("a hard link to a whiteout", new().file(".wh.w").link("h", "w"), gone()),
        case("a hard link with a NUL", new().pax(&[("linkpath", b"a\0b")]).link("h", "x"), gone()),
        case("a hard link to a directory", new().dir("d/").link("h", "d"), Refused("Entry", "h")),
        Case {
            name: "a hard link to a lower layer's file",
            layers: vec![new().file("f").end(), new().link("h", "f").end()],
            verdict: gone(),
        },
        case(
            "a hard link to a link, and a file over it",
            new().symlink("l", &victim).link("h", "l").file("h"),
            Handled(|layer| is_evil(&layer.join("h")) && layer.join("l").is_symlink()),
        ),
        case(
            "a hard link that replaces a tree",
            new().file("f").dir("h/").file("h/x").link("h", "f"),
            Handled(|layer| is_evil(&layer.join("h")) && fs::metadata(layer.join("f")).unwrap().nlink() == 2),
        ),
    ]
}

fn nodes() -> Vec<Case> {
    vec![
        case(
            "the host's disk as a node",
            new().node("disk", EntryType::Block, 8, 0),
            Handled(|layer| {
                let found = fs::symlink_metadata(layer.join("disk")).unwrap();
                found.file_type().is_block_device() && found.mode() & 0o7777 == 0o600 && found.uid() == 1
            }),
        ),
        case(
            "memory as a node",
            new().node("mem", EntryType::Char, 1, 1),
            Handled(|layer| fs::symlink_metadata(layer.join("mem")).unwrap().file_type().is_char_device()),
        ),
        case(
            "a file over a node",
            new().node("null", EntryType::Char, 1, 3).file("null"),
            Handled(|layer| is_evil(&layer.join("null"))),
        ),
        case(
            "a whiteout spelt as a node",
            new().node("w", EntryType::Char, 0, 0),
            Handled(|layer| fs::symlink_metadata(layer.join("w")).unwrap().rdev() == 0),
        ),
        case("a node with too large a number", new().node("n", EntryType::Char, 4097, 3), Refused("BadArchive", "n")),
        case(
            "a node without a number",
            new().with(b"n", EntryType::Char, b"", |header| {
                header.as_gnu_mut().unwrap().dev_major = *b"not oct\0";
            }),
            Refused("BadArchive", "n"),
        ),
        case(
            "a pipe",
            new().entry("pipe", EntryType::Fifo),
            Handled(|layer| fs::symlink_metadata(layer.join("pipe")).unwrap().file_type().is_fifo()),
        ),
        case(
            "a file over a pipe",
            new().entry("pipe", EntryType::Fifo).file("pipe"),
            Handled(|layer| is_evil(&layer.join("pipe"))),
        ),
        case(
            "a pipe used as a directory",
            new().entry("pipe", EntryType::Fifo).file("pipe/x"),
            Refused("Entry", "pipe/x"),
        ),
        case("a socket", new().entry("sock", EntryType::new(b's')), Refused("UnsupportedEntry", "sock")),
        case("a listing of GNU tar's", new().entry("dump", EntryType::new(b'D')), Refused("UnsupportedEntry", "dump")),
        case(
            "a piece of another volume",
            new().entry("piece", EntryType::new(b'M')),
            Refused("UnsupportedEntry", "piece"),
        ),
    ]
}

fn whiteouts() -> Vec<Case> {
    let bad =
        |name: &'static str| case("a whiteout of nothing nameable", new().file(name), Refused("BadWhiteout", name));
    vec![
        bad(".wh."),
        bad(".wh.."),
        bad(".wh..."),
        bad("a/.wh."),
        bad("a/.wh..."),
        case(
            "a whiteout of `..` from the side",
            new().file(".wh.../victim"),
            Handled(|layer| is_evil(&layer.join(".wh.../victim"))),
        ),
        case(
            "a whiteout of what is not there",
            new().file("a/.wh.gone"),
            Handled(|layer| fs::symlink_metadata(layer.join("a/gone")).unwrap().file_type().is_char_device()),
        ),
        case(
            "a whiteout of its own layer's file",
            new().file("f").file(".wh.f"),
            Handled(|layer| is_evil(&layer.join("f"))),
        ),
        case("a whiteout twice", new().file(".wh.f").file(".wh.f"), Handled(|layer| exists(&layer.join("f")))),
        case("a whiteout of a whiteout", new().file(".wh..wh.f"), Handled(is_empty)),
        case(
            "a whiteout as a directory",
            new().dir(".wh.d/"),
            Handled(|layer| fs::symlink_metadata(layer.join("d")).unwrap().file_type().is_char_device()),
        ),
        case(
            "a whiteout as a hard link",
            new().link(".wh.f", "/etc/passwd"),
            Handled(|layer| fs::symlink_metadata(layer.join("f")).unwrap().file_type().is_char_device()),
        ),
        case(
            "an opaque mark with data",
            new().with(b"d/.wh..wh..opq", EntryType::Regular, &[7; 700], |_| {}).file("d/x"),
            Handled(|layer| is_evil(&layer.join("d/x")) && fs::read_dir(layer.join("d")).unwrap().count() == 1),
        ),
        case("an opaque mark of the root", new().file(".wh..wh..opq"), Handled(is_empty)),
        case("more than an opaque mark", new().file(".wh..wh..opq.x"), Handled(is_empty)),
        case(
            "a whiteout through a link out",
            new().symlink("d", "/no/such").file("d/.wh.victim"),
            Refused("Entry", "d/.wh.victim"),
        ),
    ]
}

fn streams() -> Vec<Case> {
    let raw = |name, bytes: Vec<u8>, verdict| Case { name, layers: vec![bytes], verdict };
    let behind = [new().file("a").end(), new().file("../victim").end()].concat();
    vec![
        raw("no bytes at all", vec![], Handled(is_empty)),
        raw("zeros alone", vec![0; 10_240], Handled(is_empty)),
        raw("an archive without its end", new().file("a").0, Handled(|layer| is_evil(&layer.join("a")))),
        raw(
            "an archive behind the end",
            behind,
            Handled(|layer| is_evil(&layer.join("a")) && !exists(&layer.join("victim"))),
        ),
        raw("JSON in place of an archive", b"{\"architecture\":\"amd64\"}".to_vec(), Refused("BadArchive", "")),
        raw("a page of HTML", b"<html>".repeat(200), Refused("BadArchive", "")),
        raw("bzip2", b"BZh91AY&SY".to_vec(), Refused("UnsupportedCompression", "")),
        raw("xz", b"\xfd7zXZ\0\0".to_vec(), Refused("UnsupportedCompression", "")),
    ]
}
