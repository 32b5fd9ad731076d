//! The undo list: what is about to be made is written down first, and taken away in reverse.
//!
//! It lies on disk, so that a `kill -9` between making and taking away loses nothing: the next rlab command finds the
//! list and works it off. Every removal takes "not there" for done.

use super::error::{Error, file};
use crate::network;
use crate::sys;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// One thing that was made, or was about to be.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Made {
    /// A directory and everything in it.
    Directory(PathBuf),
    /// No longer to be taken away, although it stands further up in the list: a directory that the user may still want.
    Keep(PathBuf),
    /// A mount.
    Mount(PathBuf),
    /// Something of the network's.
    Network(network::Resource),
    /// Whatever the runtime has recorded for itself.
    Runtime,
}

/// The undo list of one container.
pub struct Journal {
    dir: PathBuf,
    list: File,
}

impl Journal {
    /// Opens the list in the container's directory.
    pub fn open(dir: &Path) -> Result<Journal, Error> {
        let path = dir.join("undo.jsonl");
        let list = OpenOptions::new().create(true).append(true).open(&path).map_err(file(&path))?;
        Ok(Journal { dir: dir.to_owned(), list })
    }

    /// Writes down what is about to be made.
    pub fn record(&mut self, made: &Made) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(made)?;
        line.push(b'\n');
        self.list.write_all(&line)
    }

    /// Takes everything away, newest first, and goes on after an error. Gives how many of each sort there were, and the
    /// first error.
    pub fn undo(&self) -> (Vec<(&'static str, usize)>, Option<Error>) {
        let text = std::fs::read_to_string(self.dir.join("undo.jsonl")).unwrap_or_default();
        // A line that was cut off by a kill was not followed by the making of anything.
        let made: Vec<Made> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let (mut counts, mut first) = (Vec::<(&'static str, usize)>::new(), None);
        let (mut kept, mut mounted) = (Vec::new(), false);
        for one in made.iter().rev() {
            match one {
                Made::Keep(path) => {
                    kept.push(path);
                    continue;
                }
                // Below a mount that is still there lies what must not be removed with the directory.
                Made::Directory(path) if mounted || kept.contains(&path) => continue,
                _ => {}
            }
            match counts.iter_mut().find(|(sort, _)| *sort == one.sort()) {
                Some((_, count)) => *count += 1,
                None => counts.push((one.sort(), 1)),
            }
            if let Err(error) = one.take_away(&self.dir) {
                mounted |= matches!(one, Made::Mount(_));
                first.get_or_insert(error);
            }
        }
        (counts, first)
    }
}

impl Made {
    fn sort(&self) -> &'static str {
        match self {
            Made::Directory(_) | Made::Keep(_) => "directory",
            Made::Mount(_) => "mount",
            Made::Network(network::Resource::Netns { .. }) => "network namespace",
            Made::Network(network::Resource::Bridge { .. }) => "hold on the bridge",
            Made::Network(network::Resource::Lease { .. }) => "address",
            Made::Network(network::Resource::Veth { .. }) => "veth pair",
            Made::Network(network::Resource::Proxy { .. }) => "port proxy",
            Made::Network(network::Resource::Rules { .. }) => "set of firewall rules",
            Made::Runtime => "control group",
        }
    }

    fn take_away(&self, dir: &Path) -> Result<(), Error> {
        match self {
            Made::Directory(path) => match remove_tree(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(file(path)(error)),
                _ => Ok(()),
            },
            Made::Mount(path) => match sys::mount::umount2(path, true) {
                // EINVAL: it is no mount point (any more). ENOENT: it is not even there.
                Err(error) if ![sys::Errno::EINVAL as i32, sys::Errno::ENOENT as i32].contains(&error.errno) => {
                    Err(Error::Call { stage: "teardown", error })
                }
                _ => Ok(()),
            },
            Made::Keep(_) => Ok(()),
            Made::Network(resource) => Ok(network::remove(resource)?),
            Made::Runtime => Ok(crate::shim::delete(dir)?),
        }
    }
}

/// Removes a directory in which a container could write: as deep as it liked, so that walking down would fail.
pub fn remove_tree(path: &Path) -> std::io::Result<()> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(std::io::ErrorKind::InvalidInput.into());
    };
    sys::tree::remove(sys::tree::open_root(parent)?, name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_that_a_container_made_too_deep_goes_as_well() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("dir");
        std::fs::create_dir(&dir).unwrap();
        let mut current = sys::tree::open_root(&dir).unwrap();
        for _ in 0..2000 {
            sys::tree::make_dir(&current, b"d").unwrap();
            current = sys::tree::open_child(&current, b"d").unwrap();
        }
        remove_tree(&dir).unwrap();
        assert!(!dir.exists() && root.path().exists());
    }

    #[test]
    fn what_is_to_be_kept_stays_and_the_rest_goes() {
        let root = tempfile::tempdir().unwrap();
        let [dir, layer, other] = ["dir", "layer", "other"].map(|name| root.path().join(name));
        for path in [&dir, &layer, &other] {
            std::fs::create_dir(path).unwrap();
        }
        let mut journal = Journal::open(&dir).unwrap();
        let lines = [&dir, &layer, &other].map(|path| Made::Directory(path.clone()));
        for made in lines.iter().chain([&Made::Keep(layer.clone())]) {
            journal.record(made).unwrap();
        }
        let (counts, error) = journal.undo();
        assert!(error.is_none() && counts == [("directory", 2)], "{counts:?}");
        assert!(layer.exists() && !dir.exists() && !other.exists());
    }

    #[test]
    fn what_was_to_be_kept_goes_when_it_is_listed_again() {
        let root = tempfile::tempdir().unwrap();
        let (dir, layer) = (root.path().join("dir"), root.path().join("layer"));
        std::fs::create_dir(&dir).unwrap();
        std::fs::create_dir(&layer).unwrap();
        let mut journal = Journal::open(&dir).unwrap();
        let listed = Made::Directory(layer.clone());
        for made in [&listed, &Made::Keep(layer.clone()), &listed] {
            journal.record(made).unwrap();
        }
        journal.undo();
        assert!(!layer.exists() && dir.exists());
    }
}
