//! The image's layers as a disk: a read-only filesystem image, made once.
//!
//! A container's root is its layers, stacked by the host's kernel. A machine has a kernel of its own and sees only what
//! its hardware gives it: so the layers are stacked once here, and what they show is written into a file that the machine
//! takes for a disk. It is named after the layers' digests, never written to again, and shared by all machines.
mod error;
mod program;
mod size;

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::image::digest::Digest;
use crate::sys::mount::{MsFlags, chdir, mount, umount2};
use crate::sys::{self, flock};
pub use error::Error;

/// Changed with how a disk is made: one of an older rlab is not this one's.
const FORMAT: &str = "rlab disk 2";

/// The kernel takes the options of one mount in one page.
const MAX_OPTION_BYTES: usize = 4095;

/// What is not finished yet, whatever disk it will be: there is one at a time.
const UNFINISHED: &str = "unfinished";

/// A disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// The file.
    pub path: PathBuf,
    /// What it takes of the host's disk; the machine sees a little more, which is empty.
    pub size_bytes: u64,
    /// Files and directories in it.
    pub files: u64,
    /// Whether it was made just now, or was there.
    pub made: bool,
}

/// The disk of these layers, lowest first. `will_mount` is told of the mount at `mount_point` before it is there, so that
/// it is known should rlab be killed; when this comes back it is gone again. The caller sees to it that the layers stay.
pub fn make<E: From<Error>>(
    cache: &Path,
    layers: &[(Digest, PathBuf)],
    mount_point: &Path,
    will_mount: &mut dyn FnMut(&Path) -> Result<(), E>,
) -> Result<Disk, E> {
    let absolute = |path: &Path| std::path::absolute(path).map_err(|source| Error::write(path, source));
    let (dir, mount_point) = (absolute(&cache.join("disks"))?, absolute(mount_point)?);
    let chain = chain(layers.iter().map(|(digest, _)| digest));
    let path = dir.join(format!("{}.ext4", chain.hex()));
    if let Some(found) = found(&path) {
        return Ok(found);
    }
    let _lock = lock(&dir)?;
    // Asked again once the lock is held: another rlab may have made it while this one waited.
    if let Some(found) = found(&path) {
        return Ok(found);
    }
    let unfinished = Unfinished(dir.join(UNFINISHED));
    let dirs = lower_dirs(layers);
    match &dirs[..] {
        // Nothing is stacked on it: it is what it shows.
        [alone] => program::write(alone, &unfinished.0, &chain)?,
        _ => {
            let mounted = Mounted::overlay(&dirs, &mount_point, will_mount)?;
            let written = program::write(&mount_point, &unfinished.0, &chain);
            mounted.unmount().and(written)?;
        }
    }
    fs::rename(&unfinished.0, &path).map_err(|source| Error::write(&path, source))?;
    let disk = found(&path).ok_or_else(|| Error::write(&path, io::ErrorKind::NotFound.into()))?;
    Ok(Disk { made: true, ..disk })
}

/// Takes away the disks of images that are no more, and what an rlab that was killed has left. Each of `images` is the
/// layers of one that is here or in use, lowest first. Gives the disks that are gone.
pub fn sweep(cache: &Path, images: &[Vec<Digest>]) -> Vec<PathBuf> {
    let dir = cache.join("disks");
    let kept: BTreeSet<PathBuf> =
        images.iter().map(|layers| dir.join(format!("{}.ext4", chain(layers.iter()).hex()))).collect();
    let mut gone = Vec::new();
    for path in fs::read_dir(&dir).into_iter().flatten().flatten().map(|entry| entry.path()) {
        // A machine that runs from it has it open, and keeps what it opened.
        let is_old = path.extension().is_some_and(|ending| ending == "ext4") && !kept.contains(&path);
        if is_old && fs::remove_file(&path).is_ok() {
            gone.push(path);
        }
    }
    // Where an rlab is at work, what is not finished is its.
    let lock = File::open(dir.join("lock"));
    if lock.is_ok_and(|lock| flock::try_lock(&lock, flock::Mode::Exclusive).unwrap_or(false)) {
        let _was_none = fs::remove_file(dir.join(UNFINISHED));
    }
    gone
}

