//! Whether what a block needs is on this host: what a reader's own machine cannot show is marked as such.

use std::path::Path;

/// What a block can need: its name, and how it is told.
const KNOWN: &[(&str, &str)] = &[
    ("root", "root"),
    ("hybrid", "hybrid cgroups"),
    ("v1", "cgroup v1"),
    ("v2", "cgroup v2"),
    ("kvm", "KVM"),
    ("qemu", "QEMU"),
    ("docker", "Docker"),
    ("nft", "nft"),
    ("python3", "Python 3"),
    ("jq", "jq"),
    ("strace", "strace"),
    ("runc", "runc"),
    ("crun", "crun"),
    ("podman", "podman"),
    ("nginx", "an image of nginx"),
];

/// Whether pages may name this need.
pub fn is_known(need: &str) -> bool {
    KNOWN.iter().any(|(name, _)| *name == need)
}

/// All that pages may name.
pub fn known() -> String {
    KNOWN.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

/// A need in words.
pub fn told(need: &str) -> &str {
    KNOWN.iter().find(|(name, _)| *name == need).map_or(need, |(_, told)| told)
}

/// Why this host cannot show what needs this; nothing when it can. Who the reader is, root or not, is no matter of the host.
pub fn lacks(need: &str) -> Option<String> {
    let mounts = || std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let (v1, v2) = (|| mounts().contains(" - cgroup "), || mounts().contains(" - cgroup2 "));
    let there = match need {
        "root" | "nginx" => true,
        "hybrid" => v1() && v2(),
        "v1" => v1(),
        "v2" => v2(),
        "kvm" => Path::new("/dev/kvm").exists(),
        "qemu" => on_path("qemu-system-x86_64"),
        program => on_path(program),
    };
    (!there).then(|| match need {
        "hybrid" => "its control groups are laid out another way".to_owned(),
        "kvm" => "there is no /dev/kvm".to_owned(),
        other => format!("{} is not there", told(other)),
    })
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // An ordinary user's PATH often lacks the folders where nft is.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.into_iter().any(|folder| folder.join(program).is_file())
}
