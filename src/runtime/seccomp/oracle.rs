//! libseccomp as a second opinion: the program it makes of the same profile must decide the same.
//!
//! runc puts its ENOSYS check before libseccomp's program; the expected verdict here is composed in the same way.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use oci_spec::runtime::LinuxSeccomp;

use super::abi::Abi;
use super::bpf::{Instruction, RET_ERRNO};
use super::compile::{abis, compile_for};
use super::interpret::{Data, run};
use super::policy::Policy;
use super::profile::docker_default;

/// Arguments at the edges of what profiles compare: flags of clone, families of socket, personalities, and their
/// 64-bit look-alikes.
pub(super) const VALUES: [u64; 20] = [
    0,
    1,
    8,
    11,
    12,
    13,
    16,
    38,
    39,
    40,
    45,
    46,
    0x2_0000,
    0x2_0008,
    0x11,
    0x1000_0000,
    0x0200_0000,
    0xffff_ffff,
    0x1_0000_0026,
    u64::MAX,
];

/// libseccomp's program, and the names it is too old for. `None`, said aloud, when it cannot be asked.
pub(super) fn libseccomp(profile: &LinuxSeccomp) -> Option<(BTreeSet<String>, Vec<Instruction>)> {
    let mut python = Command::new("python3")
        .args(["-c", include_str!("libseccomp_oracle.py")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .inspect_err(|error| crate::skip::aloud(format!("python3: {error}")))
        .ok()?;
    python.stdin.take().unwrap().write_all(&serde_json::to_vec(profile).unwrap()).unwrap();
    let output = python.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("cannot open shared object file") {
        crate::skip::aloud("no libseccomp.so.2: apt install libseccomp2");
        return None;
    }
    assert!(output.status.success(), "oracle: {errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    let (unknown, program) = text.split_once('\n').unwrap();
    let instruction = |line: &str| {
        let words: Vec<u32> = line.split(' ').map(|word| word.parse().unwrap()).collect();
        Instruction { code: words[0] as u16, jt: words[1] as u8, jf: words[2] as u8, k: words[3] }
    };
    Some((serde_json::from_str(unknown).unwrap(), program.lines().map(instruction).collect()))
}

/// What runc would load: the ENOSYS check, then libseccomp.
pub(super) fn runc_verdict(policies: &[Policy], libseccomp: &[Instruction], data: &Data) -> u32 {
    let is_x32 = |number: u32| number & 0x4000_0000 != 0;
    let policy = policies.iter().find(|policy| {
        policy.abi.audit_arch() == data.arch
            && (data.arch != Abi::X86_64.audit_arch() || (policy.abi == Abi::X32) == is_x32(data.nr))
    });
    match policy {
        Some(policy) if policy.beyond != policy.default && data.nr > policy.highest => RET_ERRNO | 38,
        _ => run(libseccomp, data),
    }
}

/// The profile without the names that the installed libseccomp is too old for: both sides must be asked the same
/// question.
pub(super) fn without(profile: &LinuxSeccomp, unknown: &BTreeSet<String>) -> LinuxSeccomp {
    let mut rules = profile.syscalls().clone().unwrap_or_default();
    for rule in &mut rules {
        rule.set_names(rule.names().iter().filter(|name| !unknown.contains(*name)).cloned().collect());
    }
    let mut profile = profile.clone();
    profile.set_syscalls(Some(rules));
    profile
}

/// The decisions for each ABI of the profile.
pub(super) fn policies(profile: &LinuxSeccomp) -> Vec<Policy> {
    abis(profile, Abi::X86_64).into_iter().map(|abi| Policy::new(profile, abi).unwrap()).collect()
}

fn compare(capabilities: &[&str]) {
    let capabilities = capabilities.iter().map(|name| (*name).to_owned()).collect();
    let profile = docker_default(&capabilities, (6, 18));
    let Some((unknown, theirs)) = libseccomp(&profile) else { return };
    let profile = without(&profile, &unknown);
    let ours = compile_for(&profile, Abi::X86_64).unwrap();
    let policies = policies(&profile);
    assert_eq!(policies.len(), 3);
    let mut decisions = 0;
    let numbers = (0..600).chain([0x3fff_ffff, 0xbfff_ffff]);
    for (abi, number) in [Abi::X86_64, Abi::X32, Abi::I386, Abi::Aarch64]
        .into_iter()
        .flat_map(|abi| numbers.clone().map(move |n| (abi, n)))
    {
        for value in VALUES {
            let data =
                Data { nr: abi.number_base() + number, arch: abi.audit_arch(), args: [value, !value, 0, 0, 0, 0] };
            assert_eq!(
                run(&ours.program, &data),
                runc_verdict(&policies, &theirs, &data),
                "{} {number} {value:#x}",
                abi.name()
            );
            decisions += 1;
        }
    }
    assert!(decisions > 40_000, "only {decisions} decisions were compared");
}

#[test]
fn docker_default_decides_as_libseccomp() {
    compare(&[]);
}

#[test]
fn docker_default_with_capabilities_decides_as_libseccomp() {
    compare(&["CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "CAP_BPF", "CAP_SYS_TIME"]);
}
