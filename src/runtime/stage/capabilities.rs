//! Root's power, cut down.
//!
//! Man: capabilities(7), capset(2), prctl(2). Spec: process.capabilities.
//!
//! Last of what needs power: everything before may have used it. The bounding set goes first, because taking something
//! out of it needs CAP_SETPCAP, which the second step takes away. What is out of the bounding set can't come back, not
//! even by running a setuid-root program. (A new user namespace begins with all capabilities, but only over itself.)

use super::Outcome;
use crate::runtime::plan::{Capabilities, Plan};
use crate::sys;
use crate::trace::{self, Probe};

/// Cuts the sets down to the plan's.
pub fn apply(plan: &Plan) -> Outcome {
    let Some(wanted) = &plan.capabilities else {
        trace::skip("capabilities_unlimited");
        return Ok(());
    };
    trace::observe(Probe::Capabilities, || cut(wanted))
}

// ANCHOR: cut
/// Three steps, and each needs what the next takes away.
fn cut(wanted: &Capabilities) -> Outcome {
    // After the change of user, the capabilities are permitted but no longer in force; CAP_SETPCAP must be.
    let permitted = sys::permitted_capabilities();
    sys::capset(permitted, permitted, 0)?;
    for (number, name) in (0..).zip(sys::CAPABILITIES) {
        if wanted.bounding & (1 << number) == 0 {
            drop_one(number, name)?;
        }
    }
    // A runtime can give only what it has: asked for more, the kernel would refuse the whole set.
    let had = |set: u64| set & permitted;
    sys::capset(had(wanted.effective), had(wanted.permitted), had(wanted.inheritable))?;
    for (number, name) in (0..).zip(sys::CAPABILITIES) {
        if had(wanted.ambient) & (1 << number) != 0 {
            sys::raise_ambient(number, name)?;
        }
    }
    Ok(())
}
// ANCHOR_END: cut

/// A kernel that is older than the capability refuses: nobody has it then. It is asked before that is believed.
fn drop_one(number: u32, name: &str) -> Outcome {
    match sys::drop_bounding(number, name) {
        Err(_) if !sys::knows_capability(number) => Ok(()),
        other => Ok(other?),
    }
}
