//! Which of an index's manifests fits this machine.   Spec: OCI image, image-index.md.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Operating system, processor and its variant, in Go's words.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Platform {
    /// `linux`, in all that rlab runs.
    pub os: String,
    /// `amd64`, `arm64`, …
    pub architecture: String,
    /// `v7`, `v8`, … where a processor has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

/// A text that is no platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no platform: it reads OS/ARCHITECTURE[/VARIANT], for instance linux/arm64")]
pub struct Error(String);

impl Platform {
    /// The machine rlab runs on.
    pub fn host() -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "x86" => "386",
            "aarch64" => "arm64",
            "powerpc64" => "ppc64le",
            "loongarch64" => "loong64",
            other => other,
        };
        Self { os: std::env::consts::OS.to_owned(), architecture: architecture.to_owned(), variant: None }.normal()
    }

    /// The variant that an architecture has when none is named, and none where one is implied.
    fn normal(mut self) -> Self {
        self.variant = match (self.architecture.as_str(), self.variant.take()) {
            ("arm64", None) => Some("v8".to_owned()),
            ("arm", None) => Some("v7".to_owned()),
            ("amd64", Some(variant)) if variant == "v1" => None,
            (_, variant) => variant.filter(|variant| !variant.is_empty()),
        };
        self
    }

    /// How well an offer fits, the highest best; `None` when it cannot run here.
    pub fn fit(&self, offer: &Self) -> Option<u32> {
        let (own, offer) = (self.clone().normal(), offer.clone().normal());
        if own.os != offer.os || own.architecture != offer.architecture {
            return None;
        }
        let level = |platform: &Self| platform.variant.as_deref().map_or(Some(0), variant_level);
        // A newer processor runs what was made for older ones, never the other way round.
        match (level(&own), level(&offer)) {
            (Some(own), Some(offer)) => (offer <= own).then(|| offer.saturating_add(1)),
            _ => (own.variant == offer.variant).then_some(1),
        }
    }
}

fn variant_level(variant: &str) -> Option<u32> {
    variant.strip_prefix('v')?.parse().ok()
}

impl FromStr for Platform {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parts: Vec<&str> = text.split('/').collect();
        let (os, architecture, variant) = match parts.as_slice() {
            [os, architecture] => (*os, *architecture, None),
            [os, architecture, variant] => (*os, *architecture, Some((*variant).to_owned())),
            _ => return Err(Error(text.to_owned())),
        };
        if parts
            .iter()
            .any(|part| part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
        {
            return Err(Error(text.to_owned()));
        }
        let (os, architecture) = (os.to_lowercase(), architecture.to_lowercase());
        let architecture = match architecture.as_str() {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        let variant = variant.map(|variant| variant.to_lowercase());
        Ok(Self { os, architecture: architecture.to_owned(), variant }.normal())
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Foreign words: what could move a terminal's cursor is shown, not done.
        write!(f, "{}/{}", self.os.escape_debug(), self.architecture.escape_debug())?;
        self.variant.iter().try_for_each(|variant| write!(f, "/{}", variant.escape_debug()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(own: &str, offer: &str) -> Option<u32> {
        own.parse::<Platform>().unwrap().fit(&offer.parse().unwrap())
    }

    #[test]
    fn a_processor_runs_its_own_and_older_variants() {
        assert!(fit("linux/amd64", "linux/amd64").is_some());
        assert_eq!(fit("linux/amd64", "linux/arm64"), None);
        assert_eq!(fit("linux/amd64", "windows/amd64"), None);
        assert_eq!(fit("linux/arm64", "linux/arm64/v8"), fit("linux/arm64/v8", "linux/arm64"));
        assert!(fit("linux/arm/v7", "linux/arm/v7") > fit("linux/arm/v7", "linux/arm/v6"));
        assert_eq!(fit("linux/arm/v6", "linux/arm/v7"), None);
        assert_eq!(fit("linux/amd64", "linux/amd64/v3"), None);
        assert_eq!(fit("linux/arm/v7", "linux/arm/v4294967295"), None);
        assert_eq!(fit("linux/arm/v4294967295", "linux/arm/v4294967295"), Some(u32::MAX));
    }

    #[test]
    fn platforms_are_spelt_with_slashes() {
        assert_eq!("linux/x86_64".parse::<Platform>().unwrap().to_string(), "linux/amd64");
        assert_eq!("Linux/aarcH64".parse::<Platform>().unwrap().to_string(), "linux/arm64/v8");
        assert_eq!("linux/ARM/V6".parse::<Platform>().unwrap().to_string(), "linux/arm/v6");
        assert_eq!("linux/arm64".parse::<Platform>().unwrap().to_string(), "linux/arm64/v8");
        for bad in ["linux", "linux/", "a/b/c/d", "linux/../x"] {
            assert!(bad.parse::<Platform>().is_err(), "{bad}");
        }
    }
}
