//! Paths inside the container's tree, which belongs to someone we don't trust.
//!
//! An image may hold `etc -> /etc` or `proc -> ../../..`. Opened from outside by its plain path, such a link leads out of
//! the image, into the host. openat2(2) with RESOLVE_IN_ROOT treats the tree as `/` for every component, links included,
//! and gives back a descriptor: who holds that can't be fooled by what changes afterwards.

use super::{Error, Result, traced};
use crate::trace::Call;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, OpenHow, ResolveFlag, openat2};
use nix::mount::MsFlags;
use nix::sys::stat::{Mode, SFlag, fstat, fstatat, makedev, mkdirat, mknodat};
use nix::sys::statvfs::FsFlags;
use nix::unistd::{UnlinkatFlags, symlinkat, unlinkat};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

/// The container's tree.
pub struct RootDir {
    fd: OwnedFd,
}

/// A file or directory inside the tree, held open by O_PATH.
pub struct Place {
    fd: OwnedFd,
    inside: String,
}

impl Place {
    /// Its path as the container sees it.
    pub fn inside(&self) -> &str {
        &self.inside
    }

    /// The name under which calls that take only paths reach the descriptor, see proc(5).
    pub fn proc_path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.fd.as_raw_fd()))
    }

    /// Whether it is the character device with these numbers.
    pub fn is_device(&self, major: u64, minor: u64) -> bool {
        fstat(&self.fd).is_ok_and(|found| {
            SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT == SFlag::S_IFCHR
                && found.st_rdev == makedev(major, minor)
        })
    }

    /// The flags of the mount it lies on that a remount would take off if they were not given again, see statvfs(3).
    pub fn mount_flags(&self) -> nix::Result<MsFlags> {
        let found = nix::sys::statvfs::fstatvfs(&self.fd)?.flags();
        let pairs = [
            (FsFlags::ST_RDONLY, MsFlags::MS_RDONLY),
            (FsFlags::ST_NOSUID, MsFlags::MS_NOSUID),
            (FsFlags::ST_NODEV, MsFlags::MS_NODEV),
            (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
        ];
        Ok(pairs.into_iter().filter(|(stat, _)| found.contains(*stat)).map(|(_, flag)| flag).collect())
    }

    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        fstat(&self.fd).is_ok_and(|found| SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT == SFlag::S_IFDIR)
    }
}

impl RootDir {
    /// Opens the tree at `path`, a path of the host's that rlab itself has made.
    pub fn open(path: &Path) -> Result<RootDir> {
        let how = OpenHow::new().flags(OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC);
        let fd = openat2(AT_FDCWD, path, how).map_err(|errno| refused(path, "O_PATH|O_DIRECTORY", errno))?;
        Ok(RootDir { fd })
    }

    /// Opens what is at `path` inside, following links, but only inside.
    pub fn resolve(&self, path: &Path) -> Result<Place> {
        let fd = self.openat(path, OFlag::O_PATH).map_err(|errno| refused(path, "O_PATH", errno))?;
        Ok(Place { fd, inside: inside(path) })
    }

    /// Opens what is at `path`, and refuses if any part of the path is a link.
    pub fn resolve_without_links(&self, path: &Path) -> Result<Place> {
        let fd = self
            .open_with(path, OFlag::O_PATH, ResolveFlag::RESOLVE_NO_SYMLINKS)
            .map_err(|errno| refused(path, "O_PATH", errno))?;
        Ok(Place { fd, inside: inside(path) })
    }

    /// Opens a directory at `path`, and makes those on the way that are missing.
    pub fn make_dir(&self, path: &Path) -> Result<Place> {
        if let Ok(place) = self.resolve(path) {
            return Ok(place);
        }
        let mut walked = PathBuf::from("/");
        for component in path.components() {
            let Component::Normal(name) = component else { continue };
            let parent = self.resolve(&walked)?;
            walked.push(name);
            if self.resolve(&walked).is_err() {
                traced(
                    || {
                        Call::new("mkdirat")
                            .arg("dirfd", parent.fd.as_raw_fd())
                            .path("pathname", &walked)
                            .arg("mode", 0o755)
                    },
                    || mkdirat(&parent.fd, name, Mode::from_bits_truncate(0o755)),
                )?;
            }
        }
        self.resolve(path)
    }

    /// Opens a plain file at `path`, and makes an empty one when there is none: something to mount on.
    pub fn make_file(&self, path: &Path) -> Result<Place> {
        if let Ok(place) = self.resolve(path) {
            return Ok(place);
        }
        let parent = self.make_dir(path.parent().unwrap_or(Path::new("/")))?;
        self.mknod(&parent, path, SFlag::S_IFREG, 0o644, 0, 0)?;
        self.resolve(path)
    }

