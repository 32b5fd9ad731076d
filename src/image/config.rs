//! An image's configuration: how its program wants to be started.   Spec: OCI image, config.md.
//!
//! Docker writes fields the OCI specification does not know (Healthcheck, OnBuild, Shell), and null where the
//! specification leaves a field out. Both are read; the raw bytes stay the truth.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::digest::Digest;
use super::json;
use super::platform::Platform;

/// The configuration as far as a runtime needs it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct ImageConfig {
    /// When the image was built, RFC 3339.
    #[serde(default, deserialize_with = "or_default")]
    pub created: String,
    /// Who built it.
    #[serde(default, deserialize_with = "or_default")]
    pub author: String,
    /// The processor it is for.
    #[serde(default, deserialize_with = "or_default")]
    pub architecture: String,
    /// The operating system it is for.
    #[serde(default, deserialize_with = "or_default")]
    pub os: String,
    /// The processor's variant.
    #[serde(default)]
    pub variant: Option<String>,
    /// How to start its program.
    #[serde(default, deserialize_with = "or_default")]
    pub config: ExecConfig,
    /// The layers, by what they unpack to.
    #[serde(default, deserialize_with = "or_default")]
    pub rootfs: RootFs,
    /// How each layer came about.
    #[serde(default, deserialize_with = "or_default")]
    pub history: Vec<History>,
}

/// How to start the image's program: the defaults that flags of `rlab run` replace.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ExecConfig {
    /// User, group or both, by name or number.
    #[serde(default, deserialize_with = "or_default")]
    pub user: String,
    /// Ports it listens at, as `80/tcp`.
    #[serde(default, deserialize_with = "or_default")]
    pub exposed_ports: BTreeMap<String, Value>,
    /// Variables as `NAME=VALUE`.
    #[serde(default, deserialize_with = "or_default")]
    pub env: Vec<String>,
    /// What to start, in front of `cmd`.
    #[serde(default, deserialize_with = "or_default")]
    pub entrypoint: Vec<String>,
    /// What to start, or what to hand to `entrypoint`.
    #[serde(default, deserialize_with = "or_default")]
    pub cmd: Vec<String>,
    /// Paths whose content should outlive the container's layer.
    #[serde(default, deserialize_with = "or_default")]
    pub volumes: BTreeMap<String, Value>,
    /// Where to start it.
    #[serde(default, deserialize_with = "or_default")]
    pub working_dir: String,
    /// Remarks.
    #[serde(default, deserialize_with = "or_default")]
    pub labels: BTreeMap<String, String>,
    /// The signal that asks it to stop, when not SIGTERM.
    #[serde(default)]
    pub stop_signal: Option<String>,
    /// Docker's check of the running program, as written.
    #[serde(default)]
    pub healthcheck: Option<Value>,
}

/// The layers, by what they unpack to.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct RootFs {
    /// Digests of the unpacked layers, lowest first.
    #[serde(default, deserialize_with = "or_default")]
    pub diff_ids: Vec<Digest>,
}

/// One step of the build.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// When, RFC 3339.
    #[serde(default, deserialize_with = "or_default")]
    pub created: String,
    /// By which instruction.
    #[serde(default, deserialize_with = "or_default")]
    pub created_by: String,
    /// A remark.
    #[serde(default, deserialize_with = "or_default")]
    pub comment: String,
    /// Whether the step left no layer.
    #[serde(default, deserialize_with = "or_default")]
    pub empty_layer: bool,
}

impl ImageConfig {
    /// Reads a configuration.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        json::parse(bytes, &["", "config", "rootfs", "history[]"])
    }

    /// The machine the image is for.
    pub fn platform(&self) -> Platform {
        Platform { os: self.os.clone(), architecture: self.architecture.clone(), variant: self.variant.clone() }
    }
}

fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(source: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(source)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_means_nothing_and_dockers_own_fields_are_kept() {
        let text = r#"{"architecture":"amd64","os":"linux","config":{"Cmd":null,"Env":["A=b"],"Volumes":null,
            "Entrypoint":["/e"],"ExposedPorts":{"80/tcp":{}},"Healthcheck":{"Test":["CMD","x"]},"OnBuild":null},
            "rootfs":{"type":"layers","diff_ids":null},"history":[{"created_by":"x","empty_layer":true}]}"#;
        let config = ImageConfig::parse(text.as_bytes()).unwrap();
        assert_eq!(config.config.env, ["A=b"]);
        assert!(config.config.cmd.is_empty() && config.rootfs.diff_ids.is_empty());
        assert_eq!(config.config.exposed_ports.keys().collect::<Vec<_>>(), ["80/tcp"]);
        assert_eq!(config.config.healthcheck.unwrap()["Test"][1], "x");
        assert!(config.history[0].empty_layer);
    }

    #[test]
    fn a_null_config_is_an_empty_one() {
        let config = ImageConfig::parse(br#"{"os":"linux","architecture":"arm64","config":null}"#).unwrap();
        assert_eq!(config.config, ExecConfig::default());
    }
}
