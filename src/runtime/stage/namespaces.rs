//! The process is made, in new namespaces.
//!
//! Man: namespaces(7), clone(2), setns(2), unshare(2). Spec: linux.namespaces.
//!
//! One clone3(2) makes the process *in* its new namespaces. A PID namespace can't be entered in any other way: unshare
//! and setns change only where the next child is born, which is why a runtime that unshares has to fork once more (a
//! process can't change its own number).

use super::Outcome;
use crate::runtime::plan::Plan;
use crate::sys;
use crate::trace::{self, probe};
use serde_json::json;

/// Namespaces that are not left to clone3, and why.
///
/// cgroup: it must be made after the process is in its groups. time: its clocks may only be set while nobody is in it,
/// so unshare makes it for the children to come, and setns enters it, see time_namespaces(7).
const LATER: i32 = sys::CLONE_NEWCGROUP | sys::CLONE_NEWTIME;

/// Makes the process. Comes back twice: in the parent and in the child.
pub fn clone(plan: &Plan) -> sys::Result<sys::Cloned> {
    let now = plan.namespaces.iter().filter(|namespace| namespace.path.is_none() && namespace.flag & LATER == 0);
    let (mut flags, mut spelt) = (0, Vec::new());
    for namespace in now {
        flags |= namespace.flag;
        spelt.push(namespace.spelt);
    }
    sys::clone3(flags, &spelt.join("|"))
}

/// The part that the new process does itself: it joins what exists and makes what had to wait.
pub fn join(plan: &Plan) -> Outcome {
    let user = plan.creates(sys::CLONE_NEWUSER);
    for namespace in &plan.namespaces {
        match &namespace.path {
            // A process in a new user namespace has no power over namespaces that belong to the one outside: its parent
            // has joined those before the clone, see `join_before_clone`.
            Some(_) if user => {}
            Some(path) => sys::setns(path, namespace.flag, namespace.spelt)?,
            None if namespace.flag == sys::CLONE_NEWCGROUP => sys::unshare(namespace.flag, namespace.spelt)?,
            None if namespace.flag == sys::CLONE_NEWTIME => enter_time_namespace(namespace.flag, namespace.spelt)?,
            None => {}
        }
    }
    Ok(())
}

fn enter_time_namespace(flag: i32, spelt: &str) -> Outcome {
    sys::unshare(flag, spelt)?;
    Ok(sys::setns("/proc/self/ns/time_for_children".as_ref(), flag, spelt)?)
}

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

/// Tells which namespaces are new, by the inode numbers that the kernel gives: equal numbers, same namespace.
pub fn tell(pid: i32) {
    if !trace::enabled() {
        return;
    }
    let (host, inside) = (probe::namespaces(sys::getpid()), probe::namespaces(pid));
    let mut shared = Vec::new();
    for (kind, number) in &inside {
        match host.iter().find(|(other, _)| other == kind) {
            Some((_, same)) if same == number => shared.push(*kind),
            Some((_, other)) => trace::change("namespace", *kind, json!(other), json!(number)),
            None => {}
        }
    }
    trace::note("process_on_host", || json!({"pid": pid}));
    if !shared.is_empty() {
        trace::note("namespaces_shared", || json!({"kinds": shared.join(", ")}));
    }
}
