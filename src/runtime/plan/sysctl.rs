//! Kernel settings, and which of them are the container's own.   Man: sysctl(8), namespaces(7).

use super::Namespace;
use super::error::{PlanError, invalid};
use super::text::{short, string};
use crate::sys;
use oci_spec::runtime::Linux;
use std::path::{Path, PathBuf};

/// Settings that exist once per namespace, and which namespace that is. Every other one is taken for the machine's.
const NAMESPACED: [(&str, i32); 12] = [
    ("/proc/sys/net", sys::CLONE_NEWNET),
    ("/proc/sys/fs/mqueue", sys::CLONE_NEWIPC),
    ("/proc/sys/kernel/msgmax", sys::CLONE_NEWIPC),
    ("/proc/sys/kernel/msgmnb", sys::CLONE_NEWIPC),
    ("/proc/sys/kernel/msgmni", sys::CLONE_NEWIPC),
    ("/proc/sys/kernel/sem", sys::CLONE_NEWIPC),
    ("/proc/sys/kernel/shmall", sys::CLONE_NEWIPC),
    ("/proc/sys/kernel/shmmax", sys::CLONE_NEWIPC),
    ("/proc/sys/kernel/shmmni", sys::CLONE_NEWIPC),
    ("/proc/sys/kernel/shm_rmid_forced", sys::CLONE_NEWIPC),
    ("/proc/sys/kernel/hostname", sys::CLONE_NEWUTS),
    ("/proc/sys/kernel/domainname", sys::CLONE_NEWUTS),
];

/// `net.ipv4.ip_forward` is the file /proc/sys/net/ipv4/ip_forward.
pub fn settings(linux: &Linux, namespaces: &[Namespace]) -> Result<Vec<(PathBuf, String)>, PlanError> {
    let one = |(name, value): (&String, &String)| {
        let file = Path::new("/proc/sys").join(short("linux.sysctl", name)?.replace('.', "/"));
        refuse_host(name, &file, namespaces)?;
        Ok((file, string("linux.sysctl", value)?))
    };
    let mut settings: Vec<_> = linux.sysctl().iter().flatten().map(one).collect::<Result<_, PlanError>>()?;
    settings.sort();
    Ok(settings)
}

/// A setting of the whole machine, or of a namespace that is shared with the host, would change the host.
///
/// The kernel would not refuse it: init is still root with all its capabilities when it writes. So the list above
/// decides, and what is not on it is refused, rather than the other way round: a new kernel brings settings that no list
/// knows.
fn refuse_host(name: &str, file: &Path, namespaces: &[Namespace]) -> Result<(), PlanError> {
    let own = |flag: i32| namespaces.iter().any(|namespace| namespace.flag == flag);
    match NAMESPACED.iter().find(|(prefix, _)| file.starts_with(prefix)) {
        Some((_, flag)) if own(*flag) => Ok(()),
        _ => Err(invalid("linux.sysctl", name, "is a setting of the host, not of this container")),
    }
}
