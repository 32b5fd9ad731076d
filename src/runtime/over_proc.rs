//! What may be mounted over /proc, and over files in it.
//!
//! Man: proc(5). Spec: mounts.

use super::plan::Mount;
use super::stage::{Outcome, Refusal};
use crate::sys::rootdir::{PROC_SUPER_MAGIC, Place, RootDir};
use std::path::Path;

/// Files of /proc that may be covered by others, to show the container's limits in place of the machine's: runc's list.
const COVERED_IN_PROC: [&str; 10] = [
    "/proc/cpuinfo",
    "/proc/diskstats",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/swaps",
    "/proc/uptime",
    "/proc/loadavg",
    "/proc/slabinfo",
    "/proc/sys/kernel/ns_last_pid",
    "/proc/sys/crypto/fips_enabled",
];

/// Of /proc, nothing else may be covered, by whatever path it was reached. The runtime itself writes there, while it is
/// still root on the host: with a file of the image's choice in the place of a setting or an attribute, these writes
/// would go elsewhere (CVE-2025-52881, and CVE-2019-16884, where what was lost was the label of the process).
pub fn refuse(tree: &RootDir, wanted: &Mount, place: &Place) -> Outcome {
    let path = place.real_path(tree).unwrap_or_else(|| wanted.destination.clone());
    let refused = |reason: &str| Err(Refusal::Reason(format!("{} {reason}", wanted.destination.display())));
    if path == Path::new("/proc") && wanted.kind != "proc" {
        let proc = RootDir::open(Path::new(&wanted.source)).and_then(|source| source.resolve(Path::new("/")));
        let is_proc = proc.is_ok_and(|source| source.is_on(PROC_SUPER_MAGIC));
        return if is_proc { Ok(()) } else { refused("can't be covered by what is no /proc") };
    }
    let may = COVERED_IN_PROC.iter().any(|covered| path == Path::new(covered));
    if place.is_on(PROC_SUPER_MAGIC) && path != Path::new("/proc") && !may {
        return refused("lies inside of /proc, where nothing may be mounted");
    }
    Ok(())
}
