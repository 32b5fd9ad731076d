//! The first files of the guest: rlab, its libraries, and the drivers that the kernel needs to reach its disk.
//!
//! The kernel unpacks this archive into memory and starts `/rlab` from it. All that it has to do there is to load drivers
//! and to mount the disk, so nothing else is in it.
mod archive;
mod slim;

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::modules::Module;
use crate::image::classroom::elf;
use crate::image::digest::{Algorithm, Hasher};
use crate::sys::flock;
use archive::Archive;

/// Changed with what is packed and how: an archive of an older rlab is not this one's.
const FORMAT: &str = "rlab initramfs 1";

/// Where the guest's first process will have something to mount on, and a place to look for libraries.
const EMPTY: [&str; 6] = ["dev", "newroot", "proc", "run", "sys", "tmp"];

/// How many are kept: one a kernel and build of rlab, and each build makes the older ones useless.
const KEPT: usize = 4;

/// The archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Initramfs {
    /// Its file.
    pub path: PathBuf,
    /// Its size.
    pub size_bytes: u64,
    /// Whether it was made just now, or was there.
    pub made: bool,
}

/// Why it could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file that goes into it cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The libraries of the program could not be told.
    #[error("{0}")]
    Libraries(#[from] elf::Error),
}

impl Error {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Write { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Some("`df -h` shows what is full; `--root` puts rlab's files elsewhere".to_owned())
            }
            Self::Libraries(elf::Error::Missing { soname, .. }) => {
                Some(format!("`ldconfig -p | grep {soname}` shows whether this host has it"))
            }
            _ => None,
        }
    }
}

/// The archive of these modules, to be loaded in this order, and of `binary` as the guest's first process.
pub fn make(cache: &Path, modules: &[Module], binary: &Path) -> Result<Initramfs, Error> {
    let dir = cache.join("initramfs");
    let path = dir.join(format!("{}.cpio", key(modules, binary)?));
    if let Some(found) = found(&path) {
        return Ok(found);
    }
    fs::create_dir_all(&dir).map_err(write(&dir))?;
    let lock_path = dir.join("lock");
    let opened = OpenOptions::new().create(true).append(true).open(&lock_path);
    let _lock =
        opened.and_then(|file| flock::lock(&file, flock::Mode::Exclusive).map(|()| file)).map_err(write(&lock_path))?;
    // Asked again once the lock is held: another rlab may have made it while this one waited.
    if let Some(found) = found(&path) {
        return Ok(found);
    }
    tidy(&dir);
    let temporary = dir.join("unfinished");
    let written = pack(&temporary, modules, binary).and_then(|()| fs::rename(&temporary, &path).map_err(write(&path)));
    written.inspect_err(|_| drop(fs::remove_file(&temporary)))?;
    let size_bytes = fs::metadata(&path).map_err(write(&path))?.len();
    Ok(Initramfs { path, size_bytes, made: true })
}

fn found(path: &Path) -> Option<Initramfs> {
    let size_bytes = fs::metadata(path).ok()?.len();
    // By this time is told which one nobody needs any more.
    let _not_ours = File::open(path).and_then(|file| file.set_modified(SystemTime::now()));
    Some(Initramfs { path: path.to_owned(), size_bytes, made: false })
}

/// What goes in, by content; but the binary by which file it is, since reading it would take longer than all the rest. Its
/// libraries go by it: an archive keeps those that it was made with.
fn key(modules: &[Module], binary: &Path) -> Result<String, Error> {
    let meta = fs::metadata(binary).map_err(|source| Error::Read { path: binary.to_owned(), source })?;
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let changed = (meta.mtime(), meta.mtime_nsec());
    hasher.update(format!("{FORMAT}\n{} {} {} {changed:?}\n", meta.dev(), meta.ino(), meta.len()).as_bytes());
    for module in modules {
        hasher.update(format!("{} {}\n", module.name, module.content.len()).as_bytes());
        hasher.update(&module.content);
    }
    Ok(hasher.finish().hex().to_owned())
}

/// Leaves the newest few, and nothing of an rlab that was killed. By whoever holds the lock.
fn tidy(dir: &Path) {
    let mut found: Vec<(SystemTime, PathBuf)> = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.path().extension().is_some_and(|ending| ending == "cpio") {
            let changed = entry.metadata().and_then(|meta| meta.modified());
            found.push((changed.unwrap_or(SystemTime::UNIX_EPOCH), entry.path()));
        }
    }
    found.sort();
    let old = found.len().saturating_sub(KEPT - 1);
    for (_, path) in &found[..old] {
        // Should it fail, the next one tries again.
        let _ = fs::remove_file(path);
    }
}

fn pack(path: &Path, modules: &[Module], binary: &Path) -> Result<(), Error> {
    let closure = elf::closure(binary)?;
    let file = File::create(path).map_err(write(path))?;
    let mut archive = Archive::new(BufWriter::new(file));
    let into = |result: io::Result<()>| result.map_err(write(path));
    for dir in EMPTY {
        into(archive.dir(dir))?;
    }
    // The kernel opens it as the standard streams of its first process, before that could make one.
    into(archive.character_device("dev/console", (5, 1)))?;
    into(archive.file("rlab", 0o755, &slim::without_sections(read(binary)?)))?;
    for (place, library) in closure.places() {
        into(archive.file(&place, 0o755, &slim::without_sections(read(library)?)))?;
    }
    for (number, module) in modules.iter().enumerate() {
        into(archive.file(&format!("modules/{number:04}-{}.ko", module.name), 0o644, &module.content))?;
    }
    into(archive.finish().and_then(|mut file| file.flush()))
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })
}

fn write(path: &Path) -> impl FnOnce(io::Error) -> Error + Clone {
    let path = path.to_owned();
    move |source| Error::Write { path, source }
}

#[cfg(test)]
mod tests;
