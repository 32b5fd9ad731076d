//! What follows for rlab from the rows. Pure.

use super::rows::version;
use super::{Ability, Facts, Row, Verdict};

/// The ability that decides about the exit code.
pub const RUN: &str = "run containers as root";

/// Rows without which no container is made. A confined rlab may lack any of them.
const FOR_RUN: [&str; 15] = [
    "mounts of /",
    "kernel",
    "user",
    "capabilities",
    "cgroups",
    "namespace mnt",
    "namespace pid",
    "namespace net",
    "namespace uts",
    "namespace ipc",
    "namespace cgroup",
    "overlayfs",
    "rlab's root",
    "room",
    "settings",
];
const FOR_BRIDGE: [&str; 4] = ["bridge", "veth", "nft", "namespace net"];
const FOR_MACHINES: [&str; 3] = ["QEMU", "mke2fs", "guest kernel"];
const FOR_LIMITS: [&str; 3] = ["cgroup memory", "cgroup cpu", "cgroup pids"];

/// The last section of the report.
pub fn abilities(facts: &Facts, rows: &[Row]) -> Vec<Ability> {
    let run = run(rows);
    let needs_run = |ability: Ability| match run.verdict {
        Verdict::Missing => {
            Ability { verdict: Verdict::Missing, why: "no container can be made".to_owned(), ..ability }
        }
        _ => ability,
    };
    let network = network(rows);
    let ports = ports(facts, &network);
    let abilities = [limits(rows), network, ports, own_users(facts, rows)].map(needs_run);
    std::iter::once(run.clone()).chain(abilities).chain([rootless(), hello(facts), machines(rows)]).collect()
}

/// The rows of a list that are no better than this.
fn at_least<'a>(rows: &'a [Row], names: &[&str], verdict: Verdict) -> Vec<&'a str> {
    let bad = rows.iter().filter(|row| names.contains(&row.check.as_str()) && row.verdict >= verdict);
    bad.map(|row| row.check.as_str()).collect()
}

fn ability(what: &str, verdict: Verdict, why: impl Into<String>) -> Ability {
    Ability { what: what.to_owned(), verdict, why: why.into() }
}

fn run(rows: &[Row]) -> Ability {
    let missing = at_least(rows, &FOR_RUN, Verdict::Missing);
    if !missing.is_empty() {
        return ability(RUN, Verdict::Missing, format!("see {}", missing.join(", ")));
    }
    match at_least(rows, &["confinement"], Verdict::Limited).is_empty() {
        false => ability(RUN, Verdict::Limited, "as far as the sandbox around rlab lets it, see confinement"),
        true => ability(RUN, Verdict::Ok, "all that it takes is here"),
    }
}

fn limits(rows: &[Row]) -> Ability {
    let what = "limit memory, processors, processes";
    let lacking = at_least(rows, &FOR_LIMITS, Verdict::Limited);
    match lacking.len() {
        0 => ability(what, Verdict::Ok, "each limit can be set"),
        3 => ability(what, Verdict::Missing, format!("see {}; a run that asks for one is refused", lacking.join(", "))),
        _ => {
            ability(what, Verdict::Limited, format!("see {}; a run that asks for that is refused", lacking.join(", ")))
        }
    }
}

fn network(rows: &[Row]) -> Ability {
    let what = "networks of their own";
    let missing = at_least(rows, &FOR_BRIDGE, Verdict::Missing);
    if !missing.is_empty() {
        return ability(what, Verdict::Limited, format!("--network none and host only: see {}", missing.join(", ")));
    }
    match at_least(rows, &["other firewalls", "name servers"], Verdict::Limited).as_slice() {
        [] => ability(what, Verdict::Ok, "bridge, none and host"),
        some => ability(what, Verdict::Limited, format!("bridge, none and host; but see {}", some.join(", "))),
    }
}

fn ports(facts: &Facts, network: &Ability) -> Ability {
    let what = "publish ports";
    if network.why.starts_with("--network none") {
        return ability(what, Verdict::Missing, "it takes the bridge");
    }
    if facts.power.has("CAP_NET_BIND_SERVICE") {
        ability(what, Verdict::Ok, "any that is free")
    } else {
        ability(what, Verdict::Limited, "only those that take no privilege, see ports")
    }
}

fn own_users(facts: &Facts, rows: &[Row]) -> Ability {
    let what = "--userns private";
    if version(&facts.release) < (5, 19) {
        return ability(what, Verdict::Missing, "it takes Linux 5.19, for layers with mapped owners");
    }
    match at_least(rows, &["namespace user", "/proc"], Verdict::Limited).as_slice() {
        [] => ability(what, Verdict::Ok, "users inside are others outside"),
        some => ability(what, Verdict::Missing, format!("see {}", some.join(", "))),
    }
}

fn rootless() -> Ability {
    ability("run containers as an ordinary user", Verdict::Missing, "rlab does not do that yet, on any host")
}

fn hello(facts: &Facts) -> Ability {
    let what = "rlab vm hello";
    match &facts.machine.guest {
        Ok(_) => ability(what, Verdict::Ok, "KVM ran a small guest"),
        Err(_) => ability(what, Verdict::Missing, "it takes KVM, see there"),
    }
}

fn machines(rows: &[Row]) -> Ability {
    let what = "virtual machines";
    let missing = at_least(rows, &FOR_MACHINES, Verdict::Missing);
    if !missing.is_empty() {
        return ability(what, Verdict::Missing, format!("see {}", missing.join(", ")));
    }
    match at_least(rows, &["KVM", "KVM with a kernel"], Verdict::Limited).as_slice() {
        [] => ability(what, Verdict::Ok, "run by KVM"),
        ["KVM with a kernel"] if is_untried(rows) => {
            ability(what, Verdict::Limited, "run by KVM if a kernel runs under it, else emulated: see accelerator")
        }
        _ => ability(what, Verdict::Limited, "emulated by QEMU, many times slower than KVM: see accelerator"),
    }
}

/// Whether the accelerator is still to be found out.
fn is_untried(rows: &[Row]) -> bool {
    rows.iter().any(|row| row.check == "accelerator" && row.fact.starts_with("kvm"))
}
