//! A container's group as it exists: one directory in each hierarchy. It is entered, emptied and removed here.

use super::PARENT;
use super::error::Error;
use super::layout::Version;
use crate::sys;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

const SIGKILL: i32 = 9;
/// How long a killed process may take to be gone. One that waits for a disk takes as long as the disk.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(10);

/// A group, by its directories. It can be written down before it exists, and removed whether it does or not.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Cgroup {
    /// Its path below the top of each hierarchy.
    pub(super) path: PathBuf,
    pub(super) directories: Vec<Directory>,
}

/// The group's directory in one hierarchy.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub(super) struct Directory {
    pub(super) version: Version,
    pub(super) controllers: Vec<String>,
    /// The top of the hierarchy, as far as it is ours.
    pub(super) base: PathBuf,
    /// The directory itself.
    pub(super) path: PathBuf,
}

impl Directory {
    pub(super) fn has(&self, controller: &str) -> bool {
        self.controllers.iter().any(|name| name == controller)
    }
}

impl Cgroup {
    /// Its path below the top of each hierarchy, such as `rlab/3f9c…`.
    #[cfg(test)]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its directories, one for each hierarchy.
    #[cfg(test)]
    pub fn directories(&self) -> impl Iterator<Item = &Path> {
        self.directories.iter().map(|directory| directory.path.as_path())
    }

    pub(super) fn of(&self, version: Version, controller: &str) -> Option<&Directory> {
        let ours = |directory: &&Directory| version == Version::V2 || directory.has(controller);
        self.directories.iter().filter(|directory| directory.version == version).find(ours)
    }

    /// Moves a process into the group. Its children will be born there; those it has already stay where they are.
    pub fn join(&self, pid: i32) -> Result<(), Error> {
        for directory in &self.directories {
            sys::write_file(&directory.path.join("cgroup.procs"), &pid.to_string())?;
        }
        Ok(())
    }

    /// The processes in it and in the groups below it, which a program with the right to do so may have made.
    pub fn processes(&self) -> Vec<i32> {
        let mut found = BTreeSet::new();
        for directory in &self.directories {
            for group in tree(&directory.path) {
                let text = std::fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
                // The kernel writes 0 for a process of another PID namespace. kill(2) would take that as everyone in
                // our own process group.
                found.extend(text.lines().filter_map(|line| line.parse().ok()).filter(|pid: &i32| *pid > 0));
            }
        }
        found.into_iter().collect()
    }

    /// Ends every process in it, and waits until they are gone.
    pub fn kill_all(&self) -> Result<(), Error> {
        if self.processes().is_empty() {
            return Ok(());
        }
        let begun = Instant::now();
        for file in self.existing(Version::V2, "cgroup.kill") {
            sys::write_file(&file, "1")?;
        }
        while !self.is_empty_within(Duration::from_millis(200)) {
            if begun.elapsed() > PATIENCE {
                let path = self.directories.first().map(|directory| directory.path.clone()).unwrap_or_default();
                return Err(Error::StillRunning { path, count: self.processes().len() });
            }
            self.kill_each()?;
        }
        Ok(())
    }

    /// One by one, for v1 and for kernels before 5.14. A program that forks without end would be faster than we are, so
    /// where there is a freezer nobody moves while the signals are sent. They take effect when it thaws.
    fn kill_each(&self) -> Result<(), Error> {
        let freezer = self.existing(Version::V1, "freezer.state");
        for file in &freezer {
            sys::write_file(file, "FROZEN")?;
        }
        let mut result = Ok(());
        for pid in self.processes() {
            match sys::kill(pid, SIGKILL) {
                Err(gone) if gone.errno == sys::Errno::ESRCH as i32 => {}
                other => result = result.and(other),
            }
        }
        for file in &freezer {
            sys::write_file(file, "THAWED")?;
        }
        Ok(result?)
    }

    fn is_empty_within(&self, time: Duration) -> bool {
        let begun = Instant::now();
        loop {
            if self.processes().is_empty() {
                return true;
            }
            if begun.elapsed() > time {
                return false;
            }
            sleep(PAUSE);
        }
    }

    fn existing(&self, version: Version, file: &str) -> Vec<PathBuf> {
        let ours = self.directories.iter().filter(|directory| directory.version == version);
        ours.map(|directory| directory.path.join(file)).filter(|path| path.exists()).collect()
    }

    /// Removes its directories and those below them, and rlab's own group when this was the last one in it. What is not
    /// there counts as removed, so that this can be tried again.
    pub fn remove(&self) -> Result<(), Error> {
        let (mut result, begun) = (Ok(()), Instant::now());
        for directory in &self.directories {
            for group in tree(&directory.path).into_iter().rev() {
                result = result.and(remove_patiently(&group, begun));
            }
            let parent = directory.base.join(PARENT);
            if self.path.starts_with(PARENT) && directory.path != parent && is_childless(&parent) {
                match sys::rmdir(&parent) {
                    // Another container has just come into it, or was the last to leave and took it away.
                    Err(_) if !is_childless(&parent) => {}
                    other => result = result.and(other.map_err(Error::from)),
                }
            }
        }
        result
    }
}

#[cfg(test)]
impl Cgroup {
    /// A group of v2 that a test made by hand.
    pub(super) fn at(path: &Path) -> Cgroup {
        let base = path.parent().unwrap().to_owned();
        let directory = Directory { version: Version::V2, controllers: vec![], base, path: path.to_owned() };
        Cgroup { path: PathBuf::from(path.file_name().unwrap()), directories: vec![directory] }
    }
}

/// A directory and all groups below it, from the top down; nothing if it doesn't exist.
pub(super) fn tree(top: &Path) -> Vec<PathBuf> {
    let mut found = if top.is_dir() { vec![top.to_owned()] } else { vec![] };
    let mut next = 0;
    while next < found.len() {
        found.extend(children(&found[next]));
        next += 1;
    }
    found
}

fn children(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let directories = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    directories.map(|entry| entry.path()).collect()
}

fn is_childless(directory: &Path) -> bool {
    directory.is_dir() && children(directory).is_empty()
}

/// A process leaves its group only at the very end of its exit, after its parent could see it end: so a group can be busy
/// for a moment with nobody in it.
fn remove_patiently(group: &Path, begun: Instant) -> Result<(), Error> {
    loop {
        match sys::rmdir(group) {
            Err(busy) if busy.errno == sys::Errno::EBUSY as i32 && begun.elapsed() < Duration::from_secs(2) => {
                sleep(PAUSE * 5);
            }
            Err(gone) if gone.errno == sys::Errno::ENOENT as i32 => return Ok(()),
            other => return Ok(other?),
        }
    }
}
