//! Images by someone who means harm, pulled by the binary: refused with the layer, the entry and a next step; the store
//! and the host are as they were.
#![allow(clippy::disallowed_macros, reason = "a table says how long it is")]

use crate::harness::host::{Inventory, alone, together};
use crate::harness::{Output, Rlab, need};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use tar::{EntryType, Header};

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    format!("sha256:{}", hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// An archive of entries: name, kind, what a link names, data.
fn tar(entries: &[(&str, EntryType, &str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, kind, link, data) in entries {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_link_name_literal(link).unwrap();
        header.set_entry_type(*kind);
        header.set_mode(0o755);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1);
        header.set_size(data.len() as u64);
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(data);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.extend_from_slice(&[0; 1024]);
    bytes
}

/// An image in the making: what the registry will serve under which digest, and what the manifest says.
struct Image {
    blobs: BTreeMap<String, Vec<u8>>,
    manifest: Value,
}

impl Image {
    /// A right one, of one layer in gzip, with these fields over those of its config.
    fn of(tar: &[u8], fields: Value) -> Self {
        Self::packed(gzip(tar), &digest(tar), fields)
    }

    fn packed(layer: Vec<u8>, diff_id: &str, fields: Value) -> Self {
        let machine = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        let mut config = json!({"os": "linux", "architecture": machine,
            "rootfs": {"type": "layers", "diff_ids": [diff_id]}, "config": {"Cmd": ["/x"]}});
        for (key, value) in fields.as_object().unwrap() {
            config[key] = value.clone();
        }
        let config = config.to_string().into_bytes();
        let descriptor =
            |kind: &str, bytes: &[u8]| json!({"mediaType": kind, "digest": digest(bytes), "size": bytes.len()});
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST,
            "config": descriptor(CONFIG, &config), "layers": [descriptor(LAYER, &layer)]});
        Self { blobs: [config, layer].into_iter().map(|blob| (digest(&blob), blob)).collect(), manifest }
    }

    /// The same with something changed.
    fn but(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn layer(&self) -> String {
        self.manifest["layers"][0]["digest"].as_str().unwrap().to_owned()
    }
}

/// Serves images by their names; says what it is told to, unlike a registry, which would refuse most of them.
fn serve(images: BTreeMap<String, Image>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let images = Arc::new(images);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let images = Arc::clone(&images);
            std::thread::spawn(move || answer(&stream, &images));
        }
    });
    address
}

fn answer(mut stream: &TcpStream, images: &BTreeMap<String, Image>) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let request = lines.next().unwrap_or_default();
    lines.for_each(drop);
    let path = request.split(' ').nth(1).unwrap_or_default();
    let parts: Vec<&str> = path.trim_start_matches("/v2/").split('/').collect();
    let found = match parts.as_slice() {
        ["lab", name, "manifests", _] => {
            images.get(*name).map(|image| (MANIFEST, image.manifest.to_string().into_bytes()))
        }
        ["lab", name, "blobs", digest] => {
            images.get(*name).and_then(|image| Some(("application/octet-stream", image.blobs.get(*digest)?.clone())))
        }
        _ => Some(("application/json", b"{}".to_vec())),
    };
    let (status, (kind, body)) = found.map_or(("404 Not Found", ("text/plain", vec![])), |found| ("200 OK", found));
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let _gone = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
}

/// Every file below a folder with its size.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let stat = entry.metadata().unwrap();
        let size = if stat.is_dir() { 0 } else { stat.len() };
        found.insert(format!("{} {size}", entry.path().display()));
        if stat.is_dir() {
            found.extend(files(&entry.path()));
        }
    }
    found
}

fn one_file(name: &str) -> Vec<u8> {
    tar(&[("first", EntryType::Regular, "", b"x"), (name, EntryType::Regular, "", b"evil")])
}