    /// mknodat(2) of a character or block device (`major`, `minor`), with its mode less the umask.
    pub fn make_device(&self, path: &Path, block: bool, mode: u32, major: u64, minor: u64) -> Result<()> {
        let parent = self.make_dir(path.parent().unwrap_or(Path::new("/")))?;
        let kind = if block { SFlag::S_IFBLK } else { SFlag::S_IFCHR };
        self.mknod(&parent, path, kind, mode, major, minor)
    }

    fn mknod(&self, parent: &Place, path: &Path, kind: SFlag, mode: u32, major: u64, minor: u64) -> Result<()> {
        let name = path.file_name().unwrap_or_default();
        let spelt = match kind {
            SFlag::S_IFCHR => "S_IFCHR",
            SFlag::S_IFBLK => "S_IFBLK",
            _ => "S_IFREG",
        };
        traced(
            || {
                Call::new("mknodat")
                    .arg("dirfd", parent.fd.as_raw_fd())
                    .path("pathname", path)
                    .arg("mode", format!("{spelt}|0{mode:o}"))
                    .arg("dev", format!("makedev({major}, {minor})"))
            },
            || mknodat(&parent.fd, name, kind, Mode::from_bits_truncate(mode), makedev(major, minor)),
        )?;
        Ok(())
    }

    /// symlinkat(2): a link at `path` with the text `target`. What is there already is taken away, unless it is a directory.
    pub fn make_link(&self, target: &str, path: &Path) -> Result<()> {
        let parent = self.make_dir(path.parent().unwrap_or(Path::new("/")))?;
        let name = path.file_name().unwrap_or_default();
        if fstatat(&parent.fd, name, AtFlags::AT_SYMLINK_NOFOLLOW).is_ok() {
            traced(
                || Call::new("unlinkat").arg("dirfd", parent.fd.as_raw_fd()).path("pathname", path).arg("flags", "0"),
                || unlinkat(&parent.fd, name, UnlinkatFlags::NoRemoveDir),
            )?;
        }
        traced(
            || Call::new("symlinkat").arg("target", target).arg("dirfd", parent.fd.as_raw_fd()).path("linkpath", path),
            || symlinkat(target, &parent.fd, name),
        )
    }

    /// Reads a file inside, at most `limit` bytes. A missing file gives `None`.
    pub fn read(&self, path: &Path, limit: u64) -> Option<Vec<u8>> {
        let fd = self.openat(path, OFlag::O_RDONLY | OFlag::O_NONBLOCK).ok()?;
        let found = fstat(&fd).ok()?;
        // A fifo or device in place of /etc/passwd would block us or do things when opened or read.
        if SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT != SFlag::S_IFREG {
            return None;
        }
        let mut content = Vec::new();
        let file = std::fs::File::from(fd);
        std::io::Read::read_to_end(&mut std::io::Read::take(file, limit), &mut content).ok()?;
        Some(content)
    }

    fn openat(&self, path: &Path, flags: OFlag) -> nix::Result<OwnedFd> {
        self.open_with(path, flags, ResolveFlag::empty())
    }

    fn open_with(&self, path: &Path, flags: OFlag, more: ResolveFlag) -> nix::Result<OwnedFd> {
        let resolve = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS | more;
        let how = OpenHow::new().flags(flags | OFlag::O_CLOEXEC).resolve(resolve);
        // EAGAIN: something was renamed while the kernel walked, see openat2(2); the walk may be tried again.
        for _ in 0..128 {
            match openat2(&self.fd, path, how) {
                Err(Errno::EAGAIN) => {}
                other => return other,
            }
        }
        Err(Errno::EAGAIN)
    }
}

fn inside(path: &Path) -> String {
    Path::new("/").join(path).to_string_lossy().into_owned()
}

fn refused(path: &Path, flags: &str, errno: Errno) -> Error {
    let call = Call::new("openat2")
        .arg("dirfd", "rootfs")
        .path("pathname", path)
        .arg("flags", flags.to_owned() + "|O_CLOEXEC")
        .arg("resolve", "RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS");
    Error::new(call, errno as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_takes_the_place_of_what_was_there() {
        let dir = tempfile::tempdir().unwrap();
        let tree = RootDir::open(dir.path()).unwrap();
        std::fs::write(dir.path().join("file"), "").unwrap();
        for (name, target) in [("/new", "one"), ("/new", "two"), ("/file", "three")] {
            tree.make_link(target, Path::new(name)).unwrap();
            assert_eq!(std::fs::read_link(dir.path().join(&name[1..])).unwrap(), Path::new(target));
        }
        std::fs::create_dir(dir.path().join("folder")).unwrap();
        let error = tree.make_link("four", Path::new("/folder")).unwrap_err();
        assert_eq!((error.call.name.as_ref(), error.errno), ("unlinkat", Errno::EISDIR as i32));
    }
}
