//! Into the container's namespaces and back again, for the parent of a process with a user namespace of its own.
//!
//! Man: setns(2), user_namespaces(7). A process in a new user namespace has no power over what belongs to the one outside,
//! so it can't join a network that the host has made. Its parent can, and a child is born where its parent is.

use super::plan::Plan;
use crate::sys;

/// The namespaces that this process was in, by its own open descriptors.
pub type WayBack = Vec<(std::os::fd::OwnedFd, i32, &'static str)>;

/// With a user namespace, the parent itself steps into the container's other namespaces, clones, and steps back: the
/// child inherits them. The way back is what is returned.
pub fn join_before_clone(plan: &Plan) -> sys::Result<WayBack> {
    let mut way_back = Vec::new();
    if !plan.creates(sys::CLONE_NEWUSER) {
        return Ok(way_back);
    }
    for namespace in &plan.namespaces {
        if let Some(path) = &namespace.path {
            let joined = sys::open_read(own(namespace.flag).as_ref()).and_then(|own| {
                sys::setns(path, namespace.flag, namespace.spelt)?;
                way_back.push((own, namespace.flag, namespace.spelt));
                Ok(())
            });
            if let Err(error) = joined {
                step_back(way_back)?;
                return Err(error);
            }
        }
    }
    Ok(way_back)
}

/// Steps back into the namespaces that [`join_before_clone`] has left.
pub fn step_back(way_back: WayBack) -> sys::Result<()> {
    for (own, flag, spelt) in way_back {
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&own));
        sys::setns(path.as_ref(), flag, spelt)?;
    }
    Ok(())
}

/// The file of this process's own namespace of a kind.
fn own(flag: i32) -> &'static str {
    match flag {
        sys::CLONE_NEWNET => "/proc/self/ns/net",
        sys::CLONE_NEWUTS => "/proc/self/ns/uts",
        sys::CLONE_NEWIPC => "/proc/self/ns/ipc",
        sys::CLONE_NEWCGROUP => "/proc/self/ns/cgroup",
        _ => "/proc/self/ns/time",
    }
}