/// The images, and what the refusal of each has to say.
fn hostile(victim: &str) -> Vec<(&'static str, Image, Vec<String>)> {
    let none = || json!({});
    let good = || Image::of(&one_file("good"), none());
    let link = tar(&[("out", EntryType::Symlink, victim, b""), ("out/x", EntryType::Regular, "", b"evil")]);
    let hard = tar(&[("h", EntryType::Link, victim, b""), ("h", EntryType::Regular, "", b"evil")]);
    let bomb = tar(&[("first", EntryType::Regular, "", b"x"), ("bomb", EntryType::Regular, "", &vec![0; 40 << 20])]);
    let many: Vec<String> = (0..200).map(|at| format!("d{at}/")).collect();
    let many: Vec<_> = many.iter().map(|name| (name.as_str(), EntryType::Directory, "", &b""[..])).collect();
    let broken = gzip(&bomb[..3 << 20]);
    let config = |field: &str, value: Value| Image::of(&one_file("good"), json!({"config": {field: value}}));
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let mut cases = vec![
        ("climbs", Image::of(&one_file("../victim"), none()), texts(&["\"../victim\"", "leads out of the layer"])),
        ("link", Image::of(&link, none()), texts(&["\"out/x\"", "open its directory"])),
        ("hard", Image::of(&hard, none()), texts(&["\"h\"", "which this layer does not have"])),
        ("newline", Image::of(&one_file("a\n\x1b[2J/../b"), none()), texts(&["\"a\\n\\u{1b}[2J/../b\""])),
        ("bomb", Image::of(&bomb, none()), texts(&["at entry \"bomb\"", "more than 20000000 bytes", "[unpack]"])),
        ("many", Image::of(&tar(&many), none()), texts(&["at entry \"d100/\"", "more than 100 entries", "[unpack]"])),
        (
            "cut",
            Image::packed(broken[..broken.len() / 2].to_vec(), &digest(b"x"), none()),
            texts(&["entry \"", "cannot read"]),
        ),
        ("xz", Image::packed(b"\xfd7zXZ\0\0".to_vec(), &digest(b"x"), none()), texts(&["compressed with xz"])),
        ("json", Image::packed(b"{}".repeat(300), &digest(b"x"), none()), texts(&["no tar header"])),
        ("diffid", Image::packed(gzip(&one_file("good")), &digest(b"x"), none()), texts(&["but the config promised"])),
        ("env", config("Env", json!(["A=b", 5])), texts(&["config.Env[1]", "expected a string"])),
        ("labels", config("Labels", json!("x".repeat(1 << 20))), texts(&["config.Labels", "expected a map"])),
        ("list", Image::of(&one_file("good"), json!({"config": []})), texts(&["config: a list"])),
        ("windows", Image::of(&one_file("good"), json!({"os": "windows"})), texts(&["windows", "--platform"])),
    ];
    let mut but = |name, texts: &[&str], change: fn(&mut Image)| {
        cases.push((name, good().but(change), texts.iter().map(|text| (*text).to_owned()).collect()));
    };
    but("kind", &["unknown kind \"application/x\""], |image| {
        image.manifest["layers"][0]["mediaType"] = json!("application/x")
    });
    but("config-as-layer", &["is of the unknown kind"], |image| {
        image.manifest["layers"][0] = image.manifest["config"].clone();
    });
    but("count", &["names 2 layers, the config promises 1"], |image| {
        image.manifest["layers"] = json!([image.manifest["layers"][0], image.manifest["layers"][0]]);
    });
    but("digest", &["should be sha256:"], |image| {
        let layer = image.layer();
        image.blobs.get_mut(&layer).unwrap()[20] ^= 1;
    });
    but("size", &["should be 60 bytes"], |image| image.manifest["layers"][0]["size"] = json!(60));
    but("negative", &["layers[0].size"], |image| image.manifest["layers"][0]["size"] = json!(-1));
    but("schema", &["schemaVersion"], |image| image.manifest["schemaVersion"] = json!(3));
    cases
}

#[test]
fn a_hostile_image_is_refused_and_leaves_nothing() {
    need!(root());
    let _turn = together();
    let rlab = Rlab::new();
    let host = rlab.folder().join("host");
    std::fs::create_dir(&host).unwrap();
    std::fs::write(host.join("victim"), "host").unwrap();
    let config = rlab.folder().join("config.toml");
    std::fs::write(&config, "[unpack]\nmax_layer_bytes = 20000000\nmax_entries = 100\n").unwrap();
    let cases = hostile(host.join("victim").to_str().unwrap());
    let mut images: BTreeMap<String, Image> = BTreeMap::new();
    images.insert("good".to_owned(), Image::of(&one_file("good"), json!({})));
    let expected: Vec<(&str, Vec<String>)> = cases
        .into_iter()
        .map(|(name, image, texts)| {
            images.insert(name.to_owned(), image);
            (name, texts)
        })
        .collect();
    let registry = serve(images);
    rlab.run(&["pull", "-q", &format!("{registry}/lab/good")]).succeeded();
    // Another layer than those to come: what is shared is not taken away with them.
    rlab.run(&["image", "rm", &format!("{registry}/lab/good")]).succeeded();
    let before = files(rlab.folder());
    let mut problems = Vec::new();
    for (name, texts) in &expected {
        let Output { status, stdout, stderr, .. } = rlab.run(&["pull", &format!("{registry}/lab/{name}")]);
        let left: Vec<String> = files(rlab.folder()).symmetric_difference(&before).cloned().collect();
        let untold: Vec<&String> =
            texts.iter().filter(|text| !stderr.replace("\n       ", " ").contains(*text)).collect();
        if status.code() != Some(125)
            || !untold.is_empty()
            || !stderr.contains("try:")
            || !left.is_empty()
            || !stdout.is_empty()
        {
            problems.push(format!("{name}: {status}, not told: {untold:?}, left: {left:#?}\n{stderr}"));
        }
    }
    eprintln!("{} hostile images pulled", expected.len());
    assert!(problems.is_empty(), "{} of {}:\n{}", problems.len(), expected.len(), problems.join("\n"));
    assert_eq!(std::fs::read_to_string(host.join("victim")).unwrap(), "host");
}

