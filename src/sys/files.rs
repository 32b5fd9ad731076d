//! Writes that change kernel state, and the few nodes that rlab makes outside the container's tree.

use super::{Result, traced};
use crate::trace::Call;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, SFlag, mknod};
use nix::unistd;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

/// Writes `text` in one write(2) to a file of the kernel's: an id map, a cgroup file, a sysctl.
///
/// Such files take a value whole: the kernel judges it in the write, so the errno is the kernel's answer to the value.
pub fn write_file(path: &Path, text: &str) -> Result<()> {
    traced(
        || Call::new("write").path("path", path).arg("text", text),
        || {
            let file = open(path, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?;
            unistd::write(&file, text.as_bytes())
        },
    )
    .map(drop)
}

/// mkdir(2) with `mode`.
pub fn mkdir(path: &Path, mode: u32) -> Result<()> {
    traced(
        || Call::new("mkdir").path("pathname", path).arg("mode", mode),
        || unistd::mkdir(path, Mode::from_bits_truncate(mode)),
    )
}

/// rmdir(2).
pub fn rmdir(path: &Path) -> Result<()> {
    traced(
        || Call::new("rmdir").path("pathname", path),
        || {
            // nix has no rmdir; unlinkat with AT_REMOVEDIR would be told by strace under another name.
            let text = std::ffi::CString::new(path.as_os_str().as_encoded_bytes()).unwrap_or_default();
            // SAFETY: the path is a NUL-terminated string that outlives the call.
            nix::errno::Errno::result(unsafe { libc::rmdir(text.as_ptr()) }).map(drop)
        },
    )
}

/// unlink(2).
pub fn unlink(path: &Path) -> Result<()> {
    traced(|| Call::new("unlink").path("pathname", path), || unistd::unlink(path))
}

/// dup3(2) of a descriptor onto the number of a standard one.
pub fn dup3(oldfd: i32, newfd: i32) -> Result<()> {
    traced(
        || Call::new("dup3").arg("oldfd", oldfd).arg("newfd", newfd).arg("flags", "0"),
        // SAFETY: descriptors 0 to 2 belong to the process as a whole; nothing in Rust owns them.
        || nix::errno::Errno::result(unsafe { libc::dup3(oldfd, newfd, 0) }),
    )
    .map(drop)
}

/// mknod(2) of a fifo, for the parent and init to meet at.
///
/// Others may write: init opens it when it is no longer root. Nobody else gets to it, its directory is 0700.
pub fn make_fifo(path: &Path) -> Result<()> {
    let umask = super::mount::umask(0)?;
    let made = traced(
        || {
            Call::new("mknodat")
                .arg("dirfd", "AT_FDCWD")
                .path("pathname", path)
                .arg("mode", "S_IFIFO|0622")
                .arg("dev", "makedev(0, 0)")
        },
        || mknod(path, SFlag::S_IFIFO, Mode::from_bits_truncate(0o622), 0),
    );
    super::mount::umask(umask)?;
    made
}

/// Opens a descriptor that only names the file, without its content: open(2) with O_PATH.
pub fn open_path(path: &Path) -> Result<OwnedFd> {
    traced(
        || Call::new("openat").arg("dirfd", "AT_FDCWD").path("pathname", path).arg("flags", "O_PATH|O_CLOEXEC"),
        || open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()),
    )
}

/// Opens what a descriptor names, for writing. On a fifo this waits until someone opens it for reading, see fifo(7).
///
/// Not told: it changes nothing, and by then the parent tells of the same moment from the other side.
pub fn reopen_write(fd: &OwnedFd) -> Result<OwnedFd> {
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    open(path.as_str(), OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty()).map_err(|errno| {
        let call = Call::new("openat")
            .arg("dirfd", "AT_FDCWD")
            .arg("pathname", path.as_str())
            .arg("flags", "O_WRONLY|O_CLOEXEC");
        super::Error::new(call, errno as i32)
    })
}

