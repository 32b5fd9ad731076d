//! Some of the kernel's files are covered, others made read-only.
//!
//! Man: proc(5), mount(2). Spec: linux.maskedPaths, linux.readonlyPaths.
//!
//! After the sysctls, which are written through /proc/sys: here it becomes read-only. After pivot_root, because what is
//! covered are paths as the container sees them.

use super::{Outcome, Refusal, mounts};
use crate::runtime::plan::Plan;
use crate::sys;
use crate::sys::mount::{MsFlags, mount_at};
use crate::sys::rootdir::{Place, RootDir};
use crate::trace::{self, Probe};
use std::path::Path;

/// Covers and locks what the plan lists. A path that this kernel hasn't got needs no cover.
pub fn apply(plan: &Plan) -> Outcome {
    if plan.masked_paths.is_empty() && plan.readonly_paths.is_empty() {
        trace::skip("nothing_masked");
        return Ok(());
    }
    trace::observe(Probe::Mounts(Path::new("/")), || {
        let tree = mounts::reopen()?;
        // Without links: /proc and /sys are the kernel's own, but other paths may be asked for, and a link there would
        // lead the cover elsewhere, leaving bare what it was meant for.
        for path in &plan.readonly_paths {
            if let Some(place) = present(&tree, path)? {
                read_only(&tree, &place, path)?;
            }
        }
        for path in &plan.masked_paths {
            if let Some(place) = present(&tree, path)? {
                mask(&tree, &place)?;
            }
        }
        Ok(())
    })
}

/// Only what is not there at all is left out. Any other answer, above all that of a link, means that something would stay
/// uncovered which the plan wants covered.
fn present(tree: &RootDir, path: &Path) -> Outcome<Option<Place>> {
    match tree.resolve_without_links(path) {
        Ok(place) => Ok(Some(place)),
        Err(error) if [sys::Errno::ENOENT as i32, sys::Errno::ENOTDIR as i32].contains(&error.errno) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

// ANCHOR: cover
/// A file disappears under /dev/null, a directory under an empty tmpfs.
///
/// Covered, not removed: nobody can remove a file of /proc. And not protected by its mode either, because root inside
/// passes every check of modes; what is not in reach needs no check.
fn mask(tree: &RootDir, place: &Place) -> Outcome {
    if place.is_dir() {
        return Ok(mount_at(Some("tmpfs"), place, Some("tmpfs"), MsFlags::MS_RDONLY, Some("size=0k"))?);
    }
    let null = tree.resolve_without_links(Path::new("/dev/null"))?;
    // A neighbour that shares a mount may have put a link in place of /dev/null. Followed, what it leads to, such as
    // /proc/sys/kernel/core_pattern, would be bound over the file to mask, and be writable there (CVE-2025-31133).
    if !null.is_device(1, 3) {
        return Err(Refusal::Reason("/dev/null in the container is not the null device".to_owned()));
    }
    Ok(mount_at(Some(&null.proc_path().to_string_lossy()), place, None, MsFlags::MS_BIND, None)?)
}

/// A path is bound onto itself, because read-only is a property of a mount, and then made so by a second call.
fn read_only(tree: &RootDir, place: &Place, path: &Path) -> Outcome {
    let itself = place.proc_path().to_string_lossy().into_owned();
    mount_at(Some(&itself), place, None, MsFlags::MS_BIND | MsFlags::MS_REC, None)?;
    // The second look-up finds the new mount; the first place lies below it now.
    let place = tree.resolve_without_links(path)?;
    // MS_REMOUNT with MS_BIND changes this one mount. Without MS_BIND it would change the filesystem behind it, and every
    // other mount of it: all of this /proc would be read-only, not the one path.
    let flags = MsFlags::MS_REMOUNT
        | MsFlags::MS_BIND
        | MsFlags::MS_RDONLY
        | MsFlags::MS_NOSUID
        | MsFlags::MS_NODEV
        | MsFlags::MS_NOEXEC;
    Ok(mount_at(None, &place, None, flags, None)?)
}
// ANCHOR_END: cover
