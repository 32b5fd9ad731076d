//! What root may do in a container, which calls are left, and which files are covered: Docker's defaults.

use crate::engine::Error;
use crate::engine::options::{RunOptions, Seccomp};
use crate::shim::profiles;
use crate::sys::{CAPABILITIES, capability_number};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The capabilities Docker leaves: enough to install packages and to serve on port 80, too little to touch the host.
const DEFAULT: [&str; 14] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
];

/// Files and directories that tell of the whole machine, or let a container disturb it.
pub const MASKED: [&str; 12] = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
];

/// Files that may be read, but whose writing would reach beyond the container.
pub const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// The names that are left after --cap-add and --cap-drop. As in Docker, ALL may stand for every one, and what is both
/// added and dropped is added, unless all are added.
fn names(options: &RunOptions) -> Result<BTreeSet<String>, Error> {
    let mut set: BTreeSet<String> = if options.privileged {
        CAPABILITIES.iter().map(ToString::to_string).collect()
    } else {
        DEFAULT.iter().map(ToString::to_string).collect()
    };
    let all = |list: &[String]| list.iter().any(|name| name.eq_ignore_ascii_case("all"));
    if all(&options.cap_add) {
        set.extend(CAPABILITIES.iter().map(ToString::to_string));
    }
    if all(&options.cap_drop) {
        set.clear();
    }
    for name in named("--cap-drop", &options.cap_drop)? {
        set.remove(name);
    }
    for name in named("--cap-add", &options.cap_add)? {
        set.insert(name.to_owned());
    }
    Ok(set)
}

fn named(flag: &'static str, list: &[String]) -> Result<Vec<&'static str>, Error> {
    let one = |name: &String| {
        let number = capability_number(name).and_then(|number| CAPABILITIES.get(number as usize));
        let reason = "is no capability: see capabilities(7)".to_owned();
        number.copied().ok_or(Error::Flag { flag, value: name.clone(), reason })
    };
    list.iter().filter(|name| !name.eq_ignore_ascii_case("all")).map(one).collect()
}

/// `process.capabilities`. The inheritable and ambient sets stay empty, so a program that is not root gets none.
///
/// Who is not root has none before the program either, as with Docker: else execve(2) itself would pass over the modes of
/// files (CAP_DAC_OVERRIDE), and a user could run what only root may.
pub fn capabilities(options: &RunOptions, uid: u32) -> Result<Value, Error> {
    let names = names(options)?;
    let own = if uid == 0 { names.clone() } else { BTreeSet::new() };
    Ok(json!({"bounding": names, "effective": own, "permitted": own, "inheritable": [], "ambient": []}))
}

/// `linux.seccomp`, or nothing for unconfined.
pub fn seccomp(options: &RunOptions, kernel: (u32, u32)) -> Result<Option<Value>, Error> {
    // The profile opens calls to those who hold the capability for them.
    let names = names(options)?;
    let profile = match &options.seccomp {
        _ if options.privileged => return Ok(None),
        Seccomp::Unconfined => return Ok(None),
        Seccomp::Default => profiles::docker_default(&names, kernel),
        Seccomp::File(path) => {
            let bad = |reason: String| Error::Flag {
                flag: "--security-opt seccomp",
                value: path.display().to_string(),
                reason,
            };
            let bytes = std::fs::read(path).map_err(|error| bad(error.to_string()))?;
            let profile = profiles::from_docker_json(&bytes).map_err(|error| bad(error.to_string()))?;
            profile.resolve(&names, kernel)
        }
    };
    Ok(serde_json::to_value(profile).ok())
}
