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

// ANCHOR: stage
/// Makes the process. Comes back twice: in the parent and in the child.
///
/// One call for all of them is more than short. Were the user namespace made first and the others after it, in calls of
/// their own, the kernel would still do the same; made the other way round, they would belong to the host's user
/// namespace, and root in the container would have no power over its own network or host name.
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
///
/// The network namespace exists already: the engine has made it, with its cable, before this process was born, and hands
/// over its path. So the runtime needs to know nothing of addresses and bridges.
pub fn join(plan: &Plan) -> Outcome {
    let user = plan.creates(sys::CLONE_NEWUSER);
    for namespace in &plan.namespaces {
        match &namespace.path {
            // A process in a new user namespace has no power over namespaces that belong to the one outside: its parent
            // has joined those before the clone, see `way_back.rs`.
            Some(_) if user => {}
            Some(path) => sys::setns(path, namespace.flag, namespace.spelt)?,
            None if namespace.flag == sys::CLONE_NEWCGROUP => sys::unshare(namespace.flag, namespace.spelt)?,
            None if namespace.flag == sys::CLONE_NEWTIME => enter_time_namespace(namespace.flag, namespace.spelt)?,
            None => {}
        }
    }
    Ok(())
}
// ANCHOR_END: stage

/// unshare makes it for the children to come and leaves this process where it is, see time_namespaces(7). setns moves it.
fn enter_time_namespace(flag: i32, spelt: &str) -> Outcome {
    sys::unshare(flag, spelt)?;
    Ok(sys::setns("/proc/self/ns/time_for_children".as_ref(), flag, spelt)?)
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
