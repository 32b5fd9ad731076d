//! Kernel settings of the container's own namespaces.
//!
//! Man: sysctl(8), proc(5). Spec: linux.sysctl.
//!
//! After pivot_root, through the container's own /proc, and before /proc/sys becomes read-only. The files under
//! /proc/sys/net show the network namespace of whoever opens them, so the write must come from inside.

use super::Outcome;
use crate::runtime::plan::Plan;
use crate::sys;
use crate::trace::{self, Probe};
use std::path::PathBuf;

// ANCHOR: stage
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
            sys::write_file(path, value)?;
        }
        Ok(())
    })
}
// ANCHOR_END: stage
