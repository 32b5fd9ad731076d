//! The system calls that are left.
//!
//! Man: seccomp(2). Spec: linux.seccomp, process.noNewPrivileges.
//!
//! A filter counts from the moment it is loaded, for rlab as well. With no_new_privs anyone may load one, so it comes
//! last. Without, it takes CAP_SYS_ADMIN: then it must come before user and capabilities are cut, and has to allow the
//! calls which do that. (Without either, a setuid-root program could be run under a filter of the caller's that lies
//! about its calls: that is why the kernel insists.)

use super::Outcome;
use crate::runtime::plan::Plan;
use crate::runtime::seccomp;
use crate::sys;
use crate::trace::{self, Probe};
use serde_json::json;

// ANCHOR: stage
/// Sets no_new_privs if asked for, and loads the filter.
///
/// The program was compiled before the clone, from names to numbers: nothing is left to go wrong here but the kernel's
/// own check of it. It can't be taken off again, and children inherit it.
pub fn apply(plan: &Plan) -> Outcome {
    if !plan.no_new_privileges && plan.seccomp.is_none() {
        trace::skip("seccomp_unconfined");
        return Ok(());
    }
    trace::observe(Probe::Filter, || {
        if plan.no_new_privileges {
            sys::set_no_new_privs()?;
        }
        if let Some(filter) = &plan.seccomp {
            let flags = filter.flags.names().join("|");
            sys::seccomp(&filter.program, filter.flags.bits(), if flags.is_empty() { "0" } else { &flags })?;
            let told = &filter.summary;
            trace::work("filter", || {
                json!({"instructions": filter.program.len(), "allowed": told.allowed, "conditional": told.conditional,
                       "default": told.default_action, "refused": told.blocked_examples,
                       "program": seccomp::disassemble(&filter.program)})
            });
        }
        Ok(())
    })
}
// ANCHOR_END: stage
