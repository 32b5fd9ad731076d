//! The tree gets its mounts.
//!
//! Man: mount(2), mount_namespaces(7). Spec: mounts, linux.rootfsPropagation.
//!
//! Order: first cut off, then bind the tree onto itself, then mount. Were the first step left out on a host whose `/` is
//! shared (systemd makes it so), every mount below would appear on the host as well, and stay there.

use super::{Outcome, Refusal};
use crate::runtime::plan::{Mount, Plan};
use crate::runtime::{cgroup_view, over_proc};
use crate::sys::mount::{MsFlags, mount, mount_at};
use crate::sys::rootdir::RootDir;
use crate::sys::{self, rootdir};
use crate::trace::{self, Probe};
use std::path::Path;

/// Flags that a bind mount ignores when it is made: they take a second call, a remount.
const NEEDS_REMOUNT: MsFlags = MsFlags::MS_RDONLY
    .union(MsFlags::MS_NOSUID)
    .union(MsFlags::MS_NODEV)
    .union(MsFlags::MS_NOEXEC)
    .union(MsFlags::MS_NOATIME)
    .union(MsFlags::MS_NODIRATIME)
    .union(MsFlags::MS_RELATIME);

// ANCHOR: apply
/// Mounts everything the plan asks for. Gives the tree, opened once, for the stages after it.
pub fn apply(plan: &Plan) -> Outcome<RootDir> {
    trace::observe(Probe::Mounts(plan.rootfs()), || {
        mount(None, Path::new("/"), None, plan.root_propagation, None)?;
        // pivot_root wants a mount point, not a mere directory; this makes one of it, whatever it was before.
        let rootfs = plan.rootfs().to_string_lossy().into_owned();
        mount(Some(&rootfs), plan.rootfs(), None, MsFlags::MS_BIND | MsFlags::MS_REC, None)?;
        // Opened after the bind, else the descriptor would lead below it.
        let tree = RootDir::open(plan.rootfs())?;
        for wanted in &plan.mounts {
            one(&tree, wanted, plan)?;
        }
        // The directory to start in may be missing from the image; docker run -w makes it as well.
        tree.make_dir(&plan.cwd)?;
        Ok(tree)
    })
}
// ANCHOR_END: apply

fn one(tree: &RootDir, wanted: &Mount, plan: &Plan) -> Outcome {
    match wanted.kind.as_str() {
        "cgroup" => {
            over_proc::refuse(tree, wanted, &tree.make_dir(&wanted.destination)?)?;
            cgroup_view::mount(tree, wanted, &plan.group)
        }
        _ if wanted.options.flags.contains(MsFlags::MS_BIND) => bind(tree, wanted),
        _ => filesystem(tree, wanted),
    }
}

// ANCHOR: filesystem
/// A filesystem that the kernel makes up. It belongs to the namespaces of the process that mounts it, so it has to be
/// mounted from in here: /proc shows this PID namespace, /sys this network namespace, /dev/mqueue these queues.
fn filesystem(tree: &RootDir, wanted: &Mount) -> Outcome {
    let place = tree.make_dir(&wanted.destination)?;
    // Both look at the place as it was found, before it is covered: afterwards what is there is what was mounted, and
    // every look would be answered by that.
    refuse_link(tree, wanted)?;
    over_proc::refuse(tree, wanted, &place)?;
    let (flags, data) = (wanted.options.flags, wanted.options.data());
    mount_at(Some(&wanted.source), &place, Some(&wanted.kind), flags, data.as_deref())?;
    propagate(tree, wanted)
}

/// An image may hold a link in place of /proc. Followed, it would put the kernel's files where a neighbour that shares
/// a volume can move them, before parts of them are covered and locked (CVE-2019-19921). And with something else at
/// /proc, the image itself answers every look into /proc/self (CVE-2019-16884, there by a volume).
fn refuse_link(tree: &RootDir, wanted: &Mount) -> Outcome {
    if matches!(wanted.kind.as_str(), "proc" | "sysfs") && tree.resolve_without_links(&wanted.destination).is_err() {
        return Err(Refusal::Reason(format!("the image has a link in the path {}", wanted.destination.display())));
    }
    Ok(())
}
// ANCHOR_END: filesystem

/// A directory or file of the host's, shown at a second place. Not a copy: what is written here is written there.
fn bind(tree: &RootDir, wanted: &Mount) -> Outcome {
    let source = Path::new(&wanted.source);
    // A bind mount needs the same kind of thing to cover: a directory for a directory, a file for anything else.
    let place =
        if source.is_dir() { tree.make_dir(&wanted.destination)? } else { tree.make_file(&wanted.destination)? };
    over_proc::refuse(tree, wanted, &place)?;
    let how = wanted.options.flags & (MsFlags::MS_BIND | MsFlags::MS_REC);
    mount_at(Some(&wanted.source), &place, None, how, None)?;
    propagate(tree, wanted)?;
    let more = wanted.options.flags & NEEDS_REMOUNT;
    if !more.is_empty() {
        // Looked up again: the descriptor from before names the directory that is now covered.
        let place = tree.resolve(&wanted.destination)?;
        // A neighbour that shares a volume can have put a link there meanwhile: then some other mount would become
        // read-only, and this one would stay writable (the race of CVE-2021-30465, once more after the mount).
        if !place.is_same_file(source) {
            let reason = "was exchanged for something else while it was mounted on";
            return Err(Refusal::Reason(format!("{} {reason}", wanted.destination.display())));
        }
        // A remount sets all flags anew. A file system that the host has mounted nosuid stays so; in a user namespace the
        // kernel would refuse anything else.
        let more = more | place.mount_flags().unwrap_or(MsFlags::empty());
        mount_at(None, &place, None, MsFlags::MS_REMOUNT | MsFlags::MS_BIND | more, None)?;
    }
    Ok(())
}

/// Whether mounts made later on one side show up on the other takes a call of its own: mount(2) refuses to change the
/// propagation together with anything else.
fn propagate(tree: &RootDir, wanted: &Mount) -> Outcome {
    if let Some(kind) = wanted.options.propagation {
        let place = tree.resolve(&wanted.destination)?;
        mount_at(None, &place, None, kind, None)?;
    }
    Ok(())
}

/// The tree again, after it became `/`. The descriptor from before would do, but a stage that is given one can't be read
/// by itself.
pub fn reopen() -> sys::Result<RootDir> {
    rootdir::RootDir::open(Path::new("/"))
}
