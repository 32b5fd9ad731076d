//! Building a directory tree below one open directory, without ever leaving it.
//!
//! A layer is written by strangers. If its extractor joined strings (`root + "/" + name`), an archive could first plant
//! the link `etc -> /etc` and then the file `etc/shadow`, and the host's file would be replaced (CVE-2014-6407
//! and others since). Here a name is resolved by the kernel with openat2(2) `RESOLVE_IN_ROOT`: for that one lookup the
//! layer's directory is `/`, so links and `..` end inside of it, whatever they say. The last component is then created
//! relative to the open parent and never follows a link.
//!
//! These calls are not traced one by one: a layer is thousands of files, and the story tells it as one event with counts.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    self, AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, RawMode, ResolveFlags, Timespec, Timestamps, UTIME_OMIT, Uid,
    XattrFlags,
};
use rustix::io::Errno;

/// What stat(2) says about a name, as far as an extractor asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// The kind of file.
    pub kind: Kind,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Major and minor of the device the node stands for.
    pub rdev: (u32, u32),
    /// Time of change.
    pub mtime: Mtime,
    /// Identity of the file: device and inode number.
    pub identity: (u64, u64),
}

impl Stat {
    /// Whether the name is what overlayfs takes as a whiteout: a character device 0/0.
    pub fn is_whiteout(&self) -> bool {
        self.kind == Kind::CharDevice && self.rdev == (0, 0)
    }
}

/// Kinds of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Regular file.
    File,
    /// Directory.
    Directory,
    /// Symbolic link.
    Symlink,
    /// Character device.
    CharDevice,
    /// Block device.
    BlockDevice,
    /// Named pipe.
    Fifo,
    /// Anything else (a socket).
    Other,
}

/// A point in time as inodes keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mtime {
    /// Seconds since 1970, negative before.
    pub seconds: i64,
    /// Nanoseconds within the second.
    pub nanoseconds: u32,
}

/// Owner and permission bits of a file to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ownership {
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// Opens the directory that will be the root of every later lookup.
pub fn open_root(path: &Path) -> io::Result<OwnedFd> {
    Ok(fs::openat(CWD, path, dir_flags(), Mode::empty())?)
}

/// Opens a directory below `root`, resolving links as if `root` were `/`.
pub fn open_dir(root: impl AsFd, path: &[u8]) -> io::Result<OwnedFd> {
    let path = if path.is_empty() { b"." as &[u8] } else { path };
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    // EAGAIN: a rename elsewhere made the kernel unsure that `..` stayed below; it asks to be asked again.
    for _ in 0..64 {
        match fs::openat2(&root, path, dir_flags(), Mode::empty(), resolve) {
            Err(Errno::AGAIN) => {}
            other => return Ok(other?),
        }
    }
    Err(Errno::AGAIN.into())
}

/// Opens a directory by its name in `parent`, refusing a link.
pub fn open_child(parent: impl AsFd, name: &[u8]) -> io::Result<OwnedFd> {
    Ok(fs::openat(parent, name, dir_flags() | OFlags::NOFOLLOW, Mode::empty())?)
}

/// Creates a regular file that must not be there yet.
pub fn create_file(parent: impl AsFd, name: &[u8]) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    // Closed to everyone while it is being written: its setuid bit and owner come last.
    Ok(File::from(fs::openat(parent, name, flags, Mode::RUSR | Mode::WUSR)?))
}

/// Creates a directory that must not be there yet.
pub fn make_dir(parent: impl AsFd, name: &[u8]) -> io::Result<()> {
    Ok(fs::mkdirat(parent, name, Mode::from_raw_mode(0o755))?)
}

/// Creates a symbolic link; where it points to is nobody's business here.
pub fn make_symlink(parent: impl AsFd, name: &[u8], target: &[u8]) -> io::Result<()> {
    Ok(fs::symlinkat(target, parent, name)?)
}

/// Gives the file `from` a second name.
pub fn make_link(from: (BorrowedFd<'_>, &[u8]), to: (BorrowedFd<'_>, &[u8])) -> io::Result<()> {
    // No AT_SYMLINK_FOLLOW: a hard link to a symbolic link is a second name of the link itself.
    Ok(fs::linkat(from.0, from.1, to.0, to.1, AtFlags::empty())?)
}