/// Opens a fifo for reading without waiting for a writer.
pub fn open_read_nonblock(path: &Path) -> Result<OwnedFd> {
    traced(
        || {
            Call::new("openat")
                .arg("dirfd", "AT_FDCWD")
                .path("pathname", path)
                .arg("flags", "O_RDONLY|O_NONBLOCK|O_CLOEXEC")
        },
        || open(path, OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC, Mode::empty()),
    )
}

/// Opens a namespace's file, such as /proc/self/ns/net, for setns(2).
pub fn open_read(path: &Path) -> Result<OwnedFd> {
    traced(
        || Call::new("openat").arg("dirfd", "AT_FDCWD").path("pathname", path).arg("flags", "O_RDONLY|O_CLOEXEC"),
        || open(path, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()),
    )
}

/// read(2) of at most `buffer.len()` bytes. Not told: it changes nothing.
pub fn read(fd: impl AsFd, buffer: &mut [u8]) -> nix::Result<usize> {
    unistd::read(fd, buffer)
}

/// write(2) of bytes that pass through, such as a terminal's. Not told: they are the program's, not ours.
pub fn write(fd: impl AsFd, bytes: &[u8]) -> nix::Result<usize> {
    unistd::write(fd, bytes)
}

/// Whether a descriptor is an end of a pipe.
pub fn is_pipe(fd: impl AsFd) -> bool {
    let found = nix::sys::stat::fstat(fd).map(|found| SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT);
    found == Ok(SFlag::S_IFIFO)
}

/// Whether a descriptor is the null device, see null(4).
pub fn is_null_device(fd: impl AsFd) -> bool {
    nix::sys::stat::fstat(fd).is_ok_and(|found| {
        SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT == SFlag::S_IFCHR
            && found.st_rdev == nix::sys::stat::makedev(1, 3)
    })
}

/// fchown(2).
pub fn fchown(fd: impl AsFd, owner: u32, group: u32) -> Result<()> {
    let number = fd.as_fd().as_raw_fd();
    traced(
        || Call::new("fchown").arg("fd", number).arg("owner", owner).arg("group", group),
        || unistd::fchown(&fd, Some(owner.into()), Some(group.into())),
    )
}

/// Closes a descriptor whose owner is the parent's affair: in a child that never goes back to where it was opened.
pub fn close_copy(number: i32) {
    // SAFETY: closing has no effect on memory, and the owner in this process's copy of it is never used or dropped.
    let _was_open = unsafe { libc::close(number) };
}

/// close_range(2) around the descriptors that are to stay, the standard ones among them. For a process that went on from a
/// clone: it has a copy of each of its parent's, and no owner that will ever drop them.
pub fn close_all_but(kept: &[i32]) -> Result<()> {
    let mut kept: Vec<u32> = kept.iter().filter_map(|fd| u32::try_from(*fd).ok()).filter(|fd| *fd > 2).collect();
    kept.sort_unstable();
    let mut first = 3;
    for last in kept.into_iter().chain([u32::MAX]) {
        let end = if last == u32::MAX { last } else { last.saturating_sub(1) };
        if first <= end {
            close_range(first, end)?;
        }
        first = last.saturating_add(1);
    }
    Ok(())
}

fn close_range(first: u32, last: u32) -> Result<()> {
    let spelt = if last == u32::MAX { "~0U".to_owned() } else { last.to_string() };
    traced(
        || Call::new("close_range").arg("first", first).arg("last", spelt).arg("flags", "0"),
        || {
            // SAFETY: the caller is a copy of a process, in which nothing will use these descriptors again.
            let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
            nix::errno::Errno::result(result).map(drop)
        },
    )
}

/// close_range(2): marks every descriptor from `first` up close-on-exec, so that none leaks into the program.
pub fn close_range_cloexec(first: u32) -> Result<()> {
    traced(
        || Call::new("close_range").arg("first", first).arg("last", "~0U").arg("flags", "CLOSE_RANGE_CLOEXEC"),
        // SAFETY: plain numbers; no descriptor is closed, only marked.
        || unsafe {
            let result = libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC);
            nix::errno::Errno::result(result).map(drop)
        },
    )
}
