//! What the runtime writes down about a container, so that another process can take it away again.

use super::error::Error;
use crate::cgroup::Cgroup;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The runtime's record, written by rename before the first thing is made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RuntimeState {
    /// The container's id.
    pub id: String,
    /// Its bundle.
    pub bundle: PathBuf,
    /// Number and start time of its first process, once there is one. Together they name it for good: numbers come again.
    pub process: Option<(i32, u64)>,
    /// Its control groups.
    pub cgroup: Option<Cgroup>,
}

impl RuntimeState {
    fn path(dir: &Path) -> PathBuf {
        dir.join("runtime.json")
    }

    /// Writes the record into the container's directory.
    pub fn save(&self, dir: &Path) -> Result<(), Error> {
        let (path, new) = (Self::path(dir), dir.join("runtime.json.new"));
        let text = serde_json::to_vec_pretty(self).unwrap_or_default();
        std::fs::write(&new, text)
            .and_then(|()| std::fs::rename(&new, &path))
            .map_err(|error| Error::State { path, error })
    }

    /// Reads the record; `None` when the runtime has made nothing here.
    pub fn load(dir: &Path) -> Option<RuntimeState> {
        serde_json::from_slice(&std::fs::read(Self::path(dir)).ok()?).ok()
    }
}
