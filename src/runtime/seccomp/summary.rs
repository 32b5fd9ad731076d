//! A filter in the numbers a student can take in: how much it lets through, and a few well-known things it does not.

use super::bpf::{RET_ALLOW, RET_ERRNO, RET_LOG};
use super::errno;
use super::policy::{Decision, Policy};
use super::{disassemble, syscalls};

/// Syscalls worth showing as refused, the best known first: each is a way to change the host and not the container.
const NOTORIOUS: [&str; 16] = [
    "mount",
    "reboot",
    "init_module",
    "kexec_load",
    "bpf",
    "unshare",
    "setns",
    "keyctl",
    "swapon",
    "pivot_root",
    "settimeofday",
    "open_by_handle_at",
    "perf_event_open",
    "userfaultfd",
    "io_uring_setup",
    "ptrace",
];

/// The native part of a filter, counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterSummary {
    /// Length of the program, all ABIs together.
    pub instructions: usize,
    /// Names that are allowed whatever their arguments.
    pub allowed: usize,
    /// Names for which the arguments decide.
    pub conditional: usize,
    /// What happens to the rest, as in `ERRNO(EPERM)`.
    pub default_action: String,
    /// The errno of the default action, if it is one.
    pub errno: Option<String>,
    /// Refused syscalls a student may have heard of.
    pub blocked_examples: Vec<&'static str>,
}

impl FilterSummary {
    pub(super) fn new(native: &Policy, instructions: usize) -> Self {
        let count =
            |wanted: fn(&Decision) -> bool| native.decisions.values().filter(|decision| wanted(decision)).count();
        let errno = (native.default & 0xffff_0000 == RET_ERRNO).then(|| errno::name(native.default & 0xffff));
        Self {
            instructions,
            allowed: count(|decision| *decision == Decision::Always(RET_ALLOW)),
            conditional: count(|decision| matches!(decision, Decision::When(_))),
            default_action: disassemble::verdict(native.default),
            errno,
            blocked_examples: NOTORIOUS.into_iter().filter(|name| is_blocked(native, name)).collect(),
        }
    }
}

fn is_blocked(native: &Policy, name: &str) -> bool {
    let Some(number) = syscalls::number(name, native.abi) else { return false };
    match native.decision(native.abi.number_base() + number) {
        Decision::Always(verdict) => !matches!(verdict, RET_ALLOW | RET_LOG),
        Decision::When(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::compile::compile_for;
    use super::super::{abi::Abi, docker_default};

    #[test]
    fn dockers_default_in_numbers() {
        let summary = compile_for(&docker_default(&BTreeSet::new(), (6, 18)), Abi::X86_64).unwrap().summary;
        insta::assert_debug_snapshot!(summary);
    }

    #[test]
    fn an_allowed_syscall_is_no_example_of_a_refused_one() {
        let capabilities = BTreeSet::from(["CAP_SYS_ADMIN".to_owned()]);
        let summary = compile_for(&docker_default(&capabilities, (6, 18)), Abi::X86_64).unwrap().summary;
        assert!(!summary.blocked_examples.contains(&"mount"));
        assert!(summary.blocked_examples.contains(&"reboot"));
    }
}
