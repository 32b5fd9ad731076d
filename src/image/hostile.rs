//! Every field of an image's documents with every fault: taken in its right meaning, or refused by its name.
#![allow(clippy::disallowed_macros, reason = "a table says how long it is")]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::config::ImageConfig;
use super::digest::Digest;
use super::manifest::{self, Document, OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST};
use super::platform::Platform;

/// A kind of document: a whole one, and how it is read.
struct Kind {
    name: &'static str,
    whole: Value,
    read: fn(&[u8]) -> Result<(), String>,
    /// Fields that rlab does not read, or keeps as they are: anything may stand there.
    unread: &'static [&'static str],
}

fn descriptor(media_type: &str) -> Value {
    json!({"mediaType": media_type, "size": 3, "digest": Digest::sha256(media_type.as_bytes()), "annotations": {"a": "b"}})
}

fn kinds() -> [Kind; 3] {
    let mut entry = descriptor(OCI_MANIFEST);
    entry["platform"] = json!({"os": "linux", "architecture": "amd64", "variant": "v1"});
    [
        Kind {
            name: "config",
            whole: config(),
            read: |bytes| ImageConfig::parse(bytes).map(drop),
            unread: &[
                "Healthcheck",
                "OnBuild",
                "Shell",
                "docker_version",
                "80/tcp",
                "/data",
                "type",
                "/history/0/author",
            ],
        },
        Kind {
            name: "manifest",
            whole: json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor(OCI_CONFIG),
                "layers": [descriptor(OCI_LAYER)], "annotations": {"a": "b"}}),
            read: |bytes| match manifest::parse(bytes, Some(OCI_MANIFEST)) {
                Ok(Document::Manifest(_)) => Ok(()),
                Ok(Document::Index(_)) => Err("read as an index".to_owned()),
                Err(error) => Err(error.to_string()),
            },
            unread: &["/annotations"],
        },
        Kind {
            name: "index",
            whole: json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}),
            read: |bytes| match manifest::parse(bytes, Some(OCI_INDEX)) {
                Ok(Document::Index(_)) => Ok(()),
                Ok(Document::Manifest(_)) => Err("read as a manifest".to_owned()),
                Err(error) => Err(error.to_string()),
            },
            // An entry that nobody can read is no offer; it must not hide the others.
            unread: &["/manifests/0"],
        },
    ]
}

fn config() -> Value {
    json!({
        "created": "2026-01-01T00:00:00Z", "author": "a", "architecture": "amd64", "os": "linux", "variant": "v1",
        "docker_version": "1",
        "config": {
            "User": "1:2", "ExposedPorts": {"80/tcp": {}}, "Env": ["A=b"], "Entrypoint": ["/e"], "Cmd": ["c"],
            "Volumes": {"/data": {}}, "WorkingDir": "/w", "Labels": {"a": "b"}, "StopSignal": "SIGTERM",
            "Healthcheck": {"Test": ["NONE"]}, "OnBuild": [], "Shell": [],
        },
        "rootfs": {"type": "layers", "diff_ids": [Digest::sha256(b"x")]},
        "history": [{"created": "x", "created_by": "x", "comment": "x", "author": "x", "empty_layer": false}],
    })
}

fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(key, child)| (key.replace('/', "~1"), child)).collect(),
        Value::Array(list) => list.iter().enumerate().map(|(at, child)| (at.to_string(), child)).collect(),
        _ => vec![],
    };
    for (name, child) in children {
        let place = format!("{at}/{name}");
        places(child, &place, found);
        found.push(place);
    }
}

/// What can be wrong with a value.
fn faults() -> Vec<(&'static str, Value)> {
    vec![
        ("null", Value::Null),
        ("a truth", json!(true)),
        ("a number", json!(2)),
        ("a number below zero", json!(-1)),
        ("2^63", json!(9_223_372_036_854_775_808u64)),
        ("2^64 - 1", json!(u64::MAX)),
        ("a fraction", json!(0.5)),
        ("1e300", json!(1e300)),
        ("an empty string", json!("")),
        ("a string with a NUL", json!("a\0b")),
        ("a string with a newline", json!("a\nb=")),
        ("a string that climbs", json!("../../x")),
        ("an escape sequence", json!("\u{1b}]0;x\u{7}")),
        ("an empty list", json!([])),
        ("a list of lists", json!([[[]]])),
        ("an empty object", json!({})),
    ]
}

