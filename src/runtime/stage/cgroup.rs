//! Limits, set before anyone can exceed them.
//!
//! Man: cgroups(7). Spec: linux.cgroupsPath, linux.resources.
//!
//! The groups are made and their limits written while they are still empty. Had the process been made first, it could
//! have allocated or forked in the moment between, and a limit below what is in use already is refused by the kernel
//! (EBUSY for memory on v1) or answered by a kill.

use crate::cgroup::{self, Cgroup};
use crate::runtime::error::Error;
use crate::trace::{self, probe};
use serde_json::{Value, json};

// ANCHOR: stage
/// Makes the groups of `plan` and writes its limits.
pub fn apply(plan: &cgroup::Plan) -> Result<Cgroup, Error> {
    let group = plan.create()?;
    if trace::enabled() {
        // Read back, because the kernel rounds: memory down to whole pages, cpu.shares of 1 up to 2.
        for (file, value) in group.limits() {
            trace::change("limit", file, Value::Null, json!(value));
        }
    }
    Ok(group)
}

/// Puts the new process into the groups, from outside, by writing its number into `cgroup.procs`.
///
/// Before it makes its cgroup namespace: the root of that namespace is the group the process is in at that moment, see
/// cgroup_namespaces(7). The other way round, the container would see itself as `/../..` of somewhere else.
pub fn join(group: &Cgroup, pid: i32) -> Result<(), cgroup::Error> {
    probe::observe(probe::Probe::Groups(pid), || group.join(pid))
}
// ANCHOR_END: stage
