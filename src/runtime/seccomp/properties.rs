//! Properties of the compiler on profiles nobody wrote: it does not panic, it stays within the kernel's limit, and
//! its program decides what the profile says, read naively.

use oci_spec::runtime::{LinuxSeccomp, LinuxSeccompArg, LinuxSeccompOperator};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::abi::Abi;
use super::bpf::MAX_INSTRUCTIONS;
use super::compile::{abis, compile_for};
use super::interpret::{Data, run};
use super::oracle::{VALUES, libseccomp, policies, runc_verdict, without};
use super::policy;
use super::{disassemble, from_docker_json, syscalls};

const NAMES: [&str; 14] = [
    "read",
    "write",
    "close",
    "mmap",
    "ioctl",
    "socket",
    "clone",
    "clone3",
    "personality",
    "socketcall",
    "execve",
    "umount",
    "_llseek",
    "nonesuch",
];
const ACTIONS: [&str; 7] = ["ERRNO", "ALLOW", "KILL_PROCESS", "KILL_THREAD", "TRAP", "TRACE", "LOG"];
const OPERATORS: [&str; 7] = ["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"];

fn value() -> impl Strategy<Value = u64> {
    prop_oneof![3 => prop::sample::select(&VALUES[..]), 1 => any::<u64>()]
}

fn action() -> impl Strategy<Value = (String, Option<u32>)> {
    (prop::sample::select(&ACTIONS[..]), prop::option::of(0_u32..200))
        .prop_map(|(name, errno)| (format!("SCMP_ACT_{name}"), errno.filter(|_| matches!(name, "ERRNO" | "TRACE"))))
}

fn rule() -> impl Strategy<Value = Value> {
    let names = prop::collection::vec(prop::sample::select(&NAMES[..]), 1..4);
    let operator = prop::sample::select(&OPERATORS[..]);
    let argument = (0_usize..6, value(), value(), operator).prop_map(|(index, value, two, operator)| {
        json!({"index": index, "value": value, "valueTwo": two, "op": format!("SCMP_CMP_{operator}")})
    });
    (names, action(), prop::collection::vec(argument, 0..4)).prop_map(
        |(names, (action, errno), args)| json!({"names": names, "action": action, "errnoRet": errno, "args": args}),
    )
}

fn profile() -> impl Strategy<Value = LinuxSeccomp> {
    let architectures =
        prop::sample::subsequence(vec!["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_ARM"], 0..4);
    (action(), architectures, prop::collection::vec(rule(), 0..12)).prop_map(|((action, errno), arches, rules)| {
        let default = json!({"defaultAction": action, "defaultErrnoRet": errno});
        let mut profile = json!({"architectures": arches, "syscalls": rules});
        profile.as_object_mut().unwrap().extend(default.as_object().unwrap().clone());
        serde_json::from_value(profile).unwrap()
    })
}

fn call() -> impl Strategy<Value = Data> {
    let abi = prop::sample::select(&[Abi::X86_64, Abi::X32, Abi::I386, Abi::Aarch64][..]);
    let number = prop_oneof![3 => prop::sample::select(&NAMES[..]).prop_map(Some), 1 => Just(None)];
    (abi, number, 0_u32..600, prop::array::uniform6(value())).prop_map(|(abi, name, number, args)| {
        let number = name.and_then(|name| syscalls::number(name, abi)).unwrap_or(number);
        Data { nr: abi.number_base() + number, arch: abi.audit_arch(), args }
    })
}

