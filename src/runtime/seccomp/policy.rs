//! A profile as the kernel will see it: for one ABI, a decision for each number.
//!
//! The rules are runc's, which are partly libseccomp's, because profiles are written against them:
//! - names that the ABI does not have are skipped (a profile lists the syscalls of every architecture);
//! - a rule whose outcome is the default's says nothing and is dropped, so a later rule for the same name counts;
//! - for one syscall, the first rule without arguments decides, else the first rule whose arguments all match, else
//!   the default;
//! - a rule that tests one argument twice is read as one rule for each test (any may match), not as a range.
//!
//! **Why the newest syscalls get ENOSYS.** A library tries a new syscall and falls back to the old one on ENOSYS,
//! "this kernel does not have it". A filter written before the syscall existed does not name it, and its default
//! EPERM says "you may not", so the library gives up: glibc 2.34 tried `clone3` for every thread and no thread could
//! start in older containers. So, as in runc, numbers above the highest one that the profile names get ENOSYS:
//! whoever wrote the profile cannot have meant them.

use std::collections::BTreeMap;

use oci_spec::runtime::{LinuxSeccomp, LinuxSeccompAction, LinuxSeccompOperator, LinuxSyscall};

use super::Error;
use super::abi::Abi;
use super::bpf::{
    RET_ALLOW, RET_ERRNO, RET_KILL_PROCESS, RET_KILL_THREAD, RET_LOG, RET_TRACE, RET_TRAP, RET_USER_NOTIF,
};
use super::errno;
use super::syscalls;

/// What happens to one syscall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// The same whatever the arguments.
    Always(u32),
    /// The first rule that matches, else the default.
    When(Vec<Rule>),
}

/// One argument of the call against a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Test {
    /// Below 6.
    pub(super) index: u32,
    pub(super) operator: LinuxSeccompOperator,
    /// For MASKED_EQ, the mask.
    pub(super) value: u64,
    /// For MASKED_EQ, what the masked argument equals.
    pub(super) value_two: u64,
}

/// Arguments that must all match, and the verdict then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) tests: Vec<Test>,
    pub(super) verdict: u32,
}

/// The decisions for one ABI. Keys are `seccomp_data.nr`, so x32's carry their bit.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    pub(super) abi: Abi,
    /// The verdict where nothing else is said.
    pub(super) default: u32,
    /// The verdict above the highest number that the profile names.
    pub(super) beyond: u32,
    /// That highest number.
    pub(super) highest: u32,
    pub(super) decisions: BTreeMap<u32, Decision>,
}

impl Policy {
    /// Reads `profile` for one ABI.
    pub(super) fn new(profile: &LinuxSeccomp, abi: Abi) -> Result<Self, Error> {
        let default = verdict(profile.default_action(), profile.default_errno_ret())?;
        let mut policy = Self { abi, default, beyond: default, highest: 0, decisions: BTreeMap::new() };
        let mut named = false;
        for rule in profile.syscalls().as_deref().unwrap_or_default() {
            let verdict = verdict(rule.action(), rule.errno_ret())?;
            let alternatives = alternatives(rule)?;
            for name in rule.names() {
                if let Some(number) = syscalls::number(name, abi) {
                    named = true;
                    policy.highest = policy.highest.max(abi.number_base() + number);
                }
                if verdict != default {
                    policy.add(name, verdict, &alternatives);
                }
            }
        }
        // A default that lets syscalls through, or asks a tracer, already does right by new ones. A profile that
        // names nothing meant everything.
        if named && !matches!(default & 0xffff_0000, RET_ALLOW | RET_LOG | RET_TRACE) {
            policy.beyond = RET_ERRNO | errno::ENOSYS;
        }
        Ok(policy)
    }

    /// The decision for a number.
    pub(super) fn decision(&self, number: u32) -> Decision {
        match self.decisions.get(&number) {
            Some(decision) => decision.clone(),
            None if number > self.highest => Decision::Always(self.beyond),
            None => Decision::Always(self.default),
        }
    }

