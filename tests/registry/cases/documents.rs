//! Manifests, indexes and configs that are no image's, or not this machine's.

use serde_json::json;
use std::time::Duration;

use super::super::good::{self, CONFIG, INDEX, Image, LAYER, MANIFEST, descriptor, digest, part};
use super::super::server::{Reply, Then};
use super::{Case, KILOBYTE, index, of_manifest, pulled, refused, with_layer};

/// Manifests, indexes and configs.
pub const DOCUMENTS: &[Case] = &[
    pulled("labels the manifest with a digest nobody can compute", |world, request| {
        let headers = format!("Content-Type: {MANIFEST}\r\nDocker-Content-Digest: md5:00\r\n");
        of_manifest(request, || Reply::new("200 OK", &headers, &world.image.manifest))
    }),
    pulled("calls the manifest any bytes", |world, request| {
        of_manifest(request, || world.image.document(&world.image.manifest, "application/octet-stream"))
    }),
    pulled("calls the manifest by more words", |world, request| {
        of_manifest(request, || world.image.document(&world.image.manifest, &format!("{MANIFEST}; charset=utf-8")))
    }),
    pulled("names the same layer twice", |world, request| {
        let config =
            json!({"os": "linux", "rootfs": {"diff_ids": [digest(&world.image.layer), digest(&world.image.layer)]}})
                .to_string();
        let layer = descriptor(LAYER, &world.image.layer);
        let manifest = good::manifest(&descriptor(CONFIG, config.as_bytes()), &[layer.clone(), layer]);
        if request.path.ends_with(&digest(config.as_bytes())) {
            return Some(part(config.as_bytes(), 0));
        }
        of_manifest(request, || world.image.document(&manifest, MANIFEST))
    }),
    pulled("says where else a layer is", |world, request| {
        let mut layer = descriptor("application/vnd.oci.image.layer.nondistributable.v1.tar", &world.image.layer);
        layer["urls"] = json!([format!("http://{}/blob", world.elsewhere), "http://192.0.2.1/x", "file:///etc/passwd"]);
        of_manifest(request, || with_layer(world, layer.clone()))
    }),
    refused("has a foreign layer only elsewhere", &["has no blobs/sha256:"], |world, request| {
        let mut layer = descriptor("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", &world.image.layer);
        layer["urls"] = json!([format!("http://{}/v2/lab/a/blobs/{}", world.elsewhere, digest(&world.image.layer))]);
        world
            .layer(request, |_| Reply::new("404 x", "", ""))
            .or_else(|| of_manifest(request, || with_layer(world, layer.clone())))
    }),
    refused(
        "labels the manifest with another digest",
        &["manifest", "should be sha256:000", "try again, or another mirror"],
        |world, request| {
            let headers = format!("Content-Type: {MANIFEST}\r\nDocker-Content-Digest: sha256:{}\r\n", "0".repeat(64));
            of_manifest(request, || Reply::new("200 OK", &headers, &world.image.manifest))
        },
    ),
    refused(
        "has a manifest for another machine",
        &["the image is for linux/s390x, not for", "--platform"],
        |world, request| {
            let other = Image::of(world.image.layer.clone(), "s390x");
            Some(other.serve(request))
        },
    ),
    refused(
        "has an index without this machine",
        &["has no image for linux/", "only for linux/s390x", "--platform"],
        |world, request| {
            let mut entry = descriptor(MANIFEST, &world.image.manifest);
            entry["platform"] = json!({"os": "linux", "architecture": "s390x"});
            of_manifest(request, || index(json!([entry])))
        },
    ),
    refused("has an index of 10,000 machines", &["linux/m0,", "and 9980 more"], |world, request| {
        let entry = |at: u32| {
            let mut entry = descriptor(MANIFEST, &world.image.manifest);
            entry["platform"] = json!({"os": "linux", "architecture": format!("m{at}")});
            entry
        };
        of_manifest(request, || index((0..10_000).map(entry).collect()))
    }),
    refused("has an empty index", &["only for no machine at all"], |_, request| {
        of_manifest(request, || index(json!([])))
    }),
    refused("has an index of machines that move the cursor", &["linux/\\u{1b}[2J"], |world, request| {
        let mut entry = descriptor(MANIFEST, &world.image.manifest);
        entry["platform"] = json!({"os": "linux", "architecture": "\u{1b}[2J"});
        of_manifest(request, || index(json!([entry])))
    }),
    refused("has an index in an index", &["an index in an index"], |_, request| {
        let inner = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).to_string();
        if request.path.ends_with(&digest(inner.as_bytes())) {
            return Some(Reply::new("200 OK", &format!("Content-Type: {INDEX}\r\n"), inner));
        }
        of_manifest(request, || index(json!([descriptor(INDEX, inner.as_bytes())])))
    }),
    refused("answers to a digest with something else", &["should be sha256:"], |world, request| {
        if request.path.contains("manifests/sha256:") {
            return Some(world.image.document(&world.image.config, MANIFEST));
        }
        of_manifest(request, || index(json!([descriptor(MANIFEST, &world.image.manifest)])))
    }),
    refused("has a manifest without end", &["is larger than", "who made it"], |_, request| {
        let head = Reply::head("200 OK", &format!("Content-Type: {MANIFEST}\r\n"));
        of_manifest(request, || head.clone().then(Then::Repeat(KILOBYTE, Duration::ZERO)))
    }),
    refused("has a manifest of 5 MB", &["manifests/1 of lab/a", "is larger than"], |world, request| {
        of_manifest(request, || world.image.changed(|manifest| manifest["x"] = json!("x".repeat(5 << 20))))
    }),
    refused("has an image in the oldest format", &["schema 1", "newer tag"], |_, request| {
        let headers = "Content-Type: application/vnd.docker.distribution.manifest.v1+prettyjws\r\n";
        of_manifest(request, || Reply::new("200 OK", headers, "{}"))
    }),
    refused("has an image in the oldest format, unsaid", &["schema 1"], |_, request| {
        of_manifest(request, || Reply::new("200 OK", "", r#"{"schemaVersion":1,"fsLayers":[]}"#))
    }),
    refused("has a web page", &["answers with a web page", "login page or proxy"], |_, request| {
        of_manifest(request, || Reply::new("200 OK", "Content-Type: text/html\r\n", "<html>Sign in</html>"))
    }),
    refused("has a web page under a manifest's name", &["manifest cannot be read"], |world, request| {
        of_manifest(request, || world.image.document(b"<html>Sign in</html>", MANIFEST))
    }),
    refused("calls a manifest an index", &["the registry calls the manifest"], |world, request| {
        of_manifest(request, || world.image.document(&world.image.manifest, INDEX))
    }),
    refused("has half a manifest", &["manifest cannot be read"], |world, request| {
        of_manifest(request, || world.image.document(&world.image.manifest[..100], MANIFEST))
    }),
    refused("has a manifest of brackets", &["manifest cannot be read", "recursion"], |world, request| {
        let brackets = format!("{{\"schemaVersion\":2,\"manifests\":{}", "[".repeat(1_000_000));
        of_manifest(request, || world.image.document(brackets.as_bytes(), INDEX))
    }),
    refused("has a chart, no image", &["no container image but"], |world, request| {
        of_manifest(request, || {
            world.image.changed(|manifest| manifest["config"]["mediaType"] = json!("application/vnd.cncf.helm"))
        })
    }),
    refused("names a layer by an unknown algorithm", &["\"md5\" is not supported"], |world, request| {
        of_manifest(request, || world.image.changed(|manifest| manifest["layers"][0]["digest"] = json!("md5:00")))
    }),
    refused("names a layer by a path", &["is not the hexadecimal"], |world, request| {
        let up = format!("sha256:{}", &"../".repeat(30)[..64]);
        of_manifest(request, || world.image.changed(|manifest| manifest["layers"][0]["digest"] = json!(up)))
    }),
    refused("has a layer of less than nothing", &["manifest cannot be read"], |world, request| {
        of_manifest(request, || world.image.changed(|manifest| manifest["layers"][0]["size"] = json!(-1)))
    }),
    refused("has a layer larger than any file", &["more than any file can have"], |world, request| {
        of_manifest(request, || world.image.changed(|manifest| manifest["layers"][0]["size"] = json!(u64::MAX)))
    }),
    refused(
        "promises a layer larger than any disk",
        &["should be 9223372036854775807 bytes but is 201"],
        |world, request| {
            of_manifest(request, || world.image.changed(|manifest| manifest["layers"][0]["size"] = json!(i64::MAX)))
        },
    ),
    refused(
        "promises a layer one byte too short",
        &["blob", "of lab/a at 127.0.0.1", "bytes but is"],
        |world, request| {
            let size = world.image.layer.len() - 1;
            of_manifest(request, || world.image.changed(|manifest| manifest["layers"][0]["size"] = json!(size)))
        },
    ),
    refused("promises an empty layer", &["should be sha256:"], |world, request| {
        of_manifest(request, || world.image.changed(|manifest| manifest["layers"][0]["size"] = json!(0)))
    }),
    refused("promises a config of 9 MB", &["the config sha256:", "is larger than"], |world, request| {
        of_manifest(request, || world.image.changed(|manifest| manifest["config"]["size"] = json!(9 << 20)))
    }),
    refused("names 10,000 layers", &["the image has 10000 layers, and overlayfs stacks 500"], |world, request| {
        let layers: Vec<_> = (0..10_000u32).map(|at| descriptor(LAYER, &at.to_le_bytes())).collect();
        of_manifest(request, || world.image.changed(|manifest| manifest["layers"] = json!(layers)))
    }),
    refused("names more layers than the config", &["names 2 layers, the config promises 1"], |world, request| {
        let layer = descriptor(LAYER, &world.image.layer);
        of_manifest(request, || world.image.changed(|manifest| manifest["layers"] = json!([layer, layer])))
    }),
    refused("has a layer of an unknown kind", &["of the unknown kind \"text/plain\""], |world, request| {
        of_manifest(request, || with_layer(world, descriptor("text/plain", &world.image.layer)))
    }),
    refused("has a config that is none", &["config", "expected"], |world, request| {
        let config = b"<html>";
        if request.path.ends_with(&digest(config)) {
            return Some(part(config, 0));
        }
        of_manifest(request, || world.image.changed(|manifest| manifest["config"] = descriptor(CONFIG, config)))
    }),
];
