//! Indexes and manifests: the two small documents that name all the rest.   Spec: OCI image, manifest.md, image-index.md.
//!
//! Docker's older documents (schema 2) have the same fields under other media types, so one reader serves both. Only what
//! rlab uses is read; the raw bytes are what is stored and named, since writing a document anew would change its digest.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::digest::Digest;
use super::json;
use super::platform::Platform;

/// OCI image index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// OCI image configuration.
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// OCI layer, plain; `+gzip` and `+zstd` follow it.
pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// Docker's index.
pub const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// Docker's manifest.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const DOCKER_SCHEMA1: [&str; 2] = [
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
];
const LAYERS: [&str; 9] = [
    OCI_LAYER,
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.zstd",
];

/// As many as overlayfs stacks, see OVL_MAX_STACK in the kernel's fs/overlayfs.
const MAX_LAYERS: usize = 500;

/// What a registry is told that rlab can read.
pub const ACCEPTED: [&str; 4] = [OCI_INDEX, OCI_MANIFEST, DOCKER_INDEX, DOCKER_MANIFEST];

/// The promise of a piece of content: what it is, its name and its size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What it is.
    pub media_type: String,
    /// Its name.
    pub digest: Digest,
    /// Its size in bytes.
    #[serde(rename = "size", deserialize_with = "file_size")]
    pub size_bytes: u64,
    /// Which machine it is for, in an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Remarks of whoever built it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
}

/// Sums of sizes are made, and files of these sizes: what no file can have is no size.
fn file_size<'de, D: Deserializer<'de>>(source: D) -> Result<u64, D::Error> {
    let bytes = u64::deserialize(source)?;
    let fits = bytes <= i64::MAX as u64;
    if fits { Ok(bytes) } else { Err(D::Error::custom(format!("{bytes} bytes is more than any file can have"))) }
}

impl Descriptor {
    /// Whether the content is a layer of a known kind.
    pub fn is_layer(&self) -> bool {
        LAYERS.contains(&self.media_type.as_str())
    }

    /// Whether the content is an image's configuration.
    pub fn is_config(&self) -> bool {
        matches!(self.media_type.as_str(), OCI_CONFIG | DOCKER_CONFIG)
    }
}

/// What was found behind a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// Several manifests to choose from.
    Index(Vec<Descriptor>),
    /// One image.
    Manifest(Manifest),
}

/// One image: its configuration and its layers, lowest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The configuration.
    pub config: Descriptor,
    /// The layers, lowest first.
    pub layers: Vec<Descriptor>,
}

/// Why a document is not an image's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not the JSON it should be.
    #[error("the manifest cannot be read: {0}")]
    Malformed(String),
    /// Docker's first format, which does not name content by what it is.
    #[error("the image is in Docker's oldest format (schema 1), which rlab does not read")]
    Schema1,
    /// Something else that registries keep too: a chart, a signature, a module.
    #[error("this is no container image but {0:?}")]
    NotAnImage(String),
    /// More layers than could be stacked: told before they are fetched.
    #[error("the image has {0} layers, and overlayfs stacks {MAX_LAYERS}")]
    TooManyLayers(usize),
    /// The body says it is something else than the header said.
    #[error("the registry calls the manifest {header:?}, the manifest itself says {body:?}")]
    Disagree {
        /// The response's media type.
        header: String,
        /// The document's own.
        body: String,
    },
}

impl Error {
    /// What the user could do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "the registry or something before it is broken; try another mirror or tag",
            Self::Schema1 => "take a newer tag, or have it pushed again by a tool of this decade",
            Self::NotAnImage(_) => "it needs the tool it was made for; rlab runs container images",
            Self::TooManyLayers(_) => "have it built with fewer steps, or with its layers squashed into one",
            Self::Disagree { .. } => "one of the two is wrong, and nobody can say which; take it from another registry",
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    schema_version: u32,
    media_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<serde_json::Value>>,
}