#[test]
fn what_a_refused_image_shares_with_a_good_one_stays() {
    need!(root());
    let _turn = together();
    let rlab = Rlab::new();
    let worse = Image::of(&one_file("good"), json!({})).but(|image| {
        let tar = one_file("../victim");
        let layer = gzip(&tar);
        let mut config: Value =
            serde_json::from_slice(&image.blobs[image.manifest["config"]["digest"].as_str().unwrap()]).unwrap();
        config["rootfs"]["diff_ids"].as_array_mut().unwrap().push(json!(digest(&tar)));
        let config = config.to_string().into_bytes();
        image.manifest["config"] = json!({"mediaType": CONFIG, "digest": digest(&config), "size": config.len()});
        let added = json!({"mediaType": LAYER, "digest": digest(&layer), "size": layer.len()});
        image.manifest["layers"].as_array_mut().unwrap().push(added);
        image.blobs.extend([config, layer].map(|blob| (digest(&blob), blob)));
    });
    let good = Image::of(&one_file("good"), json!({}));
    let registry = serve([("good".to_owned(), good), ("worse".to_owned(), worse)].into());
    rlab.run(&["pull", "-q", &format!("{registry}/lab/good")]).succeeded();
    let before = files(rlab.folder());
    rlab.run(&["pull", &format!("{registry}/lab/worse")]).ended_with(125).told("\"../victim\"");
    assert_eq!(files(rlab.folder()), before);
}

#[test]
fn what_an_image_asks_for_and_cannot_have_is_refused_before_anything_is_made() {
    need!(root(), programs(&["ip", "nft"], "apt install iproute2 nftables"));
    let rlab = Rlab::new();
    let long = "u".repeat(1 << 20);
    let cases = [
        ("relative", json!({"Cmd": ["/x"], "WorkingDir": "tmp"}), "WorkingDir \"tmp\" is not an absolute path"),
        ("nul-env", json!({"Cmd": ["/x"], "Env": ["A=b", "C=\0d"]}), "Env \"C=\\0d\" holds a NUL byte"),
        ("nul-cmd", json!({"Cmd": ["/x", "\0"]}), "Cmd \"\\0\" holds a NUL byte"),
        ("nul-dir", json!({"Cmd": ["/x"], "WorkingDir": "/a\0/../b"}), "WorkingDir \"/a\\0/../b\" holds a NUL byte"),
        (
            "user-name",
            json!({"Cmd": ["/x"], "User": "no\nbody"}),
            "user \"no\\nbody\": is not in the image's /etc/passwd",
        ),
        ("user-highest", json!({"Cmd": ["/x"], "User": "4294967295"}), "user \"4294967295\""),
        ("user-long", json!({"Cmd": ["/x"], "User": long}), "is not in the image's /etc/passwd"),
        ("nothing", json!({}), "names no command"),
        ("no-program", json!({"Entrypoint": [""], "Cmd": ["x"]}), "process.args is missing"),
    ];
    let image = |config: &Value| Image::of(&one_file("good"), json!({"config": config}));
    let registry = serve(cases.iter().map(|(name, config, _)| ((*name).to_owned(), image(config))).collect());
    let _turn = alone();
    for (name, ..) in &cases {
        rlab.run(&["pull", "-q", &format!("{registry}/lab/{name}")]).succeeded();
    }
    // The first run makes the folders that every run needs.
    rlab.run(&["run", "--rm", "--network", "none", &format!("{registry}/lab/no-program")]).ended_with(125);
    let before = Inventory::take(&[&rlab.root()]);
    for (name, _, told) in &cases {
        let image = format!("{registry}/lab/{name}");
        let output = rlab.run(&["run", "--rm", "--network", "none", &image]).ended_with(125).told(told).told("try:");
        assert!(output.stderr.len() < 2000, "{name}: a message of {} bytes", output.stderr.len());
        before.assert_restored();
    }
}