    fn add(&mut self, name: &str, verdict: u32, alternatives: &[Vec<Test>]) {
        if let Some(number) = syscalls::number(name, self.abi) {
            self.decide(number, verdict, alternatives);
        }
        if self.abi != Abi::I386 {
            return;
        }
        if let Some((multiplexer, call, mask)) = syscalls::i386_multiplexed(name) {
            // socketcall's arguments are behind a pointer, which no filter can follow. So a rule about arguments
            // refuses the whole call when it is there to refuse, and is not applied when it is there to allow: the
            // side that opens nothing.
            let opens = matches!(verdict & 0xffff_0000, RET_ALLOW | RET_LOG);
            if alternatives.iter().all(|tests| !tests.is_empty()) && opens {
                return;
            }
            let operator = LinuxSeccompOperator::ScmpCmpMaskedEq;
            let test = Test { index: 0, operator, value: mask, value_two: call };
            if let Some(number) = syscalls::number(multiplexer, self.abi) {
                self.decide(number, verdict, &[vec![test]]);
            }
        }
    }

    fn decide(&mut self, number: u32, verdict: u32, alternatives: &[Vec<Test>]) {
        let decision = self.decisions.entry(self.abi.number_base() + number).or_insert(Decision::When(Vec::new()));
        for tests in alternatives {
            match decision {
                Decision::Always(_) => return,
                _ if tests.is_empty() => *decision = Decision::Always(verdict),
                Decision::When(rules) => rules.push(Rule { tests: tests.clone(), verdict }),
            }
        }
    }
}

/// The argument lists of a rule, any of which may match; one empty list when it has none.
fn alternatives(rule: &LinuxSyscall) -> Result<Vec<Vec<Test>>, Error> {
    let mut tests = Vec::new();
    let mut seen = [false; 6];
    let mut tested_twice = false;
    for (test, index) in rule.args().iter().flatten().map(|test| (test, test.index())) {
        let Some(seen) = seen.get_mut(index) else {
            let syscall = rule.names().first().cloned().unwrap_or_default();
            return Err(Error::ArgumentIndex { syscall, index });
        };
        tested_twice |= std::mem::replace(seen, true);
        let value_two = test.value_two().unwrap_or(0);
        tests.push(Test { index: index as u32, operator: test.op(), value: test.value(), value_two });
    }
    Ok(if tested_twice { tests.into_iter().map(|test| vec![test]).collect() } else { vec![tests] })
}

/// The value a program returns for an action.
pub(super) fn verdict(action: LinuxSeccompAction, errno_ret: Option<u32>) -> Result<u32, Error> {
    use LinuxSeccompAction as Action;
    let data = match (action, errno_ret) {
        (_, Some(errno)) if errno > 0xffff => return Err(Error::ErrnoRange(errno)),
        (Action::ScmpActErrno | Action::ScmpActTrace, errno) => errno.unwrap_or(errno::EPERM),
        (_, Some(_)) => return Err(Error::ErrnoNotTaken { action }),
        (_, None) => 0,
    };
    let code = match action {
        Action::ScmpActKill | Action::ScmpActKillThread => RET_KILL_THREAD,
        Action::ScmpActKillProcess => RET_KILL_PROCESS,
        Action::ScmpActTrap => RET_TRAP,
        Action::ScmpActErrno => RET_ERRNO,
        Action::ScmpActNotify => RET_USER_NOTIF,
        Action::ScmpActTrace => RET_TRACE,
        Action::ScmpActLog => RET_LOG,
        Action::ScmpActAllow => RET_ALLOW,
    };
    Ok(code | data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_errno_goes_only_where_a_verdict_has_room_for_it() {
        use LinuxSeccompAction::{ScmpActAllow, ScmpActErrno, ScmpActTrace};
        assert_eq!(verdict(ScmpActErrno, None).unwrap(), RET_ERRNO | 1);
        assert_eq!(verdict(ScmpActTrace, Some(7)).unwrap(), RET_TRACE | 7);
        // 0x5_0000 | 0x1_0000 would read as another action.
        assert!(matches!(verdict(ScmpActErrno, Some(0x1_0000)), Err(Error::ErrnoRange(0x1_0000))));
        assert!(matches!(verdict(ScmpActAllow, Some(1)), Err(Error::ErrnoNotTaken { .. })));
    }

    #[test]
    fn the_seventh_argument_is_an_error() {
        let json = r#"{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[
            {"names":["read"],"action":"SCMP_ACT_ALLOW","args":[{"index":6,"value":0,"op":"SCMP_CMP_EQ"}]}]}"#;
        let profile: LinuxSeccomp = serde_json::from_str(json).unwrap();
        assert!(matches!(Policy::new(&profile, Abi::X86_64), Err(Error::ArgumentIndex { index: 6, .. })));
    }
}
