//! The few devices a program needs, and the terminal.
//!
//! Man: mknod(2), pts(4), null(4). Spec: linux.devices, process.terminal.
//!
//! After the mounts, because /dev is an empty tmpfs by then: nodes made before would lie covered in the image's layer.
//! Before pivot_root, because a user namespace may not make nodes, and the host's own must be in reach to bind them.

use super::{Outcome, Refusal};
use crate::runtime::plan::{Device, Plan};
use crate::sys;
use crate::sys::mount::{MsFlags, mount_at};
use crate::sys::rootdir::{DEVPTS_SUPER_MAGIC, RootDir};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// Links that programs expect in /dev: their own descriptors, and the terminal multiplexer of *this* devpts.
const LINKS: [(&str, &str); 5] = [
    ("/proc/self/fd", "/dev/fd"),
    ("/proc/self/fd/0", "/dev/stdin"),
    ("/proc/self/fd/1", "/dev/stdout"),
    ("/proc/self/fd/2", "/dev/stderr"),
    ("pts/ptmx", "/dev/ptmx"),
];

/// Makes the nodes and links. With a terminal, gives both its ends: the outer for the parent, the inner for the program.
pub fn apply(plan: &Plan, tree: &RootDir) -> Outcome<Option<(OwnedFd, OwnedFd)>> {
    // Modes are meant as they are written.
    let umask = sys::mount::umask(0)?;
    for device in &plan.devices {
        one(plan, tree, device)?;
    }
    for (target, link) in LINKS {
        tree.make_link(target, Path::new(link))?;
    }
    sys::mount::umask(umask)?;
    if plan.terminal { terminal(plan, tree).map(Some) } else { Ok(None) }
}

/// The container's own /dev/null, for standard streams that are the null device: the host's node would be in reach of
/// fchmod(2) through the descriptor, and root inside is the owner of the host's files.
pub fn own_null(tree: &RootDir) -> Outcome<OwnedFd> {
    let null = tree.resolve_without_links(Path::new("/dev/null"))?;
    if !null.is_device(1, 3) {
        return Err(Refusal::Reason("/dev/null in the container is not the null device".to_owned()));
    }
    Ok(null.open()?)
}

// ANCHOR: one
fn one(plan: &Plan, tree: &RootDir, device: &Device) -> Outcome {
    // Root of a user namespace has CAP_MKNOD there, but the kernel asks for it in the first one: a node is a way to a
    // driver, and drivers know nothing of namespaces. A bind mount of the host's node serves as well.
    if plan.creates(sys::CLONE_NEWUSER) {
        let place = tree.make_file(&device.path)?;
        return Ok(mount_at(Some(&device.path.to_string_lossy()), &place, None, MsFlags::MS_BIND, None)?);
    }
    let (major, minor) = device.numbers;
    match tree.make_device(&device.path, device.block, device.mode, major, minor) {
        // A bundle may bind the host's whole /dev: then they are there.
        Err(error) if error.errno == sys::Errno::EEXIST as i32 => Ok(()),
        other => Ok(other?),
    }
}
// ANCHOR_END: one

/// A pseudoterminal from the container's own devpts, bound over /dev/console.
///
/// Had the parent given its own terminal instead, a program inside could push letters into it (TIOCSTI) which the host's
/// shell would run after the container's end. Since Linux 6.2 the kernel can be told to refuse that
/// (dev.tty.legacy_tiocsti); not everyone has told it.
fn terminal(plan: &Plan, tree: &RootDir) -> Outcome<(OwnedFd, OwnedFd)> {
    // A volume over /dev may hold a file or a link in the place of either: opened, it would be whatever its maker wants,
    // and the terminal would come to lie over a file that he chose, such as one that is to be masked (CVE-2025-52565).
    let ptmx = tree.resolve_without_links(Path::new("/dev/pts/ptmx"))?;
    if !ptmx.is_device(5, 2) || !ptmx.is_on(DEVPTS_SUPER_MAGIC) {
        return Err(Refusal::Reason("/dev/pts/ptmx in the container is not the terminal multiplexer".to_owned()));
    }
    let (outer, inner) = sys::open_pty(&ptmx.proc_path())?;
    if let Some(size) = plan.console_size {
        let _smaller_window = sys::set_window_size(&outer, size);
    }
    if plan.uid != 0 {
        sys::fchown(&inner, plan.uid, plan.gid)?;
    }
    tree.make_file(Path::new("/dev/console"))?;
    let console = tree.resolve_without_links(Path::new("/dev/console"))?;
    sys::bind_terminal(inner.as_fd(), &console)?;
    Ok((outer, inner))
}