/// Reads a document; the media type is that of the response or the descriptor it was found by.
pub fn parse(bytes: &[u8], media_type: Option<&str>) -> Result<Document, Error> {
    if media_type.is_some_and(|known| DOCKER_SCHEMA1.contains(&known)) {
        return Err(Error::Schema1);
    }
    let raw: Raw = json::parse(bytes, &["", "config", "layers[]"]).map_err(|problem| {
        let schema1 = serde_json::from_slice::<serde_json::Value>(bytes).is_ok_and(|value| value["schemaVersion"] == 1);
        if schema1 { Error::Schema1 } else { Error::Malformed(problem) }
    })?;
    if raw.schema_version == 1 {
        return Err(Error::Schema1);
    }
    if raw.schema_version != 2 {
        return Err(Error::Malformed(format!("schemaVersion: {} is none that rlab knows", raw.schema_version)));
    }
    let header = media_type.filter(|known| ACCEPTED.contains(known));
    if let (Some(header), Some(body)) = (header, &raw.media_type)
        && header != body
    {
        // One document read as two different kinds is how a signed index can smuggle an unsigned image (CVE-2021-41190).
        return Err(Error::Disagree { header: header.to_owned(), body: json::shown(body) });
    }
    let kind = raw.media_type.as_deref().or(header);
    match (raw.manifests, raw.config, raw.layers) {
        (Some(manifests), None, None) if !matches!(kind, Some(OCI_MANIFEST | DOCKER_MANIFEST)) => {
            // An entry of an unknown kind (another digest, say) must not hide the one that fits.
            Ok(Document::Index(manifests.into_iter().filter_map(|one| serde_json::from_value(one).ok()).collect()))
        }
        (None, Some(config), Some(layers)) if !matches!(kind, Some(OCI_INDEX | DOCKER_INDEX)) => {
            if !config.is_config() {
                return Err(Error::NotAnImage(json::shown(&config.media_type)));
            }
            if let Some(bad) = layers.iter().chain([&config]).find(|one| i64::try_from(one.size_bytes).is_err()) {
                return Err(Error::Malformed(format!("size: {} is more than any file has", bad.size_bytes)));
            }
            if layers.len() > MAX_LAYERS {
                return Err(Error::TooManyLayers(layers.len()));
            }
            Ok(Document::Manifest(Manifest { config, layers }))
        }
        _ => Err(Error::Malformed("it is neither an index nor a manifest".to_owned())),
    }
}

/// The entry of an index that fits a platform best, the first among equals.
pub fn choose<'a>(index: &'a [Descriptor], wanted: &Platform) -> Option<&'a Descriptor> {
    let mut best: Option<(u32, &Descriptor)> = None;
    for offer in index {
        // No platform means any; attestations say unknown/unknown and fit nothing.
        let fit = offer.platform.as_ref().map_or(Some(0), |platform| wanted.fit(platform));
        if let Some(fit) = fit
            && best.is_none_or(|(level, _)| fit > level)
        {
            best = Some((fit, offer));
        }
    }
    best.map(|(_, offer)| offer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn descriptor(media_type: &str, platform: Option<&str>) -> serde_json::Value {
        let mut value = json!({
            "mediaType": media_type, "size": 3, "digest": Digest::sha256(platform.unwrap_or("").as_bytes()),
        });
        if let Some(platform) = platform {
            value["platform"] = serde_json::to_value(platform.parse::<Platform>().unwrap()).unwrap();
        }
        value
    }

    #[test]
    fn an_image_of_either_make_is_read() {
        for (kind, config) in [(OCI_MANIFEST, OCI_CONFIG), (DOCKER_MANIFEST, DOCKER_CONFIG)] {
            let text = json!({"schemaVersion": 2, "mediaType": kind, "config": descriptor(config, None),
                "layers": [descriptor(LAYERS[1], None)]})
            .to_string();
            let Document::Manifest(manifest) = parse(text.as_bytes(), Some(kind)).unwrap() else {
                panic!("no manifest")
            };
            assert!(manifest.layers[0].is_layer());
        }
    }

    #[test]
    fn the_best_entry_of_an_index_wins() {
        let platforms = ["linux/arm/v6", "linux/amd64", "linux/arm/v7", "linux/arm64/v8"];
        let entries: Vec<_> = platforms.iter().map(|one| descriptor(OCI_MANIFEST, Some(one))).collect();
        let mut all = vec![json!({"mediaType": "x", "digest": "md5:1", "size": 1})];
        all.extend(entries);
        let text = json!({"schemaVersion": 2, "manifests": all}).to_string();
        let Document::Index(index) = parse(text.as_bytes(), None).unwrap() else { panic!("no index") };
        let chosen = |wanted: &str| choose(&index, &wanted.parse().unwrap()).and_then(|one| one.platform.clone());
        for same in platforms {
            assert_eq!(chosen(same).unwrap().to_string(), same);
        }
        assert_eq!(chosen("linux/s390x"), None);
    }

    #[test]
    fn what_is_no_image_is_said() {
        let image = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor("application/vnd.cncf.helm", None), "layers": []});
        let error = |value: &serde_json::Value, kind| parse(value.to_string().as_bytes(), kind).unwrap_err();
        assert_eq!(error(&image, None), Error::NotAnImage("application/vnd.cncf.helm".into()));
        assert!(matches!(error(&image, Some(OCI_INDEX)), Error::Disagree { .. }));
        assert_eq!(error(&json!({"schemaVersion": 1, "name": "x"}), None), Error::Schema1);
        assert!(matches!(error(&json!({"schemaVersion": 2}), None), Error::Malformed(_)));
        let both = json!({"schemaVersion": 2, "config": descriptor(OCI_CONFIG, None), "layers": [], "manifests": []});
        assert!(matches!(error(&both, None), Error::Malformed(_)));
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes, Some(OCI_MANIFEST));
        }
    }
}