/// Creates a device node or a named pipe.
pub fn make_node(parent: impl AsFd, name: &[u8], kind: Kind, device: (u32, u32)) -> io::Result<()> {
    let file_type = match kind {
        Kind::CharDevice => FileType::CharacterDevice,
        Kind::BlockDevice => FileType::BlockDevice,
        Kind::Fifo => FileType::Fifo,
        Kind::File | Kind::Directory | Kind::Symlink | Kind::Other => return Err(Errno::INVAL.into()),
    };
    let device = fs::makedev(device.0, device.1);
    Ok(fs::mknodat(parent, name, file_type, Mode::from_raw_mode(0o600), device)?)
}

/// Creates the mark with which overlayfs hides a name of the layers below.
pub fn make_whiteout(parent: impl AsFd, name: &[u8]) -> io::Result<()> {
    make_node(parent, name, Kind::CharDevice, (0, 0))
}

/// Says what a name is, without following it; `None` when there is nothing.
pub fn lstat(parent: impl AsFd, name: &[u8]) -> io::Result<Option<Stat>> {
    match fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(read_stat(&stat))),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// Says what an open file is.
pub fn fstat(file: impl AsFd) -> io::Result<Stat> {
    Ok(read_stat(&fs::fstat(file)?))
}

fn read_stat(stat: &fs::Stat) -> Stat {
    let kind = match FileType::from_raw_mode(stat.st_mode as RawMode) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Symlink,
        FileType::CharacterDevice => Kind::CharDevice,
        FileType::BlockDevice => Kind::BlockDevice,
        FileType::Fifo => Kind::Fifo,
        FileType::Socket | FileType::Unknown => Kind::Other,
    };
    Stat {
        kind,
        mode: stat.st_mode & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
        rdev: (fs::major(stat.st_rdev), fs::minor(stat.st_rdev)),
        mtime: Mtime { seconds: stat.st_mtime, nanoseconds: u32::try_from(stat.st_mtime_nsec).unwrap_or(0) },
        identity: (stat.st_dev, stat.st_ino),
    }
}

/// Removes a name and, when it is a directory, all below it, never following a link.
///
/// No deeper than two directories at a time: a stranger can nest them a hundred thousand deep, and whoever walks down
/// there runs out of descriptors or stack, and leaves the tree where it is. So what lies deeper is first moved up.
pub fn remove(parent: impl AsFd, name: &[u8]) -> io::Result<()> {
    match fs::unlinkat(&parent, name, AtFlags::empty()) {
        Err(Errno::ISDIR) => {}
        other => return Ok(other?),
    }
    let top = open_child(&parent, name)?;
    let mut moved = 0u64;
    loop {
        let directories = clear_files(&top)?;
        if directories.is_empty() {
            return Ok(fs::unlinkat(&parent, name, AtFlags::REMOVEDIR)?);
        }
        for directory in directories {
            let inner = open_child(&top, &directory)?;
            for deeper in clear_files(&inner)? {
                moved = move_up(&inner, &deeper, &top, moved)?;
            }
            drop(inner);
            fs::unlinkat(&top, &directory, AtFlags::REMOVEDIR)?;
        }
    }
}

/// Removes all of a directory but its directories, and gives these.
fn clear_files(directory: &OwnedFd) -> io::Result<Vec<Vec<u8>>> {
    // Names first, removal second: a directory that changes under readdir may skip entries.
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(name.to_vec());
        }
    }
    let mut directories = Vec::new();
    for name in names {
        match fs::unlinkat(directory, &name, AtFlags::empty()) {
            Err(Errno::ISDIR) => directories.push(name),
            other => other?,
        }
    }
    Ok(directories)
}

/// Gives a directory a name in `top` that nothing has there, and counts on.
fn move_up(from: &OwnedFd, name: &[u8], top: &OwnedFd, mut count: u64) -> io::Result<u64> {
    loop {
        count += 1;
        let free = format!(".moved-{count}");
        match fs::renameat_with(from, name, top, &free, fs::RenameFlags::NOREPLACE) {
            Err(Errno::EXIST) => {}
            other => return Ok(other.map(|()| count)?),
        }
    }
}

/// Sets owner and bits of an open file or directory.
pub fn set_ownership(file: impl AsFd, to: Ownership) -> io::Result<()> {
    fs::fchown(&file, Some(Uid::from_raw(to.uid)), Some(Gid::from_raw(to.gid)))?;
    // After the owner: chown(2) clears setuid and setgid.
    Ok(fs::fchmod(&file, Mode::from_raw_mode(to.mode & 0o7777))?)
}

