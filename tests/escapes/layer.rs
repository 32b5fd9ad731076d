//! What stands between a container and its host, and the flag that takes each layer away.

use super::range::Range;

/// One layer of a container's wall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// Docker's default filter.
    Seccomp,
    /// A capability that the container is not given.
    Capability(&'static str),
    /// Processes are numbered anew.
    PidNamespace,
    /// Addresses, ports and abstract sockets of its own.
    NetworkNamespace,
    /// System V objects of its own.
    IpcNamespace,
    /// The group it is in is the root of all groups it sees.
    CgroupNamespace,
    /// The host's tree is not mounted in its mount namespace at all.
    PivotRoot,
    /// Only the devices on a list can be opened.
    DeviceCgroup,
    /// Parts of /proc, and all of /sys, are read-only.
    ReadOnlyMount,
    /// Files of /proc are covered.
    MaskedPath,
}

impl Layer {
    /// As the table has it.
    pub fn name(self) -> String {
        match self {
            Layer::Seccomp => "seccomp".to_owned(),
            Layer::Capability(name) => format!("no CAP_{name}"),
            Layer::PidNamespace => "pid namespace".to_owned(),
            Layer::NetworkNamespace => "network namespace".to_owned(),
            Layer::IpcNamespace => "ipc namespace".to_owned(),
            Layer::CgroupNamespace => "cgroup namespace".to_owned(),
            Layer::PivotRoot => "pivot_root".to_owned(),
            Layer::DeviceCgroup => "device cgroup".to_owned(),
            Layer::ReadOnlyMount => "read-only mount".to_owned(),
            Layer::MaskedPath => "masked path".to_owned(),
        }
    }

    /// Docker has no flag that takes away this layer and nothing else.
    pub fn goes_with_all(self) -> bool {
        matches!(self, Layer::DeviceCgroup | Layer::ReadOnlyMount | Layer::MaskedPath)
    }
}

/// The flags of a container that lacks these layers and has all others.
pub fn without(range: &Range, layers: &[Layer]) -> Vec<String> {
    if layers.iter().any(|layer| layer.goes_with_all()) {
        return vec!["--privileged".to_owned()];
    }
    let mut flags = vec![];
    let mut add = |words: &[&str]| flags.extend(words.iter().map(ToString::to_string));
    for layer in layers {
        match layer {
            Layer::Seccomp => add(&["--security-opt", "seccomp=unconfined"]),
            Layer::Capability(name) => add(&["--cap-add", name]),
            Layer::PidNamespace => add(&["--pid", "host"]),
            Layer::NetworkNamespace => add(&["--network", "host"]),
            Layer::IpcNamespace => add(&["--ipc", "host"]),
            Layer::CgroupNamespace => add(&["--cgroupns", "host"]),
            Layer::PivotRoot => add(&["--chroot"]),
            Layer::DeviceCgroup | Layer::ReadOnlyMount | Layer::MaskedPath => {}
        }
    }
    let power = layers.iter().any(|layer| matches!(layer, Layer::Capability(_)));
    if power && !layers.contains(&Layer::Seccomp) {
        // The default filter lets a call through to whoever holds the capability for it: two layers would go at once.
        add(&["--security-opt", &format!("seccomp={}", range.strict_profile().display())]);
    }
    flags
}

/// Every power and no filter, and still Docker's mounts and devices.
pub const ALL_POWER: [&str; 4] = ["--cap-add", "ALL", "--security-opt", "seccomp=unconfined"];
