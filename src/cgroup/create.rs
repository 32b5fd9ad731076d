//! Carries out a plan: directories, controllers handed down, limits. If one step is refused, what was made is undone.

use super::error::Error;
use super::group::{Cgroup, Directory, tree};
use super::layout::Version;
use super::plan::Plan;
use crate::{sys, trace};
use serde_json::json;
use std::path::Path;

/// How often to begin again when another container's end takes rlab's own group away under our feet.
const ATTEMPTS: usize = 5;

impl Plan {
    /// The group this plan will make, to be written down for the undo before anything is made.
    ///
    /// Refused when there is a group with processes in it at that path: to undo it would be to kill them.
    pub fn cgroup(&self) -> Result<Cgroup, Error> {
        let directories = self.hierarchies.iter().map(|hierarchy| Directory {
            version: hierarchy.version,
            controllers: hierarchy.controllers.clone(),
            path: hierarchy.base.join(&self.path),
            base: hierarchy.base.clone(),
        });
        let cgroup = Cgroup { path: self.path.clone(), directories: directories.collect() };
        let mut groups = cgroup.directories.iter().map(|directory| tree(&directory.path));
        if groups.any(|groups| groups.len() > 1) || !cgroup.processes().is_empty() {
            let path = cgroup.directories.iter().map(|directory| &directory.path).find(|path| path.exists());
            return Err(Error::Occupied { path: path.cloned().unwrap_or_default() });
        }
        Ok(cgroup)
    }

    /// Makes the group with all its limits, with nobody in it yet.
    pub fn create(&self) -> Result<Cgroup, Error> {
        let cgroup = self.cgroup()?;
        match self.build(&cgroup) {
            Ok(()) => Ok(cgroup),
            Err(first) => {
                // The first error is the one to tell.
                let _second = cgroup.remove();
                Err(first)
            }
        }
    }

    fn build(&self, cgroup: &Cgroup) -> Result<(), Error> {
        for directory in &cgroup.directories {
            self.make(directory)?;
        }
        for write in &self.writes {
            let Some(directory) = cgroup.of(write.version, write.controller()) else { continue };
            let path = directory.path.join(&write.file);
            if write.skippable && !path.exists() {
                trace::note("swap_uncounted", || json!({ "file": write.file }));
                continue;
            }
            sys::write_file(&path, &write.value)?;
        }
        if let (Some(program), Some(directory)) = (&self.device_program, cgroup.of(Version::V2, "")) {
            let program = sys::bpf_prog_load_device(program)?;
            sys::bpf_prog_attach_device(&sys::open_read(&directory.path)?, &directory.path, &program)?;
        }
        Ok(())
    }

    fn make(&self, directory: &Directory) -> Result<(), Error> {
        for _ in 1..ATTEMPTS {
            match self.descend(directory) {
                Err(Error::Call(gone) | Error::Enable { source: gone, .. })
                    if gone.errno == sys::Errno::ENOENT as i32 => {}
                other => return other,
            }
        }
        self.descend(directory)
    }

    /// From the top of the hierarchy down, a directory at a time. In v2 each is asked to hand the controllers down.
    fn descend(&self, directory: &Directory) -> Result<(), Error> {
        let mut here = directory.base.clone();
        for name in &self.path {
            if directory.version == Version::V2 {
                enable(&here, &self.required)?;
                // These are for counting only. What keeps them off, such as processes in the group above, is no reason
                // to refuse a container that asked for no limit.
                let _only_for_counters = enable(&here, &self.welcome);
            }
            let above = here.clone();
            here.push(name);
            match sys::mkdir(&here, 0o755) {
                Err(there) if there.errno == sys::Errno::EEXIST as i32 => {}
                other => other?,
            }
            if directory.has("cpuset") && directory.version == Version::V1 {
                inherit_cpuset(&above, &here)?;
            }
        }
        Ok(())
    }
}

/// Hands controllers down to the groups below `directory`. They stay handed down: someone else may count on them by the
/// time that our group goes.
fn enable(directory: &Path, controllers: &[String]) -> Result<(), Error> {
    let file = directory.join("cgroup.subtree_control");
    let active = std::fs::read_to_string(&file).unwrap_or_default();
    let missing = controllers.iter().filter(|name| !active.split_whitespace().any(|active| active == *name));
    let text = missing.map(|name| format!("+{name}")).collect::<Vec<_>>().join(" ");
    if text.is_empty() {
        return Ok(());
    }
    // With processes in it, a group other than the kernel's root refuses memory and io, which split by groups alone; but cpu
    // and pids it would take, and turn into a group of threads whose children nobody can enter. So it isn't even asked.
    let inhabited = std::fs::read_to_string(directory.join("cgroup.procs")).is_ok_and(|list| !list.is_empty());
    if inhabited && directory.join("cgroup.type").exists() {
        return Err(Error::Inhabited { directory: directory.to_owned(), controllers: text });
    }
    let refused = |source| Error::Enable { directory: directory.to_owned(), controllers: text.clone(), source };
    sys::write_file(&file, &text).map_err(refused)
}

/// A new cpuset of v1 has no processors and no memory, and nobody can enter it before it has some.
fn inherit_cpuset(above: &Path, here: &Path) -> Result<(), Error> {
    for file in ["cpuset.cpus", "cpuset.mems"] {
        let read = |directory: &Path| {
            let path = directory.join(file);
            let text = std::fs::read_to_string(&path).map_err(|source| Error::Read { path, source });
            text.map(|text| text.trim().to_owned())
        };
        if read(here)?.is_empty() {
            sys::write_file(&here.join(file), &read(above)?)?;
        }
    }
    Ok(())
}
