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

/// The list's name in the container's directory.
const LIST: &str = "undo.jsonl";

/// One thing that was made, or was about to be.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Made {
    /// A directory and everything in it.
    Directory(PathBuf),
    /// No longer to be taken away, although it stands further up in the list: a directory that the user may still want, or a
    /// mount that was needed for a moment and is gone.
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
        let path = dir.join(LIST);
        let list = OpenOptions::new().create(true).append(true).open(&path).map_err(file(&path))?;
        Ok(Journal { dir: dir.to_owned(), list })
    }

    /// Opens the list that another process has left; `None` when there is none.
    pub fn reopen(dir: &Path) -> Option<Journal> {
        let list = OpenOptions::new().append(true).open(dir.join(LIST)).ok()?;
        Some(Journal { dir: dir.to_owned(), list })
    }

    /// Writes down what is about to be made.
    pub fn record(&mut self, made: &Made) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(made)?;
        line.push(b'\n');
        self.list.write_all(&line)
    }

    // ANCHOR: undo
    /// Takes everything away, newest first, and goes on after an error. Gives how many of each sort there were, and the
    /// first error of what could not be taken away.
    ///
    /// What refused to go is tried again when the rest is gone: it may have been busy with something of the rest. If it
    /// still refuses, the list stays where it is, for the next command.
    pub fn undo(&self) -> (Vec<(&'static str, usize)>, Option<Error>) {
        let text = std::fs::read_to_string(self.dir.join(LIST)).unwrap_or_default();
        // A line that was cut off by a kill was not followed by the making of anything.
        let made: Vec<Made> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let things = listed(&made);
        let mut counts = Vec::<(&'static str, usize)>::new();
        for one in &things {
            match counts.iter_mut().find(|(sort, _)| *sort == one.sort()) {
                Some((_, count)) => *count += 1,
                None => counts.push((one.sort(), 1)),
            }
        }
        let (refused, _first_try) = self.take_away(&things);
        let (_, error) = self.take_away(&refused);
        (counts, error)
    }
    // ANCHOR_END: undo

    /// Gives what refused to go, and why the first of it did.
    fn take_away<'a>(&self, things: &[&'a Made]) -> (Vec<&'a Made>, Option<Error>) {
        let (mut refused, mut first) = (Vec::new(), None);
        for one in things {
            // A directory is older than what is in it. In this one may lie a mount that is still there, or the list itself.
            let taken = match one {
                Made::Directory(_) if !refused.is_empty() => Err(None),
                _ => one.take_away(&self.dir).map_err(Some),
            };
            if let Err(error) = taken {
                refused.push(*one);
                first = first.or(error);
            }
        }
        (refused, first)
    }
}

/// What is to be taken away, newest first: all but what was no longer to be when it was listed last.
fn listed(made: &[Made]) -> Vec<&Made> {
    let (mut kept, mut listed) = (Vec::new(), Vec::new());
    for one in made.iter().rev() {
        match one {
            Made::Keep(path) => kept.push(path),
            Made::Directory(path) | Made::Mount(path) if kept.contains(&path) => {}
            _ => listed.push(one),
        }
    }
    listed
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

    #[test]
    fn what_refuses_to_go_keeps_the_list_for_the_next_command() {
        let root = tempfile::tempdir().unwrap();
        let (dir, other) = (root.path().join("dir"), root.path().join("other"));
        std::fs::create_dir(&dir).unwrap();
        // Below a file there can be no directory, and none that could be removed.
        std::fs::write(&other, "").unwrap();
        let mut journal = Journal::open(&dir).unwrap();
        for path in [&dir, &other.join("below")] {
            journal.record(&Made::Directory(path.clone())).unwrap();
        }
        let (counts, error) = journal.undo();
        assert_eq!(counts, [("directory", 2)]);
        assert!(error.unwrap().to_string().contains("other"));
        std::fs::remove_file(&other).unwrap();
        Journal::reopen(&dir).unwrap().undo();
        assert!(!dir.exists());
    }
}
