//! User numbers inside and outside are tied.
//!
//! Man: user_namespaces(7). Spec: linux.uidMappings, linux.gidMappings.
//!
//! The maps are written by the parent, from outside: a process may write only a map of its own single number itself.
//! Until they are written, every number inside is the overflow number 65534, and no file can be made.

use super::Outcome;
use crate::runtime::plan::{IdMap, Plan};
use crate::sys;
use crate::trace::{self, Probe};
use std::path::PathBuf;

// ANCHOR: stage
/// Writes the maps of the process `pid`.
pub fn apply(plan: &Plan, pid: i32) -> Outcome {
    if !plan.creates(sys::CLONE_NEWUSER) {
        trace::skip("no_user_namespace");
        return Ok(());
    }
    trace::observe(Probe::IdMaps(pid), || {
        sys::write_file(&file(pid, "uid_map"), &lines(&plan.uid_map))?;
        sys::write_file(&file(pid, "gid_map"), &lines(&plan.gid_map))?;
        Ok(())
    })
}
// ANCHOR_END: stage

/// The process takes the number 0 of its namespace. It still has the number it came with, which the map may not know.
pub fn become_root() -> Outcome {
    sys::setresgid(0)?;
    Ok(sys::setresuid(0)?)
}

fn file(pid: i32, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/{name}"))
}

/// One write(2) must hold the whole map: the kernel takes no second one.
fn lines(map: &[IdMap]) -> String {
    map.iter().map(|line| format!("{} {} {}\n", line.inside, line.outside, line.length)).collect()
}
