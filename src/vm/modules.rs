//! Which driver modules a kernel needs, and in which order.
//!
//! A kernel of a distribution can do little until its modules are loaded, and a module not until those it calls into are.
//! depmod(8) writes that order down when a kernel is installed; one that was only unpacked has no such list, so it is read
//! from the modules themselves, where depmod has it from: modinfo(8).
mod error;
mod file;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::kernel::Kernel;
pub use error::Error;
use file::Info;

/// What rlab's machine has to reach its disk, its channel and its network, and to stack a writable tree on the disk.
pub const DRIVERS: &[&str] = &["virtio_pci", "virtio_blk", "virtio_console", "virtio_net", "overlay", "ext4"];

/// A module to be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// Its name, as lsmod(8) shows it.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
    /// What init_module(2) takes: the file's content, unpacked.
    pub content: Vec<u8>,
}

/// The modules to load for these drivers, dependencies first. What is built in needs nothing, and what is optional may be
/// absent. A kernel without a directory of modules is taken to have all of it built in: nobody but itself could tell.
pub fn needed(kernel: &Kernel, required: &[&str], optional: &[&str]) -> Result<Vec<Module>, Error> {
    let Some(dir) = &kernel.modules else { return without_modules(kernel) };
    let mut search = Search { kernel, dir, files: files(dir)?, built_in: built_in(dir), found: Vec::new() };
    for name in required {
        search.add(name)?;
    }
    for name in optional {
        let so_far = search.found.len();
        match search.add(name) {
            // What came along for it goes again.
            Err(Error::Missing { .. }) => search.found.truncate(so_far),
            other => other?,
        }
    }
    Ok(search.found)
}

/// No directory at all; but if those of other releases lie where it would be, it was not built without.
fn without_modules(kernel: &Kernel) -> Result<Vec<Module>, Error> {
    for lib in kernel.image.ancestors().skip(1).take(2).flat_map(|dir| [dir.join("lib"), dir.join("usr/lib")]) {
        let dir = lib.join("modules");
        let entries = fs::read_dir(&dir).into_iter().flatten().flatten();
        let others: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        if !others.is_empty() {
            return Err(Error::OtherReleases { release: kernel.release.clone(), dir, found: others.join(", ") });
        }
    }
    Ok(Vec::new())
}

struct Search<'a> {
    kernel: &'a Kernel,
    dir: &'a Path,
    files: BTreeMap<String, PathBuf>,
    built_in: BTreeSet<String>,
    /// In the order of loading.
    found: Vec<Module>,
}

impl Search<'_> {
    fn add(&mut self, name: &str) -> Result<(), Error> {
        self.add_for(&same(name), &mut Vec::new())
    }

    /// `above` are those that need this one: a module that needs itself would never come to an end.
    fn add_for(&mut self, name: &str, above: &mut Vec<String>) -> Result<(), Error> {
        let known = self.built_in.contains(name) || self.found.iter().any(|module| module.name == name);
        if known || above.iter().any(|other| other == name) {
            return Ok(());
        }
        let Some(path) = self.files.get(name).cloned() else {
            let (release, dir) = (self.kernel.release.clone(), self.dir.to_owned());
            return Err(Error::Missing { name: name.to_owned(), by: above.first().cloned(), release, dir });
        };
        let content = file::read(&path)?;
        let info = Info::read(&content, &path)?;
        if info.release != self.kernel.release {
            let release = self.kernel.release.clone();
            return Err(Error::MadeForOther { path, made_for: info.release, release });
        }
        above.push(name.to_owned());
        let softly = info.before.iter().filter_map(|name| self.softly(name));
        let below: Vec<String> = softly.chain(info.depends.iter().map(|name| same(name))).collect();
        for name in &below {
            self.add_for(name, above)?;
        }
        above.pop();
        self.found.push(Module { name: name.to_owned(), path, content });
        Ok(())
    }

    /// The module behind a soft dependency, if there is one. `crypto-NAME` is whatever provides that algorithm: the one in
    /// plain C runs everywhere.
    fn softly(&self, name: &str) -> Option<String> {
        let name = same(name);
        let plain =
            name.strip_prefix("crypto_").map(|algorithm| [format!("{algorithm}_generic"), algorithm.to_owned()]);
        let names = plain.map_or_else(|| vec![name], Vec::from);
        names.into_iter().find(|name| self.files.contains_key(name))
    }
}

/// In the name of a module `-` and `_` are the same.
fn same(name: &str) -> String {
    name.replace('-', "_")
}

/// The name of a module by its file's, whichever way that is packed.
fn name_of(file: &str) -> Option<String> {
    let (name, packing) = file.split_once(".ko")?;
    matches!(packing, "" | ".gz" | ".xz" | ".zst").then(|| same(name))
}

/// `modules.builtin`: a path a line.
fn built_in(dir: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(dir.join("modules.builtin")).unwrap_or_default();
    text.lines().filter_map(|line| name_of(line.rsplit('/').next()?)).collect()
}

/// All files of modules by name. What was built for this machine (`updates`) comes before what the distribution sent.
fn files(dir: &Path) -> Result<BTreeMap<String, PathBuf>, Error> {
    let mut found = BTreeMap::new();
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        let failed = |source| Error::Read { path: dir.clone(), source };
        let mut below = Vec::new();
        for entry in fs::read_dir(&dir).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // `build` and `source` are links out of here.
            match entry.file_type().map_err(failed)? {
                kind if kind.is_dir() => below.push(entry.path()),
                kind if kind.is_file() => {
                    if let Some(name) = name_of(&name) {
                        found.entry(name).or_insert_with(|| entry.path());
                    }
                }
                _ => {}
            }
        }
        // The last is looked into first.
        below.sort();
        open.extend(below);
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
