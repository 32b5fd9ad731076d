//! A new `/` that root can leave again.
//!
//! Man: chroot(2). Asked for by `--chroot`, to see what pivot_root is for.
//!
//! chroot(2) changes one thing: where this process starts when a path begins with `/`. The host's tree stays mounted in
//! the namespace, below and around. A process with CAP_SYS_CHROOT makes a directory, calls chroot on it without
//! changing into it, and finds itself outside the new root: from there `..` leads up to the host's `/`.

use super::Outcome;
use crate::runtime::plan::Plan;
use crate::sys::mount::{chdir, chroot};
use crate::trace::{self, Probe};
use std::path::Path;

// ANCHOR: stage
/// Makes the plan's tree the root directory of this process.
pub fn apply(plan: &Plan) -> Outcome {
    trace::observe(Probe::Root, || {
        chdir(plan.rootfs())?;
        chroot(".")?;
        // chroot(2) leaves the working directory alone. Outside the new root, it would be the way out by itself.
        Ok(chdir(Path::new("/"))?)
    })
}
// ANCHOR_END: stage
