//! A new `/`, and no path back to the old one.
//!
//! Man: pivot_root(2), umount2(2). Spec: root.path, root.readonly.
//!
//! After the mounts, because their sources are paths of the host's. pivot_root(2) wants the new root to be a mount
//! point, and neither its parent mount nor that of the old root to be shared (else it answers EINVAL): the stage before
//! has seen to both.

use super::Outcome;
use crate::runtime::plan::Plan;
use crate::sys::mount::{MsFlags, chdir, mount, pivot_root, umount2};
use crate::trace::{self, Probe};
use std::path::Path;

// ANCHOR: stage
/// Makes the plan's tree the root of this mount namespace and lets go of the host's.
pub fn apply(plan: &Plan) -> Outcome {
    trace::observe(Probe::Root, || {
        chdir(plan.rootfs())?;
        // Both names may be the same: the old root is then stacked on the new one, at `/`, and needs no directory of its
        // own inside the image to be hung into. See the notes in pivot_root(2).
        pivot_root(".", ".")?;
        // The old root is on top, and it is taken off whole, with all that is mounted below it. It can't be busy: with
        // MNT_DETACH it leaves the tree now and is cleaned up when its last user lets go.
        umount2(Path::new("."), true)?;
        // The working directory is the new root already, by the first line. Were it a directory of the old tree, `..`
        // would still lead through that, mounted or not.
        chdir(Path::new("/"))?;
        if plan.root_readonly {
            read_only()?;
        }
        Ok(())
    })
}

/// Now, because until here directories and files to mount on had to be made in it.
fn read_only() -> Outcome {
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
    Ok(mount(None, Path::new("/"), None, flags, None)?)
}
// ANCHOR_END: stage
