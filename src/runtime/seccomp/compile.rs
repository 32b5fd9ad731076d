//! From the decisions to one program: the architecture, then the number by binary search, then the arguments.
//!
//! Every syscall of the container runs this program, so its shape matters: a list of 370 comparisons would cost
//! `write` as much as the last name in the profile. Numbers of the same outcome that follow each other become one
//! range, and the ranges a tree: where arguments do not matter, Docker's profile takes 12 instructions at most.

use oci_spec::runtime::{LinuxSeccomp, LinuxSeccompAction};

use super::abi::{Abi, X32_SYSCALL_BIT};
use super::bpf::{
    Instruction, JUMP_EQ, JUMP_GE, LOAD, MAX_INSTRUCTIONS, OFFSET_ARCH, OFFSET_NUMBER, RET_KILL_THREAD, either, give,
};
use super::condition;
use super::policy::{Decision, Policy};
use super::{Error, FilterFlags, FilterSummary};

/// A profile, ready to load.
#[derive(Clone, Debug)]
pub struct Filter {
    /// What the kernel runs; below 4096 instructions.
    pub program: Vec<Instruction>,
    /// How to load it.
    pub flags: FilterFlags,
    /// What the story says about it.
    pub summary: FilterSummary,
}

/// Numbers from `start` up to the next range, and their outcome.
struct Range {
    start: u32,
    code: Vec<Instruction>,
}

/// Compiles an OCI profile for the architecture this build runs on.
pub fn compile(profile: &LinuxSeccomp) -> Result<Filter, Error> {
    compile_for(profile, Abi::native())
}

/// Compiles for another architecture; apart so that tests can.
pub(super) fn compile_for(profile: &LinuxSeccomp, native: Abi) -> Result<Filter, Error> {
    let notifies = refuse_notify_deadlock(profile)?;
    let policies =
        abis(profile, native).into_iter().map(|abi| Policy::new(profile, abi)).collect::<Result<Vec<_>, _>>()?;
    let mut program = vec![Instruction::plain(LOAD, OFFSET_ARCH)];
    program.extend(by_architecture(&policies));
    if program.len() > MAX_INSTRUCTIONS {
        return Err(Error::TooLong(program.len()));
    }
    let flags = FilterFlags::of_profile(profile.flags().as_deref(), notifies);
    // The native policy is always the first.
    let summary = FilterSummary::new(&policies[0], program.len());
    Ok(Filter { program, flags, summary })
}

/// The ABIs the filter lets in: the native one, always, and what the profile lists of the rest.
pub(super) fn abis(profile: &LinuxSeccomp, native: Abi) -> Vec<Abi> {
    let mut abis = vec![native];
    for arch in profile.architectures().as_deref().unwrap_or_default() {
        match Abi::reachable(*arch, native) {
            Some(abi) if !abis.contains(&abi) => abis.push(abi),
            _ => {}
        }
    }
    abis
}

/// Whether a rule notifies; an error if the runtime could then never finish starting the container.
fn refuse_notify_deadlock(profile: &LinuxSeccomp) -> Result<bool, Error> {
    let notify = LinuxSeccompAction::ScmpActNotify;
    if profile.default_action() == notify {
        return Err(Error::NotifyDeadlock("the default action"));
    }
    let mut rules = profile.syscalls().iter().flatten().filter(|rule| rule.action() == notify).peekable();
    let notifies = rules.peek().is_some();
    if rules.any(|rule| rule.names().iter().any(|name| name == "write")) {
        return Err(Error::NotifyDeadlock("the action of write"));
    }
    Ok(notifies)
}

/// One section for each architecture. An architecture the profile does not list kills the thread: its numbers would
/// mean other syscalls.
fn by_architecture(policies: &[Policy]) -> Vec<Instruction> {
    let x32 = policies.iter().find(|policy| policy.abi == Abi::X32);
    let own_section = policies.iter().filter(|policy| policy.abi != Abi::X32);
    own_section.rev().fold(give(RET_KILL_THREAD), |others, policy| {
        let mut section = vec![Instruction::plain(LOAD, OFFSET_NUMBER)];
        section.extend(search(ranges_of_section(policy, x32)));
        either(JUMP_EQ, policy.abi.audit_arch(), section, others)
    })
}

