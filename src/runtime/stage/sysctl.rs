//! Kernel settings of the container's own namespaces.
//!
//! Man: sysctl(8), proc(5). Spec: linux.sysctl.
//!
//! After pivot_root, through the container's own /proc, and before /proc/sys becomes read-only. The files under
//! /proc/sys/net show the network namespace of whoever opens them, so the write must come from inside.

use super::{Outcome, Refusal};
use crate::runtime::plan::Plan;
use crate::sys;
use crate::trace::{self, Probe};
use std::path::{Path, PathBuf};

/// Settings that exist once per namespace, and which namespace that is. Every other one is taken for the machine's.
const NAMESPACED: [(&str, i32); 12] = [
    ("/proc/sys/net", sys::CLONE_NEWNET),
    ("/proc/sys/fs/mqueue", sys::CLONE_NEWIPC),
    ("/proc/sys/kernel/msgmax", sys::CLONE_NEWIPC),
    ("/proc/sys/kernel/msgmnb", sys::CLONE_NEWIPC),
    ("/proc/sys/kernel/msgmni", sys::CLONE_NEWIPC),
    ("/proc/sys/kernel/sem", sys::CLONE_NEWIPC),
    ("/proc/sys/kernel/shmall", sys::CLONE_NEWIPC),
    ("/proc/sys/kernel/shmmax", sys::CLONE_NEWIPC),
    ("/proc/sys/kernel/shmmni", sys::CLONE_NEWIPC),
    ("/proc/sys/kernel/shm_rmid_forced", sys::CLONE_NEWIPC),
    ("/proc/sys/kernel/hostname", sys::CLONE_NEWUTS),
    ("/proc/sys/kernel/domainname", sys::CLONE_NEWUTS),
];

/// Writes the settings.
///
/// Each is a write(2) of a few letters into a file. What the container may not touch is refused when the file is opened,
/// with EACCES; the value is judged in the write, and one that the kernel can't take is EINVAL.
pub fn apply(plan: &Plan) -> Outcome {
    if plan.sysctl.is_empty() {
        trace::skip("no_sysctl");
        return Ok(());
    }
    let files: Vec<PathBuf> = plan.sysctl.iter().map(|(path, _)| path.clone()).collect();
    trace::observe(Probe::Files(&files), || {
        for (path, value) in &plan.sysctl {
            refuse_host(plan, path)?;
            sys::write_file(path, value)?;
        }
        Ok(())
    })
}

/// A setting of the whole machine, or of a namespace that is shared with the host, would change the host.
///
/// The kernel would not refuse it: this process is still root with all its capabilities. So the list above decides, and
/// what is not on it is refused, rather than the other way round: a new kernel brings settings that no list knows.
fn refuse_host(plan: &Plan, path: &Path) -> Outcome {
    let own = |flag: i32| plan.namespaces.iter().any(|namespace| namespace.flag == flag);
    match NAMESPACED.iter().find(|(prefix, _)| path.starts_with(prefix)) {
        Some((_, flag)) if own(*flag) => Ok(()),
        _ => Err(Refusal::Reason(format!("{} is a setting of the host, not of this container", path.display()))),
    }
}