/// The profile as a person reads it, rule by rule; `None` where this reading leaves it open (another ABI, i386's
/// multiplexers).
fn naive(profile: &LinuxSeccomp, data: &Data) -> Option<u32> {
    let bit = data.nr & 0x4000_0000;
    let abi =
        abis(profile, Abi::X86_64).into_iter().find(|abi| abi.audit_arch() == data.arch && abi.number_base() == bit)?;
    let number = data.nr - abi.number_base();
    let name = syscalls::name(number, abi).filter(|name| !matches!(*name, "socketcall" | "ipc"));
    let default = policy::verdict(profile.default_action(), profile.default_errno_ret()).unwrap();
    let rules = profile.syscalls().clone().unwrap_or_default();
    let highest = rules.iter().flat_map(|rule| rule.names()).filter_map(|name| syscalls::number(name, abi)).max();
    let name = match (name, highest) {
        (None, Some(highest)) if number <= highest => return (number != 102 && number != 117).then_some(default),
        (None, _) => return None,
        (Some(name), _) => name,
    };
    let about_it = rules.iter().filter(|rule| rule.names().iter().any(|other| other == name));
    let said: Vec<_> = about_it
        .map(|rule| {
            (rule.args().clone().unwrap_or_default(), policy::verdict(rule.action(), rule.errno_ret()).unwrap())
        })
        .filter(|(_, verdict)| *verdict != default)
        .collect();
    if let Some((_, verdict)) = said.iter().find(|(tests, _)| tests.is_empty()) {
        return Some(*verdict);
    }
    if highest.is_none_or(|highest| number > highest) {
        return None;
    }
    let wide = abi.has_64_bit_arguments();
    let matching = said.iter().find(|(tests, _)| {
        let mut indexes: Vec<usize> = tests.iter().map(LinuxSeccompArg::index).collect();
        indexes.sort_unstable();
        let twice = indexes.windows(2).any(|pair| pair[0] == pair[1]);
        if twice {
            tests.iter().any(|test| holds(test, data, wide))
        } else {
            tests.iter().all(|test| holds(test, data, wide))
        }
    });
    Some(matching.map_or(default, |(_, verdict)| *verdict))
}

fn holds(test: &LinuxSeccompArg, data: &Data, wide: bool) -> bool {
    use LinuxSeccompOperator as Op;
    let cut = |value: u64| if wide { value } else { u64::from(value as u32) };
    let (argument, value) = (cut(data.args[test.index()]), cut(test.value()));
    match test.op() {
        Op::ScmpCmpNe => argument != value,
        Op::ScmpCmpLt => argument < value,
        Op::ScmpCmpLe => argument <= value,
        Op::ScmpCmpEq => argument == value,
        Op::ScmpCmpGe => argument >= value,
        Op::ScmpCmpGt => argument > value,
        Op::ScmpCmpMaskedEq => argument & value == value & cut(test.value_two().unwrap_or(0)),
    }
}

proptest! {
    #[test]
    fn the_program_decides_what_the_profile_says(profile in profile(), calls in prop::collection::vec(call(), 1..40)) {
        let filter = compile_for(&profile, Abi::X86_64).unwrap();
        prop_assert!(filter.program.len() <= MAX_INSTRUCTIONS);
        prop_assert_eq!(disassemble(&filter.program).len(), filter.program.len());
        for data in calls {
            let verdict = run(&filter.program, &data);
            if let Some(expected) = naive(&profile, &data) {
                prop_assert_eq!(verdict, expected, "{:?}", data);
            }
        }
    }

    #[test]
    fn any_bytes_are_a_profile_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = from_docker_json(&bytes);
    }

    #[test]
    fn any_damage_to_a_profile_is_survived(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = include_bytes!("docker_default.json").to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(profile) = from_docker_json(&bytes) {
            let _ = compile_for(&profile.resolve(&Default::default(), (6, 1)), Abi::X86_64);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 100, ..ProptestConfig::default() })]

    /// Left out are profiles on which libseccomp 2.5 contradicts itself: rules of one syscall that overlap (its
    /// answer depends on its internal order), and names that only i386 has (if such a name comes first, its x86_64
    /// code compares numbers without loading one).
    #[test]
    fn random_rules_decide_as_libseccomp(profile in profile(), calls in prop::collection::vec(call(), 200)) {
        let mut seen = std::collections::BTreeSet::new();
        let mut profile = profile;
        let mut rules = profile.syscalls().clone().unwrap_or_default();
        rules.retain(|rule| {
            let mut indexes = std::collections::BTreeSet::new();
            rule.args().iter().flatten().all(|test| indexes.insert(test.index()))
        });
        for rule in &mut rules {
            let comparable = |name: &str| name != "socket" && syscalls::number(name, Abi::X86_64).is_some();
            let mut names = rule.names().clone();
            names.retain(|name| comparable(name) && seen.insert(name.clone()));
            rule.set_names(names);
        }
        profile.set_syscalls(Some(rules));
        if let Some((unknown, theirs)) = libseccomp(&profile) {
            let profile = without(&profile, &unknown);
            let policies = policies(&profile);
            let ours = compile_for(&profile, Abi::X86_64).unwrap();
            for data in calls {
                prop_assert_eq!(run(&ours.program, &data), runc_verdict(&policies, &theirs, &data), "{:?}", data);
            }
        }
    }
}