/// What can be too much of it.
fn excess(value: &Value) -> (&'static str, Value) {
    match value {
        Value::Array(list) => ("a long list", json!(vec![list.first().unwrap_or(&Value::Null); 100_000])),
        Value::Object(map) if map.values().all(Value::is_string) => {
            let large: serde_json::Map<_, _> = (0..100_000).map(|at| (format!("k{at}"), json!("v"))).collect();
            ("a large object", Value::Object(large))
        }
        _ => ("a megabyte", json!("m".repeat(1 << 20))),
    }
}

fn same_kind(one: &Value, other: &Value) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}

/// What is wrong with the answer to a fault, if anything.
fn wrong(
    kind: &Kind,
    place: &str,
    whole: &Value,
    fault: Option<&Value>,
    answer: &Result<(), String>,
) -> Option<String> {
    let unread = kind.unread.iter().any(|name| place.contains(&name.replace('/', "~1")) || place.contains(name));
    match (answer, fault) {
        (Err(told), _) => {
            let field = place.rsplit('/').find(|name| name.parse::<usize>().is_err()).unwrap_or_default();
            let parent = place.rsplit('/').filter(|name| name.parse::<usize>().is_err()).nth(1).unwrap_or("?");
            let names =
                told.contains(field) || told.contains(parent) || told.contains("neither an index nor a manifest");
            let other =
                told.contains("is no container image") || told.contains("schema 1") || told.contains("digest \"");
            let other = other || told.contains("itself says");
            let is_clean = told.len() < 400 && !told.chars().any(char::is_control);
            (!(names || other) || !is_clean).then(|| format!("told {told:.300}"))
        }
        (Ok(()), Some(fault)) if !fault.is_null() && !unread => {
            let base = whole.pointer(place).unwrap();
            (!same_kind(base, fault)).then(|| "taken, though of another kind".to_owned())
        }
        (Ok(()), _) => None,
    }
}