/// What the disk is named after: the same layers in another order show other files.
fn chain<'a>(layers: impl Iterator<Item = &'a Digest>) -> Digest {
    let lines: String = layers.map(|digest| format!("{digest}\n")).collect();
    Digest::sha256(format!("{FORMAT}\n{lines}").as_bytes())
}

fn found(path: &Path) -> Option<Disk> {
    let mut file = File::open(path).ok()?;
    let mut superblock = [0; 1024];
    file.seek(SeekFrom::Start(1024)).ok()?;
    file.read_exact(&mut superblock).ok()?;
    let number = |at: usize| superblock[at..at + 4].try_into().map_or(0, u32::from_le_bytes);
    // s_inodes_count and s_free_inodes_count; the first ten are the filesystem's own, and the root is one of them.
    let used = number(0).checked_sub(number(16))?;
    let size_bytes = file.metadata().ok()?.blocks() * 512;
    Some(Disk { path: path.to_owned(), size_bytes, files: u64::from(used.saturating_sub(10)), made: false })
}

fn lock(dir: &Path) -> Result<File, Error> {
    // Root alone: a disk holds setuid programs of any age, as the layers do.
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|source| Error::write(dir, source))?;
    let path = dir.join("lock");
    let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(&path);
    let locked = opened.and_then(|file| flock::lock(&file, flock::Mode::Exclusive).map(|()| file));
    locked.map_err(|source| Error::write(&path, source))
}

/// As overlayfs wants them, topmost first. A layer that occurs twice counts where it is topmost: overlayfs refuses the same
/// directory twice.
fn lower_dirs(layers: &[(Digest, PathBuf)]) -> Vec<&Path> {
    let mut found: Vec<&Path> = Vec::new();
    for (_, path) in layers.iter().rev() {
        if !found.contains(&path.as_path()) {
            found.push(path);
        }
    }
    found
}

/// A file that is taken away unless it got its name.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _has_its_name = fs::remove_file(&self.0);
    }
}

/// The layers, stacked; dropped, they are taken down again.
struct Mounted<'a> {
    at: &'a Path,
    made_dir: bool,
    is_mounted: bool,
}

impl<'a> Mounted<'a> {
    fn overlay<E: From<Error>>(
        dirs: &[&Path],
        at: &'a Path,
        will_mount: &mut dyn FnMut(&Path) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut mounted = Self { at, made_dir: false, is_mounted: false };
        if !at.is_dir() {
            sys::mkdir(at, 0o700).map_err(Error::from)?;
            mounted.made_dir = true;
        }
        will_mount(at)?;
        overlay(dirs, at)?;
        mounted.is_mounted = true;
        Ok(mounted)
    }

    fn unmount(mut self) -> Result<(), Error> {
        self.is_mounted = false;
        Ok(umount2(self.at, false)?)
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        // Detached, because this is the way of an error, and whatever holds it must not keep it.
        let _told_already = if self.is_mounted { umount2(self.at, true) } else { Ok(()) };
        let _told_already = if self.made_dir { sys::rmdir(self.at) } else { Ok(()) };
    }
}

/// Without a layer to write to, the mount can only be read.
fn overlay(dirs: &[&Path], at: &Path) -> Result<(), Error> {
    // The names of many layers would not fit into one page. From inside the store they are short.
    let base = dirs.first().and_then(|layer| layer.parent()?.parent()).unwrap_or(Path::new("/"));
    let relative: Vec<String> =
        dirs.iter().map(|layer| layer.strip_prefix(base).unwrap_or(layer).to_string_lossy().into_owned()).collect();
    let options = format!("lowerdir={}", relative.join(":"));
    if options.len() > MAX_OPTION_BYTES {
        return Err(Error::TooManyLayers { layers: dirs.len(), bytes: options.len() });
    }
    chdir(base)?;
    let mounted = mount(Some("overlay"), at, Some("overlay"), MsFlags::MS_RDONLY, Some(&options));
    chdir(Path::new("/"))?;
    Ok(mounted?)
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod whole;
