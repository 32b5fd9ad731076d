//! Its own host name.
//!
//! Man: uts_namespaces(7), sethostname(2). Spec: hostname, domainname.
//!
//! Any time after the UTS namespace was made. Without that namespace the same call would rename the host: the plan has
//! refused a name for that case.

use super::Outcome;
use crate::runtime::plan::Plan;
use crate::sys;
use crate::trace::{self, Probe};

// ANCHOR: stage
/// Sets the names.
pub fn apply(plan: &Plan) -> Outcome {
    let own = plan.namespaces.iter().any(|namespace| namespace.flag == sys::CLONE_NEWUTS);
    if plan.hostname.is_none() && plan.domainname.is_none() {
        trace::skip(if own { "no_hostname" } else { "host_uts" });
        return Ok(());
    }
    trace::observe(Probe::Names, || {
        plan.hostname.as_deref().map_or(Ok(()), sys::sethostname)?;
        plan.domainname.as_deref().map_or(Ok(()), sys::setdomainname)?;
        Ok(())
    })
}
// ANCHOR_END: stage