#[test]
fn every_field_with_every_fault_is_taken_rightly_or_refused_by_name() {
    let mut problems = vec![];
    for kind in kinds() {
        let mut all = vec![];
        places(&kind.whole, "", &mut all);
        (kind.read)(kind.whole.to_string().as_bytes()).unwrap();
        let (mut tried, mut taken) = (0, 0);
        for place in &all {
            for (what, fault) in faults().into_iter().chain([excess(kind.whole.pointer(place).unwrap())]) {
                let mut document = kind.whole.clone();
                *document.pointer_mut(place).unwrap() = fault.clone();
                let answer = (kind.read)(document.to_string().as_bytes());
                let problem = wrong(&kind, place, &kind.whole, Some(&fault), &answer);
                problems.extend(problem.map(|problem| format!("{} {place}, {what}: {problem}", kind.name)));
                (tried, taken) = (tried + 1, taken + usize::from(answer.is_ok()));
            }
            let (parent, name) = place.rsplit_once('/').unwrap();
            let mut document = kind.whole.clone();
            if let Value::Object(map) = document.pointer_mut(parent).unwrap() {
                map.shift_remove(&name.replace("~1", "/")).unwrap();
                let answer = (kind.read)(document.to_string().as_bytes());
                let problem = wrong(&kind, place, &kind.whole, None, &answer);
                problems.extend(problem.map(|problem| format!("{} {place}, absent: {problem}", kind.name)));
                (tried, taken) = (tried + 1, taken + usize::from(answer.is_ok()));
            }
        }
        eprintln!("{tried} faulty documents of the kind {} ({} fields), {taken} taken", kind.name, all.len());
    }
    assert!(problems.is_empty(), "{}:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn what_must_be_there_is_missed_by_name() {
    let [_, image, index] = kinds();
    for (kind, place, name) in [
        (&image, "/schemaVersion", "schemaVersion"),
        (&image, "/config", "neither an index nor a manifest"),
        (&image, "/layers", "neither an index nor a manifest"),
        (&image, "/config/digest", "config: missing field `digest`"),
        (&image, "/layers/0/size", "layers[0]: missing field `size`"),
        (&image, "/layers/0/mediaType", "layers[0]: missing field `mediaType`"),
        (&index, "/manifests", "neither an index nor a manifest"),
    ] {
        let (parent, field) = place.rsplit_once('/').unwrap();
        let mut document = kind.whole.clone();
        document.pointer_mut(parent).unwrap().as_object_mut().unwrap().shift_remove(field).unwrap();
        let told = (kind.read)(document.to_string().as_bytes()).unwrap_err();
        assert!(told.contains(name), "{place}: {told}");
    }
}

#[test]
fn nesting_repetition_and_bytes_that_are_no_text_are_refused() {
    for kind in kinds() {
        let mut all = vec![];
        places(&kind.whole, "", &mut all);
        for place in &all {
            let mut document = kind.whole.clone();
            *document.pointer_mut(place).unwrap() = json!("MARK");
            let text = document.to_string();
            for deep in ["[".repeat(100_000), format!("{}1{}", "{\"x\":".repeat(100_000), "}".repeat(100_000))] {
                assert!((kind.read)(text.replace("\"MARK\"", &deep).as_bytes()).is_err(), "{} {place}", kind.name);
            }
            let mut bytes = text.clone().into_bytes();
            bytes[text.find("MARK").unwrap()] = 0xff;
            assert!((kind.read)(&bytes).is_err(), "{} {place}", kind.name);
        }
    }
    for (kind, field) in kinds().iter().zip(["os", "layers", "manifests"]) {
        let twice = kind.whole.to_string().replacen('{', &format!("{{\"{field}\":{},", kind.whole[field]), 1);
        let told = (kind.read)(twice.as_bytes()).unwrap_err();
        assert!(told.contains("duplicate field") && told.contains(field), "{told}");
    }
}

#[test]
fn an_image_that_could_not_be_stacked_is_refused_before_it_is_fetched() {
    let mut image = kinds()[1].whole.clone();
    image["layers"] = json!(vec![descriptor(OCI_LAYER); 501]);
    let told = manifest::parse(image.to_string().as_bytes(), None).unwrap_err().to_string();
    assert_eq!(told, "the image has 501 layers, and overlayfs stacks 500");
}

proptest! {
    #[test]
    fn a_foreign_document_never_panics(which in 0usize..3, at in 0usize..1500, byte in any::<u8>(), end in 0usize..2000) {
        let kind = &kinds()[which];
        let mut bytes = kind.whole.to_string().into_bytes();
        bytes.truncate(end);
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        let _ = (kind.read)(&bytes);
    }

    #[test]
    fn a_foreign_config_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = ImageConfig::parse(&bytes);
    }

    #[test]
    fn a_foreign_platform_never_panics_and_fits_itself(text in "[a-z0-9_/v]{0,16}|\\PC{0,16}", variant in "v?[0-9]{0,12}") {
        if let Ok(platform) = text.parse::<Platform>() {
            prop_assert!(platform.fit(&platform).is_some());
            prop_assert_eq!(platform.to_string().parse::<Platform>().ok(), Some(platform));
        }
        let odd = Platform { os: text, architecture: "arm".to_owned(), variant: Some(variant) };
        let _ = (odd.fit(&odd), odd.to_string());
    }

    #[test]
    fn a_foreign_digest_is_a_safe_name_or_none(text in "(sha256|sha512|x)?:?[0-9a-f./\0]{0,130}") {
        if let Ok(digest) = text.parse::<Digest>() {
            prop_assert!(digest.hex().bytes().all(|byte| byte.is_ascii_hexdigit()));
            prop_assert_eq!(digest.to_string(), text);
        }
    }
}