/// Sets the owner of a name without following it.
pub fn set_owner_at(parent: impl AsFd, name: &[u8], uid: u32, gid: u32) -> io::Result<()> {
    let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
    Ok(fs::chownat(parent, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?)
}

/// Sets the bits of a node just created here; chmod(2) has no form that works on links.
pub fn set_mode_at(parent: impl AsFd, name: &[u8], mode: u32) -> io::Result<()> {
    Ok(fs::chmodat(parent, name, Mode::from_raw_mode(mode & 0o7777), AtFlags::empty())?)
}

/// Sets the time of change of an open file.
pub fn set_mtime(file: impl AsFd, mtime: Mtime) -> io::Result<()> {
    Ok(fs::futimens(file, &timestamps(mtime))?)
}

/// Sets the time of change of a name without following it.
pub fn set_mtime_at(parent: impl AsFd, name: &[u8], mtime: Mtime) -> io::Result<()> {
    Ok(fs::utimensat(parent, name, &timestamps(mtime), AtFlags::SYMLINK_NOFOLLOW)?)
}

/// Sets an extended attribute on an open file or directory.
pub fn set_xattr(file: impl AsFd, name: &[u8], value: &[u8]) -> io::Result<()> {
    Ok(fs::fsetxattr(file, name, value, XattrFlags::empty())?)
}

/// Sets an extended attribute on a name without following it.
pub fn set_xattr_at(parent: impl AsFd, name: &[u8], attribute: &[u8], value: &[u8]) -> io::Result<()> {
    // There is no setxattrat(2) before Linux 6.13; the parent's own entry in /proc is the way to a name beside an fd.
    let mut path = format!("/proc/self/fd/{}/", parent.as_fd().as_raw_fd()).into_bytes();
    path.extend_from_slice(name);
    Ok(fs::lsetxattr(path, attribute, value, XattrFlags::empty())?)
}

/// Whether an error means that this filesystem, or this kind of file, keeps no such attribute.
pub fn is_xattr_unsupported(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::OPNOTSUPP | Errno::PERM | Errno::INVAL))
}

/// The effective user, who must be root to give files away and to make devices.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn dir_flags() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC
}

fn timestamps(mtime: Mtime) -> Timestamps {
    Timestamps {
        // The time of access says nothing about an image: left as it is.
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: mtime.seconds, tv_nsec: mtime.nanoseconds.into() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_and_dots_end_inside_the_root() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("etc")).unwrap();
        symlink("/etc", dir.path().join("absolute")).unwrap();
        symlink("../../../etc", dir.path().join("dots")).unwrap();
        let root = open_root(dir.path()).unwrap();
        let inside = fstat(open_child(&root, b"etc").unwrap()).unwrap().identity;
        for path in [b"absolute" as &[u8], b"dots", b"/etc", b"../etc", b"absolute/../etc"] {
            assert_eq!(fstat(open_dir(&root, path).unwrap()).unwrap().identity, inside, "{path:?}");
        }
        assert!(open_child(&root, b"absolute").is_err());
    }

    #[test]
    fn remove_takes_a_tree_but_not_what_its_links_name() {
        let dir = tempfile::tempdir().unwrap();
        let kept = tempfile::tempdir().unwrap();
        std::fs::write(kept.path().join("file"), "kept").unwrap();
        std::fs::create_dir_all(dir.path().join("a/b")).unwrap();
        std::fs::write(dir.path().join("a/b/file"), "").unwrap();
        symlink(kept.path(), dir.path().join("a/b/link")).unwrap();
        let root = open_root(dir.path()).unwrap();
        remove(&root, b"a").unwrap();
        assert_eq!(lstat(&root, b"a").unwrap(), None);
        assert_eq!(std::fs::read(kept.path().join("file")).unwrap(), b"kept");
    }

    #[test]
    fn remove_takes_a_tree_of_any_depth() {
        let dir = tempfile::tempdir().unwrap();
        let root = open_root(dir.path()).unwrap();
        let mut current = open_root(dir.path()).unwrap();
        // More than a process may hold descriptors, and a name in the way of what is moved.
        for name in std::iter::repeat_n(b"d", 3000) {
            make_dir(&current, name).unwrap();
            let below = open_child(&current, name).unwrap();
            make_dir(&below, b".moved-1").unwrap();
            create_file(&below, b"file").unwrap();
            current = below;
        }
        remove(&root, b"d").unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