fn ranges_of_section(policy: &Policy, x32: Option<&Policy>) -> Vec<Range> {
    let mut ranges = ranges_of(policy);
    if policy.abi == Abi::X86_64 {
        ranges.retain(|range| range.start < X32_SYSCALL_BIT);
        match x32 {
            Some(x32) => ranges.extend(ranges_of(x32)),
            // x32's number 0 is read, as x86_64's, but its 520 is execve: let nobody in by a table that the profile
            // does not list. -1 is no x32 number but what a tracer writes to skip a call.
            None => {
                ranges.push(Range { start: X32_SYSCALL_BIT, code: give(RET_KILL_THREAD) });
                ranges.push(Range { start: u32::MAX, code: give(policy.default) });
            }
        }
    }
    ranges
}

/// The whole number line from the ABI's first number, cut where the outcome changes.
fn ranges_of(policy: &Policy) -> Vec<Range> {
    let first = policy.abi.number_base();
    let mut starts = vec![first, policy.highest.saturating_add(1).max(first)];
    starts.extend(policy.decisions.keys().flat_map(|number| [*number, number.saturating_add(1)]));
    starts.sort_unstable();
    starts.dedup();
    let mut ranges: Vec<Range> = Vec::new();
    for start in starts {
        let code = match policy.decision(start) {
            Decision::Always(verdict) => give(verdict),
            Decision::When(rules) => condition::first_match(&rules, policy.abi.has_64_bit_arguments(), policy.default),
        };
        if ranges.last().is_none_or(|before| before.code != code) {
            ranges.push(Range { start, code });
        }
    }
    ranges
}

