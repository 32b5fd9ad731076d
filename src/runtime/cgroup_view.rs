//! What a container sees of its control groups.
//!
//! Man: cgroup_namespaces(7). Spec: a mount of the type `cgroup`.

use super::plan::Mount;
use super::stage::Outcome;
use crate::cgroup::{Cgroup, ContainerMount};
use crate::sys::mount::{MsFlags, mount_at};
use crate::sys::rootdir::RootDir;

/// /sys/fs/cgroup: one tree on v2, a tree a controller on v1. With a cgroup namespace the container sees only its own.
pub fn mount(tree: &RootDir, wanted: &Mount, group: &Cgroup) -> Outcome {
    let open = wanted.options.flags & !MsFlags::MS_RDONLY;
    for part in group.container_mounts() {
        match part {
            ContainerMount::Link { destination, target } => {
                tree.make_link(&target, &wanted.destination.join(destination))?
            }
            ContainerMount::Filesystem { destination, filesystemtype, data } => {
                let place = tree.make_dir(&wanted.destination.join(destination))?;
                // The tmpfs that holds the directories must stay writable until they are made.
                let flags = if filesystemtype == "tmpfs" { open } else { wanted.options.flags };
                let data = Some(data.as_str()).filter(|data| !data.is_empty());
                mount_at(Some(&wanted.source), &place, Some(filesystemtype), flags, data)?;
            }
        }
    }
    if wanted.options.flags.contains(MsFlags::MS_RDONLY) {
        let place = tree.resolve(&wanted.destination)?;
        mount_at(None, &place, None, MsFlags::MS_REMOUNT | MsFlags::MS_BIND | wanted.options.flags, None)?;
    }
    Ok(())
}
