//! The mount family: mount(2), umount2(2), pivot_root(2), chroot(2), and the newer calls that take descriptors.

use super::rootdir::Place;
use super::{Result, traced};
use crate::trace::Call;
use nix::mount::MntFlags;
use nix::sys::stat;
use std::ffi::CString;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::Path;

pub use nix::mount::MsFlags;

/// Flags as the man page spells them, `A|B`, or `0`.
pub fn spell(flags: MsFlags) -> String {
    let names: Vec<&str> = flags.iter_names().map(|(name, _)| name).collect();
    if names.is_empty() { "0".to_owned() } else { names.join("|") }
}

/// mount(2) of a filesystem, or a change of a mount, at a path of the host.
pub fn mount(
    source: Option<&str>,
    target: &Path,
    kind: Option<&str>,
    flags: MsFlags,
    data: Option<&str>,
) -> Result<()> {
    traced(
        || describe(source, &target.to_string_lossy(), kind, flags, data),
        || nix::mount::mount(source, target, kind, flags, data),
    )
}

/// mount(2) onto a place inside the container's tree.
///
/// The place is an open descriptor, reached as /proc/self/fd/N: between the look-up and the mount, nothing can swap a
/// directory of the image for a symbolic link (CVE-2021-30465 was exactly that race).
pub fn mount_at(
    source: Option<&str>,
    target: &Place,
    kind: Option<&str>,
    flags: MsFlags,
    data: Option<&str>,
) -> Result<()> {
    let path = target.proc_path();
    traced(
        || describe(source, target.inside(), kind, flags, data),
        || nix::mount::mount(source, path.as_path(), kind, flags, data),
    )
}

fn describe(source: Option<&str>, target: &str, kind: Option<&str>, flags: MsFlags, data: Option<&str>) -> Call {
    Call::new("mount")
        .arg("source", source)
        .arg("target", target)
        .arg("filesystemtype", kind)
        .arg("mountflags", spell(flags))
        .arg("data", data)
}

/// umount2(2). With `detach` the mount leaves the tree at once and goes away when its last user does.
pub fn umount2(target: &Path, detach: bool) -> Result<()> {
    let flags = if detach { MntFlags::MNT_DETACH } else { MntFlags::empty() };
    traced(
        || Call::new("umount2").path("target", target).arg("flags", if detach { "MNT_DETACH" } else { "0" }),
        || nix::mount::umount2(target, flags),
    )
}

/// pivot_root(2): makes `new_root` the root of this mount namespace and hangs the old one under `put_old`.
pub fn pivot_root(new_root: &str, put_old: &str) -> Result<()> {
    traced(
        || Call::new("pivot_root").arg("new_root", new_root).arg("put_old", put_old),
        || nix::unistd::pivot_root(new_root, put_old),
    )
}

/// chroot(2): makes `path` the place where this process's `/` is.
pub fn chroot(path: &str) -> Result<()> {
    traced(|| Call::new("chroot").arg("path", path), || nix::unistd::chroot(path))
}

/// chdir(2).
pub fn chdir(path: &Path) -> Result<()> {
    traced(|| Call::new("chdir").path("path", path), || nix::unistd::chdir(path))
}

/// umask(2). It can't fail.
pub fn umask(mask: u32) -> Result<u32> {
    let mut before = 0;
    traced(
        || Call::new("umask").arg("mask", mask),
        || {
            before = stat::umask(stat::Mode::from_bits_truncate(mask)).bits();
            Ok(i32::try_from(before).unwrap_or_default())
        },
    )?;
    Ok(before)
}

/// open_tree(2) with OPEN_TREE_CLONE: a copy of a mount that hangs nowhere yet.
pub fn open_tree(path: &Path) -> Result<OwnedFd> {
    let text = CString::new(path.as_os_str().as_encoded_bytes()).unwrap_or_default();
    let flags = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC;
    traced(
        || {
            Call::new("open_tree")
                .arg("dirfd", "AT_FDCWD")
                .path("path", path)
                .arg("flags", "OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC")
        },
        // SAFETY: the path is a NUL-terminated string that outlives the call; the kernel writes nothing back.
        || unsafe {
            let fd = libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, text.as_ptr(), flags);
            // SAFETY: a descriptor that the kernel just made is owned by no one else.
            nix::errno::Errno::result(fd).map(|fd| OwnedFd::from_raw_fd(fd as i32))
        },
    )
}

/// mount_setattr(2): ties the mount to the id mappings of a user namespace.
pub fn mount_setattr_idmap(mount: BorrowedFd<'_>, userns: BorrowedFd<'_>) -> Result<()> {
    mount_setattr(mount, libc::MOUNT_ATTR_IDMAP, "MOUNT_ATTR_IDMAP", userns.as_raw_fd() as u64)
}

/// mount_setattr(2): makes the mount read-only.
pub fn mount_setattr_read_only(mount: BorrowedFd<'_>) -> Result<()> {
    mount_setattr(mount, libc::MOUNT_ATTR_RDONLY, "MOUNT_ATTR_RDONLY", 0)
}

fn mount_setattr(mount: BorrowedFd<'_>, attr_set: u64, spelt: &str, userns_fd: u64) -> Result<()> {
    let attr = libc::mount_attr { attr_set, attr_clr: 0, propagation: 0, userns_fd };
    traced(
        || {
            Call::new("mount_setattr")
                .arg("dirfd", mount.as_raw_fd())
                .arg("path", "")
                .arg("flags", "AT_EMPTY_PATH")
                .arg("attr", spelt)
        },
        // SAFETY: the attr structure and the empty path live across the call, and the size given is the structure's own.
        || unsafe {
            let size = std::mem::size_of::<libc::mount_attr>();
            let result = libc::syscall(
                libc::SYS_mount_setattr,
                mount.as_raw_fd(),
                c"".as_ptr(),
                libc::AT_EMPTY_PATH,
                &attr,
                size,
            );
            nix::errno::Errno::result(result).map(drop)
        },
    )
}

/// move_mount(2): hangs a mount that hangs nowhere at `to`.
pub fn move_mount(mount: BorrowedFd<'_>, to: &Path) -> Result<()> {
    let text = CString::new(to.as_os_str().as_encoded_bytes()).unwrap_or_default();
    traced(
        || {
            Call::new("move_mount")
                .arg("from_fd", mount.as_raw_fd())
                .path("to_path", to)
                .arg("flags", "MOVE_MOUNT_F_EMPTY_PATH")
        },
        // SAFETY: both paths are NUL-terminated strings that outlive the call; the kernel writes nothing back.
        || unsafe {
            let result = libc::syscall(
                libc::SYS_move_mount,
                mount.as_raw_fd(),
                c"".as_ptr(),
                libc::AT_FDCWD,
                text.as_ptr(),
                libc::MOVE_MOUNT_F_EMPTY_PATH,
            );
            nix::errno::Errno::result(result).map(drop)
        },
    )
}
