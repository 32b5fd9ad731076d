//! Paths inside the container's tree, which belongs to someone we don't trust.
//!
//! An image may hold `etc -> /etc` or `proc -> ../../..`. Opened from outside by its plain path, such a link leads out of
//! the image, into the host. openat2(2) with RESOLVE_IN_ROOT treats the tree as `/` for every component, links included,
//! and gives back a descriptor: who holds that can't be fooled by what changes afterwards.

use super::{Error, Result, traced};
use crate::trace::Call;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, OpenHow, ResolveFlag, open, openat2, readlinkat};
use nix::mount::MsFlags;
use nix::sys::stat::{Mode, SFlag, fstat, fstatat, makedev, mkdirat, mknodat, stat};
use nix::sys::statfs::fstatfs;
use nix::sys::statvfs::FsFlags;
use nix::unistd::{UnlinkatFlags, symlinkat, unlinkat};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

pub use nix::sys::statfs::{FsType, PROC_SUPER_MAGIC};

/// The type of the filesystem of pseudoterminals, `DEVPTS_SUPER_MAGIC` of statfs(2).
pub const DEVPTS_SUPER_MAGIC: FsType = FsType(0x1cd1);

/// As the kernel: more links than these in one path lead nowhere.
const MAX_LINKS: usize = 40;

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

    /// Its path inside with every link followed, as the kernel has it now.
    pub fn real_path(&self, tree: &RootDir) -> Option<PathBuf> {
        let read = |fd: &OwnedFd| std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd())).ok();
        let (root, own) = (read(&tree.fd)?, read(&self.fd)?);
        Some(Path::new("/").join(own.strip_prefix(root).ok()?))
    }

    /// Whether it lies on a filesystem of this type, by the number that statfs(2) gives.
    pub fn is_on(&self, filesystem: FsType) -> bool {
        fstatfs(&self.fd).is_ok_and(|found| found.filesystem_type() == filesystem)
    }

    /// Whether it is the file that a path of the host's leads to.
    pub fn is_same_file(&self, outside: &Path) -> bool {
        let found = fstat(&self.fd).map(|found| (found.st_dev, found.st_ino));
        stat(outside).is_ok_and(|wanted| found == Ok((wanted.st_dev, wanted.st_ino)))
    }

    /// Opens it for reading and writing: what the descriptor already names, not what is at the path by now. Not told: it
    /// changes nothing.
    pub fn open(&self) -> Result<OwnedFd> {
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        open(&self.proc_path(), flags, Mode::empty()).map_err(|errno| {
            let call = Call::new("openat").arg("dirfd", "AT_FDCWD").arg("pathname", self.inside.as_str());
            Error::new(call.arg("flags", "O_RDWR|O_NOCTTY|O_CLOEXEC"), errno as i32)
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
        self.make_dir_behind(path, MAX_LINKS)
    }

    fn make_dir_behind(&self, path: &Path, links: usize) -> Result<Place> {
        if let Ok(place) = self.resolve(path) {
            return Ok(place);
        }
        let mut walked = PathBuf::from("/");
        let mut components = path.components();
        while let Some(component) = components.next() {
            match component {
                Component::ParentDir => drop(walked.pop()),
                Component::Normal(name) => {
                    let parent = self.resolve(&walked)?;
                    walked.push(name);
                    if self.resolve(&walked).is_ok() {
                        continue;
                    }
                    if let Some(target) = self.behind(&parent, &walked, links) {
                        return self.make_dir_behind(&target.join(components.as_path()), links - 1);
                    }
                    self.mkdir(&parent, &walked)?;
                }
                _ => {}
            }
        }
        self.resolve(&walked)
    }

    /// Opens a plain file at `path`, and makes an empty one when there is none: something to mount on.
    pub fn make_file(&self, path: &Path) -> Result<Place> {
        self.make_file_behind(path, MAX_LINKS)
    }

    fn make_file_behind(&self, path: &Path, links: usize) -> Result<Place> {
        if let Ok(place) = self.resolve(path) {
            return Ok(place);
        }
        let parent = self.make_dir_behind(path.parent().unwrap_or(Path::new("/")), links)?;
        if let Some(target) = self.behind(&parent, path, links) {
            return self.make_file_behind(&target, links - 1);
        }
        self.mknod(&parent, path, SFlag::S_IFREG, 0o644, 0, 0)?;
        self.resolve(path)
    }

    /// Where a link at `path` leads that leads to nothing yet, as the container will see it. Images have such links:
    /// /etc/resolv.conf is one into /run wherever systemd keeps that file. The links of /proc are not of that kind: they
    /// lead to what a process has open, whatever their text says.
    fn behind(&self, parent: &Place, path: &Path, links: usize) -> Option<PathBuf> {
        if links == 0 || parent.is_on(PROC_SUPER_MAGIC) {
            return None;
        }
        let target = readlinkat(&parent.fd, path.file_name()?).ok()?;
        Some(path.parent()?.join(target))
    }

    fn mkdir(&self, parent: &Place, path: &Path) -> Result<()> {
        let name = path.file_name().unwrap_or_default();
        traced(
            || Call::new("mkdirat").arg("dirfd", parent.fd.as_raw_fd()).path("pathname", path).arg("mode", 0o755),
            || mkdirat(&parent.fd, name, Mode::from_bits_truncate(0o755)),
        )
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
