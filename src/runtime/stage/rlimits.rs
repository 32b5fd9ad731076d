//! Limits of the process itself.
//!
//! Man: getrlimit(2). Spec: process.rlimits, process.oomScoreAdj.
//!
//! Before the capabilities go: to raise a hard limit takes CAP_SYS_RESOURCE, which the container will not have.

use super::Outcome;
use crate::runtime::plan::Plan;
use crate::sys;
use crate::trace::{self, Probe};
use std::path::Path;

// ANCHOR: stage
/// Sets the limits, soft and hard in one call. A process may lower its hard limit for good, and raise its soft limit up to
/// it; without CAP_SYS_RESOURCE, which Docker's default leaves out, the hard limit holds for all that will ever run here.
///
/// They go with this process over execve(2) and to its children.
pub fn apply(plan: &Plan) -> Outcome {
    if plan.rlimits.is_empty() && plan.oom_score_adj.is_none() {
        trace::skip("no_rlimits");
        return Ok(());
    }
    trace::observe(Probe::Limits, || {
        for limit in &plan.rlimits {
            sys::setrlimit(limit.resource, &limit.name, limit.soft, limit.hard)?;
        }
        if let Some(score) = plan.oom_score_adj {
            sys::write_file(Path::new("/proc/self/oom_score_adj"), &score.to_string())?;
        }
        Ok(())
    })
}
// ANCHOR_END: stage