/// Halves the ranges until one is left. The recursion is as deep as the logarithm of their number.
fn search(mut ranges: Vec<Range>) -> Vec<Instruction> {
    match ranges.len() {
        0 => give(RET_KILL_THREAD),
        1 => ranges.swap_remove(0).code,
        many => {
            let upper = ranges.split_off(many / 2);
            either(JUMP_GE, upper[0].start, search(upper), search(ranges))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::bpf::{RET_ALLOW, RET_ERRNO};
    use super::super::interpret::{Data, run, steps};
    use super::*;

    fn profile(json: &str) -> LinuxSeccomp {
        serde_json::from_str(json).unwrap()
    }

    fn ask(filter: &Filter, abi: Abi, number: u32, args: [u64; 6]) -> u32 {
        run(&filter.program, &Data { nr: abi.number_base() + number, arch: abi.audit_arch(), args })
    }

    const READ_ONLY: &str =
        r#"{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read","openat"],"action":"SCMP_ACT_ALLOW"}]}"#;

    /// The tree is worth its code only if it stays shallow.
    #[test]
    fn dockers_default_answers_in_few_steps() {
        let filter = compile_for(&super::super::docker_default(&Default::default(), (6, 18)), Abi::X86_64).unwrap();
        let steps = |number| steps(&filter.program, &Data { nr: number, arch: Abi::X86_64.audit_arch(), args: [0; 6] });
        let decided_by_arguments = [41, 56, 135]; // socket, clone, personality
        let most = (0..600).filter(|number| !decided_by_arguments.contains(number)).map(steps).max().unwrap();
        assert!(most <= 12, "{most} instructions for one decision");
    }

    #[test]
    fn an_unlisted_architecture_dies() {
        let filter = compile_for(&profile(READ_ONLY), Abi::X86_64).unwrap();
        assert_eq!(ask(&filter, Abi::X86_64, 0, [0; 6]), RET_ALLOW);
        assert_eq!(ask(&filter, Abi::I386, 3, [0; 6]), RET_KILL_THREAD);
        assert_eq!(ask(&filter, Abi::X32, 0, [0; 6]), RET_KILL_THREAD);
    }

    #[test]
    fn syscalls_newer_than_the_profile_are_unknown_not_forbidden() {
        let filter = compile_for(&profile(READ_ONLY), Abi::X86_64).unwrap();
        assert_eq!(ask(&filter, Abi::X86_64, 1, [0; 6]), RET_ERRNO | 1, "write: known and refused");
        assert_eq!(ask(&filter, Abi::X86_64, 258, [0; 6]), RET_ERRNO | 38, "mkdirat: the first above openat");
    }

    #[test]
    fn aarch64_has_its_own_numbers() {
        let filter = compile_for(&profile(READ_ONLY), Abi::Aarch64).unwrap();
        assert_eq!(ask(&filter, Abi::Aarch64, 63, [0; 6]), RET_ALLOW, "read");
        assert_eq!(ask(&filter, Abi::X86_64, 0, [0; 6]), RET_KILL_THREAD);
    }

    #[test]
    fn refusing_socket_refuses_socketcall_too() {
        let json = r#"{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86"],
            "syscalls":[{"names":["socket"],"action":"SCMP_ACT_ERRNO"}]}"#;
        let filter = compile_for(&profile(json), Abi::X86_64).unwrap();
        assert_eq!(ask(&filter, Abi::I386, 102, [1, 0, 0, 0, 0, 0]), RET_ERRNO | 1);
        assert_eq!(ask(&filter, Abi::I386, 102, [2, 0, 0, 0, 0, 0]), RET_ALLOW, "socketcall(bind)");
    }

    /// socketcall's arguments are out of sight: allowing some sockets must not allow them all.
    #[test]
    fn allowing_some_sockets_leaves_socketcall_shut() {
        let json = r#"{"defaultAction":"SCMP_ACT_ERRNO","architectures":["SCMP_ARCH_X86"],"syscalls":[
            {"names":["socket"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":1,"op":"SCMP_CMP_EQ"}]},
            {"names":["shmget"],"action":"SCMP_ACT_ALLOW"}]}"#;
        let filter = compile_for(&profile(json), Abi::X86_64).unwrap();
        let i386 = |number, first| ask(&filter, Abi::I386, number, [first, 0, 0, 0, 0, 0]);
        assert_eq!(i386(359, 1), RET_ALLOW, "socket(AF_UNIX)");
        assert_eq!(i386(102, 1), RET_ERRNO | 1, "socketcall(socket)");
        assert_eq!(i386(117, 23), RET_ALLOW, "ipc(shmget)");
    }

    #[test]
    fn refusing_one_kind_of_socket_shuts_socketcall() {
        let json = r#"{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86"],"syscalls":[
            {"names":["socket"],"action":"SCMP_ACT_ERRNO","args":[{"index":0,"value":38,"op":"SCMP_CMP_EQ"}]}]}"#;
        let filter = compile_for(&profile(json), Abi::X86_64).unwrap();
        let i386 = |number, first| ask(&filter, Abi::I386, number, [first, 0, 0, 0, 0, 0]);
        assert_eq!([i386(359, 38), i386(359, 2), i386(102, 1)], [RET_ERRNO | 1, RET_ALLOW, RET_ERRNO | 1]);
    }

    #[test]
    fn notify_may_not_lock_the_runtime_out() {
        let default = r#"{"defaultAction":"SCMP_ACT_NOTIFY"}"#;
        assert!(matches!(compile(&profile(default)), Err(Error::NotifyDeadlock(_))));
        let write = r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["write"],"action":"SCMP_ACT_NOTIFY"}]}"#;
        assert!(matches!(compile(&profile(write)), Err(Error::NotifyDeadlock(_))));
        let mkdir = r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_NOTIFY"}]}"#;
        assert!(compile(&profile(mkdir)).unwrap().flags.new_listener);
    }

    #[test]
    fn a_program_the_kernel_would_refuse_is_an_error() {
        let rules: Vec<String> = (0..2000)
            .map(|value| format!(r#"{{"index":1,"value":{value},"op":"SCMP_CMP_EQ"}}"#))
            .map(|test| format!(r#"{{"names":["ioctl"],"action":"SCMP_ACT_ALLOW","args":[{test}]}}"#))
            .collect();
        let json = format!(r#"{{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{}]}}"#, rules.join(","));
        assert!(matches!(compile(&profile(&json)), Err(Error::TooLong(_))));
    }
}
