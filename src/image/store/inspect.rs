//! What `rlab image inspect` and `history` show, in the shape Docker shows it.

use serde::Serialize;
use serde_json::{Value, json};

use super::record::ImageRecord;
use super::{Error, Store};
use crate::image::digest::Digest;
use crate::image::json;

/// One line of `rlab image history`, newest step first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HistoryRow {
    /// When, RFC 3339; empty when unknown.
    pub created: String,
    /// By which instruction.
    pub created_by: String,
    /// Bytes of files the step added; 0 for a step without a layer.
    pub size_bytes: u64,
    /// A remark.
    pub comment: String,
    /// The layer the step left.
    pub layer: Option<Digest>,
}

impl Store {
    /// Everything known about an image. Fields that Docker has no name for are under `Rlab`.
    pub fn inspect(&self, record: &ImageRecord) -> Result<Value, Error> {
        let config = self.read_blob(&record.config)?;
        let raw: Value =
            json::parse(&config, &[]).map_err(|problem| Error::BadConfig { digest: record.config.clone(), problem })?;
        let text = |key: &str| raw[key].as_str().unwrap_or_default().to_owned();
        let names: Vec<ImageRecord> =
            self.records_by_name()?.into_iter().filter(|one| one.config == record.config).collect();
        let tags: Vec<String> =
            names.iter().filter(|one| one.reference.digest().is_none()).map(|one| one.reference.familiar()).collect();
        let mut digests: Vec<String> =
            names.iter().map(|one| format!("{}@{}", one.reference.familiar_repository(), one.target())).collect();
        digests.dedup();
        let mut dirs = record.lower_dirs(self).into_iter().map(|path| path.display().to_string());
        let upper = dirs.next().unwrap_or_default();
        let mut shown = json!({
            "Id": record.config,
            "RepoTags": tags,
            "RepoDigests": digests,
            "Comment": raw["history"].as_array().and_then(|all| all.last()).map_or("", |last| last["comment"].as_str().unwrap_or("")),
            "Created": text("created"),
            "Author": text("author"),
            "Config": raw["config"],
            "Architecture": text("architecture"),
            "Os": text("os"),
            "Size": self.size_bytes(record),
            "GraphDriver": {
                "Name": "overlay2",
                "Data": {"LowerDir": dirs.collect::<Vec<_>>().join(":"), "UpperDir": upper},
            },
            "RootFS": {"Type": "layers", "Layers": raw["rootfs"]["diff_ids"]},
            "Metadata": {"LastTagTime": record.pulled_at},
        });
        if let Some(variant) = raw["variant"].as_str() {
            shown["Variant"] = json!(variant);
        }
        shown["Rlab"] = json!({
            "Provenance": record.provenance,
            "Index": record.index,
            "Manifest": record.manifest,
            "Layers": record.layers,
        });
        Ok(shown)
    }

    /// The steps of the build with what each added, newest first.
    pub fn history(&self, record: &ImageRecord) -> Result<Vec<HistoryRow>, Error> {
        let config = self.config(record)?;
        let mut layers = record.layers.iter();
        let mut rows = Vec::new();
        for step in config.history {
            let layer = if step.empty_layer { None } else { layers.next() };
            rows.push(HistoryRow {
                created: step.created,
                created_by: step.created_by,
                size_bytes: layer.map_or(0, |layer| self.layer_size_bytes(layer)),
                comment: step.comment,
                layer: layer.map(|layer| layer.diff_id.clone()),
            });
        }
        // Some builders write no history: their layers still are the image.
        rows.extend(layers.map(|layer| HistoryRow {
            created: config.created.clone(),
            created_by: String::new(),
            size_bytes: self.layer_size_bytes(layer),
            comment: String::new(),
            layer: Some(layer.diff_id.clone()),
        }));
        rows.reverse();
        Ok(rows)
    }
}
