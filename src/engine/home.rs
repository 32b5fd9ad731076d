//! Where rlab keeps things: what outlives a reboot, and what does not.

use std::path::{Path, PathBuf};

/// The two directories of one rlab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// Images, writable layers, records: /var/lib/rlab.
    pub root: PathBuf,
    /// What belongs to running containers: /run/rlab.
    pub run: PathBuf,
}

impl Home {
    /// The default, or everything below one directory when the user names one: hermetic, for tests and experiments.
    pub fn new(root: Option<&Path>) -> Home {
        match root {
            None => Home { root: PathBuf::from("/var/lib/rlab"), run: PathBuf::from("/run/rlab") },
            Some(root) => {
                let root = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
                Home { run: root.join("run"), root }
            }
        }
    }

    /// The running containers' directories.
    pub fn containers(&self) -> PathBuf {
        self.run.join("containers")
    }

    /// What is kept of containers: writable layers, records, traces.
    pub fn kept(&self) -> PathBuf {
        self.root.join("containers")
    }
}
