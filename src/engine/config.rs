//! rlab's own settings: /etc/rlab/config.toml for the machine, and the user's file over it.
//!
//! A key nobody knows is an error that names key and file: a setting that is silently ignored because of a letter is
//! worse than none.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

/// The machine's file.
const SYSTEM: &str = "/etc/rlab/config.toml";

/// All settings, with their defaults where no file says otherwise.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Config {
    /// `[registry]`
    pub registry: Registry,
    /// `[classroom]`
    pub classroom: Classroom,
    /// `[unpack]`
    pub unpack: Unpack,
}

/// How registries are reached.
#[derive(Debug, Clone, PartialEq)]
pub struct Registry {
    /// Hosts to ask before a registry itself, by its name.
    pub mirrors: BTreeMap<String, Vec<String>>,
    /// Hosts spoken to without TLS.
    pub insecure: Vec<String>,
    /// How long the name lookup and the connection may take, each.
    pub reach_timeout: Duration,
    /// An extra authority to trust.
    pub cacert: Option<PathBuf>,
}

/// What stands in where no registry can be reached.
#[derive(Debug, Clone, PartialEq)]
pub struct Classroom {
    /// Whether anything does.
    pub fallback: bool,
}

/// How far a layer may grow.
#[derive(Debug, Clone, PartialEq)]
pub struct Unpack {
    /// Most bytes a layer may unpack to.
    pub max_layer_bytes: u64,
    /// Most times its own size a layer may unpack to.
    pub max_ratio: u64,
    /// Most files in one layer.
    pub max_entries: u64,
}

impl Default for Registry {
    fn default() -> Self {
        let reach_timeout = Duration::from_secs(3);
        Self { mirrors: BTreeMap::new(), insecure: Vec::new(), reach_timeout, cacert: None }
    }
}

impl Default for Classroom {
    fn default() -> Self {
        Self { fallback: true }
    }
}

impl Default for Unpack {
    fn default() -> Self {
        Self { max_layer_bytes: 64 << 30, max_ratio: 200, max_entries: 10_000_000 }
    }
}

/// Why the settings cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("{path}: {problem}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the kernel said.
        problem: String,
    },
    /// A file is no TOML, has a key nobody knows, or a value of the wrong kind.
    #[error("{path}, line {line}: {problem}")]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// Where in it.
        line: usize,
        /// What is wrong there.
        problem: String,
    },
}

impl Error {
    /// What the user could do next.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unreadable { .. } => "name another file with --config FILE or RLAB_CONFIG".to_owned(),
            Self::Invalid { .. } => "the sections are [registry], [classroom] and [unpack]".to_owned(),
        })
    }
}

/// One file: everything may be left out.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    registry: RegistryFile,
    classroom: ClassroomFile,
    unpack: UnpackFile,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RegistryFile {
    mirrors: BTreeMap<String, Vec<String>>,
    insecure: Option<Vec<String>>,
    reach_timeout_s: Option<Seconds>,
    cacert: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ClassroomFile {
    fallback: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct UnpackFile {
    max_layer_bytes: Option<u64>,
    max_ratio: Option<u64>,
    max_entries: Option<u64>,
}

/// Whole seconds or parts of one, above zero and below a day.
#[derive(Deserialize)]
#[serde(try_from = "f64")]
struct Seconds(Duration);

impl TryFrom<f64> for Seconds {
    type Error = &'static str;

    fn try_from(seconds: f64) -> Result<Self, Self::Error> {
        if seconds > 0.0 && seconds < 86_400.0 {
            return Ok(Self(Duration::from_secs_f64(seconds)));
        }
        Err("a time limit is more than 0 and less than 86400 seconds")
    }
}

impl Config {
    /// Lays a file over what is set so far: what it says wins, what it leaves out stays.
    pub fn overlay(mut self, path: &Path, text: &str) -> Result<Self, Error> {
        let file: File = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = 1 + text.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count();
            Error::Invalid { path: path.to_owned(), line, problem: error.message().replace('\n', " ") }
        })?;
        fn set<T>(place: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *place = value;
            }
        }
        self.registry.mirrors.extend(file.registry.mirrors);
        set(&mut self.registry.insecure, file.registry.insecure);
        set(&mut self.registry.reach_timeout, file.registry.reach_timeout_s.map(|Seconds(limit)| limit));
        set(&mut self.registry.cacert, file.registry.cacert.map(Some));
        set(&mut self.classroom.fallback, file.classroom.fallback);
        set(&mut self.unpack.max_layer_bytes, file.unpack.max_layer_bytes);
        set(&mut self.unpack.max_ratio, file.unpack.max_ratio);
        set(&mut self.unpack.max_entries, file.unpack.max_entries);
        Ok(self)
    }

    /// Reads the settings: `explicit` alone when a file was named, else the machine's and the user's, where they exist.
    pub fn load(explicit: Option<&Path>) -> Result<Self, Error> {
        if let Some(path) = explicit {
            return Self::default().read(path);
        }
        let files = std::iter::once(PathBuf::from(SYSTEM)).chain(user_file());
        files.filter(|path| path.exists()).try_fold(Self::default(), |config, path| config.read(&path))
    }

    fn read(self, path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::Unreadable { path: path.to_owned(), problem: error.to_string() })?;
        self.overlay(path, &text)
    }
}

fn user_file() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")))?;
    Some(base.join("rlab/config.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn overlay(config: Config, text: &str) -> Result<Config, Error> {
        config.overlay(Path::new("/x/config.toml"), text)
    }

    #[test]
    fn a_later_file_wins_key_by_key() {
        let system =
            "[registry]\nreach_timeout_s = 10\ninsecure = ['a']\n[registry.mirrors]\n'docker.io' = ['https://m']";
        let user =
            "[registry]\nreach_timeout_s = 0.5\nmirrors = { 'quay.io' = ['https://q'] }\n[classroom]\nfallback = false";
        let config = overlay(overlay(Config::default(), system).unwrap(), user).unwrap();
        assert_eq!(config.registry.reach_timeout, Duration::from_millis(500));
        assert_eq!(config.registry.insecure, ["a"]);
        assert_eq!(config.registry.mirrors.keys().collect::<Vec<_>>(), ["docker.io", "quay.io"]);
        assert!(!config.classroom.fallback);
        assert_eq!(config.unpack, Unpack::default());
    }

    #[test]
    fn an_unknown_key_is_named_with_file_and_line() {
        let error = overlay(Config::default(), "[registry]\n\nmirorrs = {}\n").unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("/x/config.toml, line 3: ") && text.contains("mirorrs"), "{text}");
        assert!(overlay(Config::default(), "[regsitry]").is_err());
    }

    #[test]
    fn values_of_the_wrong_kind_or_size_are_errors() {
        for bad in
            ["[registry]\nreach_timeout_s = 0", "[registry]\nreach_timeout_s = 'x'", "[unpack]\nmax_ratio = -1", "["]
        {
            assert!(matches!(overlay(Config::default(), bad), Err(Error::Invalid { .. })), "{bad}");
        }
    }

    #[test]
    fn a_named_file_must_exist() {
        let error = Config::load(Some(Path::new("/nonexistent/config.toml"))).unwrap_err();
        assert!(matches!(error, Error::Unreadable { .. }), "{error}");
    }

    proptest! {
        #[test]
        fn foreign_text_never_panics(text in "\\PC{0,60}") {
            let _ = overlay(Config::default(), &text);
        }
    }
}
