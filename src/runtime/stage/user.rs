//! Who the program runs as.
//!
//! Man: credentials(7), setresuid(2), setgroups(2). Spec: process.user.
//!
//! Groups first: after the user is no longer 0, changing groups is refused. setgroups even for root, because else the
//! supplementary groups of whoever started rlab would come along into the container.

use super::Outcome;
use crate::runtime::plan::Plan;
use crate::sys;
use crate::trace::{self, Probe};

// ANCHOR: stage
/// Sets groups and user.
pub fn apply(plan: &Plan) -> Outcome {
    trace::observe(Probe::Credentials, || {
        // Leaving user 0 clears the capabilities. They are cut down in a stage of their own, to what the plan says, which
        // takes some of them: so they are kept over this change, see capabilities(7).
        sys::set_keepcaps(true)?;
        sys::setgroups(&plan.groups)?;
        sys::setresgid(plan.gid)?;
        sys::setresuid(plan.uid)?;
        Ok(sys::set_keepcaps(false)?)
    })
}
// ANCHOR_END: stage
