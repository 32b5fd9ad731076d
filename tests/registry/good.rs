//! A small image and the registry that serves it as it should be; what misbehaves differs from this in one point.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::server::{Reply, Request};

/// OCI manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// OCI index.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// OCI config.
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// OCI layer, not packed.
pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// One image of one layer.
#[derive(Clone)]
pub struct Image {
    /// The layer's bytes.
    pub layer: Vec<u8>,
    /// The config's bytes.
    pub config: Vec<u8>,
    /// The manifest's bytes.
    pub manifest: Vec<u8>,
}

impl Image {
    /// The image that is always the same: a file of 200,000 bytes, and a program to name.
    pub fn new() -> Self {
        let mut tar = tar::Builder::new(Vec::new());
        let data: Vec<u8> = (0..200_000u32).map(|at| ((at * 7919) >> 3) as u8).collect();
        let mut header = tar::Header::new_gnu();
        header.set_size(data.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        tar.append_data(&mut header, "data", data.as_slice()).unwrap();
        Self::of(tar.into_inner().unwrap(), std::env::consts::ARCH)
    }

    /// The same for another machine.
    pub fn of(layer: Vec<u8>, arch: &str) -> Self {
        let arch = match arch {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        let config = json!({"architecture": arch, "os": "linux", "config": {"Cmd": ["/data"]},
            "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]}});
        let config = config.to_string().into_bytes();
        let manifest = manifest(&descriptor(CONFIG, &config), &[descriptor(LAYER, &layer)]);
        Self { layer, config, manifest }
    }

    /// The registry that serves it.
    pub fn serve(&self, request: &Request) -> Reply {
        let path = request.path.split('?').next().unwrap_or_default();
        match path.strip_prefix("/v2/") {
            Some("") => Reply::new("200 OK", "", "{}"),
            Some(rest) if rest.starts_with("lab/a/manifests/") => self.document(&self.manifest, MANIFEST),
            Some(rest) if rest.starts_with("lab/a/blobs/") => {
                let blobs = [&self.layer, &self.config];
                let wanted = blobs.into_iter().find(|blob| rest.ends_with(&digest(blob)));
                wanted.map_or_else(|| Reply::new("404 Not Found", "", ""), |blob| part(blob, request.first_byte()))
            }
            _ => Reply::new("404 Not Found", "", ""),
        }
    }

    /// A document under a media type.
    pub fn document(&self, bytes: &[u8], media_type: &str) -> Reply {
        Reply::new("200 OK", &format!("Content-Type: {media_type}\r\n"), bytes)
    }

    /// The manifest with something changed.
    pub fn changed(&self, change: impl Fn(&mut Value)) -> Reply {
        let mut value: Value = serde_json::from_slice(&self.manifest).unwrap();
        change(&mut value);
        self.document(value.to_string().as_bytes(), MANIFEST)
    }
}

/// A blob from a byte on, as a server that knows ranges sends it.
pub fn part(blob: &[u8], first: usize) -> Reply {
    if first == 0 {
        return Reply::new("200 OK", "", blob);
    }
    let range = format!("Content-Range: bytes {first}-{}/{}\r\n", blob.len() - 1, blob.len());
    Reply::new("206 Partial Content", &range, &blob[first..])
}

/// The digest of bytes.
pub fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// The promise of bytes.
pub fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": digest(bytes), "size": bytes.len()})
}

/// A manifest of these.
pub fn manifest(config: &Value, layers: &[Value]) -> Vec<u8> {
    json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}).to_string().into_bytes()
}
