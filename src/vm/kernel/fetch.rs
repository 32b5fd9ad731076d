//! The distribution's own kernel for virtual machines, fetched once and kept.
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::{Came, Error, Kernel, by_number, release};
use crate::image::classroom::debian;
use crate::sys::flock;

/// The name of a kernel's file where it is kept.
const IMAGE: &str = "vmlinuz";

/// What was fetched before, else what the distribution has now.
pub fn kept_or_fetched(dir: &Path, announce: &dyn Fn(&str)) -> Result<Kernel, Error> {
    if let Some(kernel) = kept(dir) {
        return Ok(kernel);
    }
    let shop = Workshop::enter(dir)?;
    // Asked again once the lock is held: another rlab may have fetched it while this one waited.
    if let Some(kernel) = kept(dir) {
        return Ok(kernel);
    }
    let tree = shop.work.join("tree");
    let packages = debian::unpack_kernel(&shop.work.join("apt"), &tree, announce)?;
    let release = put_in_order(&tree, &shop.work.join("kept"), &packages)?;
    let place = dir.join(&release);
    remove(&place).and_then(|()| fs::rename(shop.work.join("kept"), &place)).map_err(write(&place))?;
    Ok(Kernel { came: Came::Fetched, ..at(&place)? })
}

/// The newest of those that were fetched. A directory has its name only when it is complete.
fn kept(dir: &Path) -> Option<Kernel> {
    let entries = fs::read_dir(dir).ok()?.flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort_by_key(|name| by_number(name));
    names.iter().rev().find_map(|name| at(&dir.join(name)).ok().filter(|kernel| kernel.release == *name))
}

fn at(place: &Path) -> Result<Kernel, Error> {
    let image = place.join(IMAGE);
    let release = release(&image)?;
    let modules = Some(place.join("lib/modules").join(&release)).filter(|dir| dir.is_dir());
    Ok(Kernel { image, release, modules, came: Came::Kept })
}

/// Of all that the packages bring, the kernel and its modules: not the configuration, the symbols, the documents.
fn put_in_order(tree: &Path, kept: &Path, packages: &[String]) -> Result<String, Error> {
    let none = || Error::NoneInside { packages: packages.join(", ") };
    let entries = fs::read_dir(tree.join("boot")).map_err(|_| none())?.flatten();
    let image = entries
        .map(|entry| entry.path())
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz-")));
    let image = image.ok_or_else(none)?;
    let release = release(&image)?;
    let to = kept.join("lib/modules").join(&release);
    let modules = ["lib/modules", "usr/lib/modules"].map(|dir| tree.join(dir).join(&release));
    if let Some(from) = modules.iter().find(|dir| dir.is_dir()) {
        let parent = kept.join("lib/modules");
        fs::create_dir_all(&parent).and_then(|()| fs::rename(from, &to)).map_err(write(&to))?;
    }
    let place = kept.join(IMAGE);
    fs::create_dir_all(kept).and_then(|()| fs::rename(&image, &place)).map_err(write(&place))?;
    Ok(release)
}

fn write(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Write { path, source }
}

fn remove(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Where a kernel is fetched and unpacked, by one rlab at a time; gone when it is done.
struct Workshop {
    work: PathBuf,
    _lock: File,
}

impl Workshop {
    fn enter(dir: &Path) -> Result<Self, Error> {
        fs::create_dir_all(dir).map_err(write(dir))?;
        let path = dir.join("lock");
        let opened = OpenOptions::new().create(true).append(true).open(&path);
        let lock = opened.and_then(|file| flock::lock(&file, flock::Mode::Exclusive).map(|()| file));
        let lock = lock.map_err(write(&path))?;
        let work = dir.join("work");
        // What an rlab that was killed left behind: whoever holds the lock may sweep.
        remove(&work).and_then(|()| fs::create_dir(&work)).map_err(write(&work))?;
        Ok(Self { work, _lock: lock })
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        // Should it fail, the next one to enter sweeps.
        let _ = fs::remove_dir_all(&self.work);
    }
}
