//! The kernel, what rlab may do, and whether this is the host at all.

use crate::engine::doctor::{Facts, Row};

/// mount_setattr(2), by which rlab keeps its own file read-only, came with this one.
const LEAST: (u32, u32) = (5, 12);
/// What newer kernels bring that rlab uses.
const NEWER: [((u32, u32), &str); 2] = [
    ((5, 14), "cgroup.kill, which ends a v2 group in one write"),
    ((5, 19), "layers with mapped owners (--userns private)"),
];

/// What rlab cannot do without, and what for.
const NEEDED: [(&str, &str); 10] = [
    ("CAP_SYS_ADMIN", "namespaces and mounts"),
    ("CAP_NET_ADMIN", "bridge, addresses and rules"),
    ("CAP_CHOWN", "unpacking"),
    ("CAP_DAC_OVERRIDE", "unpacking"),
    ("CAP_FOWNER", "unpacking"),
    ("CAP_SETUID", "--user"),
    ("CAP_SETGID", "--user"),
    ("CAP_SETPCAP", "taking capabilities away"),
    ("CAP_MKNOD", "/dev"),
    ("CAP_KILL", "ending the program"),
];
/// What it can do without, and what then fails.
const USEFUL: [(&str, &str); 3] = [
    ("CAP_SYS_RESOURCE", "raising --ulimit above rlab's own"),
    ("CAP_NET_BIND_SERVICE", "publishing ports below 1024"),
    ("CAP_SYS_CHROOT", "--chroot"),
];

/// See the file's opening.
pub fn rows(facts: &Facts) -> Vec<Row> {
    let mut rows = vec![kernel(&facts.release), user(facts), capabilities(facts), confinement(facts)];
    rows.push(inside(facts));
    rows.push(masked(facts));
    rows.push(match facts.root_shared {
        Some(true) => Row::ok("mounts of /", "shared, as systemd makes them; a container cuts itself off first"),
        Some(false) => Row::ok("mounts of /", "private"),
        None => Row::missing(
            "mounts of /",
            "/ is no mount point: rlab runs in a chroot, and its mounts can't be cut off from the host's",
            "run rlab outside; or before: mount --rbind DIR DIR; chroot DIR",
        ),
    });
    rows.push(seccomp(facts));
    rows.push(match &facts.lsm {
        Some(list) => Row::ok("security modules", list.clone()),
        None => Row::ok("security modules", "not to be seen: securityfs is not mounted, or closed to this user"),
    });
    rows
}

/// `(6, 18)` of `6.18.44-something`.
pub fn version(release: &str) -> (u32, u32) {
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

fn kernel(release: &str) -> Row {
    let version = version(release);
    if version < LEAST {
        let fix = "a newer kernel: for most distributions there is one in the backports";
        return Row::missing("kernel", format!("Linux {release}; rlab needs 5.12 for mount_setattr(2)"), fix);
    }
    let lacks: Vec<String> = NEWER
        .iter()
        .filter(|(since, _)| version < *since)
        .map(|((major, minor), what)| format!("{major}.{minor} for {what}"))
        .collect();
    match lacks.is_empty() {
        true => Row::ok("kernel", format!("Linux {release}")),
        false => {
            Row::limited("kernel", format!("Linux {release}"), format!("newer ones bring more: {}", lacks.join("; ")))
        }
    }
}

fn user(facts: &Facts) -> Row {
    match facts.uid {
        0 => Row::ok("user", "root"),
        uid => Row::missing("user", format!("user {uid}; containers are made by root"), "sudo rlab …"),
    }
}

fn capabilities(facts: &Facts) -> Row {
    let lacking = |list: &[(&'static str, &'static str)]| {
        let lacks = list.iter().filter(|(name, _)| !facts.power.has(name));
        lacks.map(|(name, what)| format!("{name} ({what})")).collect::<Vec<_>>().join(", ")
    };
    let (needed, useful) = (lacking(&NEEDED), lacking(&USEFUL));
    if facts.power.effective == 0 {
        return Row::missing("capabilities", "none at all", as_sudo(facts));
    }
    match (needed.is_empty(), useful.is_empty()) {
        (true, true) => Row::ok("capabilities", "all that rlab needs"),
        (true, false) => Row::limited("capabilities", format!("without {useful}"), as_sudo(facts)),
        (false, _) => Row::missing("capabilities", format!("without {needed}"), as_sudo(facts)),
    }
}

fn as_sudo(facts: &Facts) -> &'static str {
    match facts.uid {
        0 => "start what rlab runs in with more: docker run --privileged, CapabilityBoundingSet= of a service",
        _ => "sudo rlab …",
    }
}

fn confinement(facts: &Facts) -> Row {
    let mut marks = Vec::new();
    if facts.power.no_new_privs {
        marks.push("no_new_privs is set: no set-user-ID program, such as sudo, gives rights here");
    }
    if facts.power.filtered {
        marks.push("a seccomp filter looks at rlab's own calls");
    }
    match marks.is_empty() {
        true => Row::ok("confinement", "no seccomp filter, no no_new_privs"),
        false => {
            let fix = "run rlab outside of that sandbox, or docker run --security-opt seccomp=unconfined";
            Row::limited("confinement", marks.join("; "), fix)
        }
    }
}

fn inside(facts: &Facts) -> Row {
    let numbers: Vec<&str> = facts.uid_map.split(' ').collect();
    let own_users = numbers != ["0", "0", "4294967295"] && !facts.uid_map.is_empty();
    let mapped = own_users.then(|| format!("in a user namespace (uid_map {})", facts.uid_map));
    let marks: Vec<String> = facts.container.iter().cloned().chain(mapped).collect();
    let wsl = facts.release.to_ascii_lowercase().contains("microsoft");
    match (marks.is_empty(), wsl) {
        (true, false) => Row::ok("surroundings", "no container around"),
        (true, true) => Row::limited(
            "surroundings",
            "WSL 2: a virtual machine of Windows with a kernel of Microsoft's",
            "for cgroup v2 alone, kernelCommandLine = cgroup_no_v1=all in .wslconfig",
        ),
        (false, _) => Row::limited(
            "surroundings",
            format!("signs of a container around rlab: {}", marks.join("; ")),
            "what is refused below may work outside, or with docker run --privileged",
        ),
    }
}

fn masked(facts: &Facts) -> Row {
    let Some(first) = facts.masked_proc.first() else { return Row::ok("/proc", "nothing is mounted over it") };
    let fact = format!(
        "{} mounts cover parts of it ({}, …): a new /proc in a user namespace would show more, so the kernel refuses it",
        facts.masked_proc.len(),
        first.display()
    );
    let fix = "docker run --security-opt systempaths=unconfined; or no --userns private";
    Row::limited("/proc", fact, fix)
}

fn seccomp(facts: &Facts) -> Row {
    let fix = "a kernel with CONFIG_SECCOMP_FILTER; or --security-opt seccomp=unconfined";
    match &facts.seccomp_actions {
        Some(actions) if actions.split(' ').any(|action| action == "errno") => {
            Row::ok("seccomp filters", format!("may answer {actions}"))
        }
        Some(actions) => Row::limited("seccomp filters", format!("may answer only {actions}"), fix),
        None => Row::limited("seccomp filters", "this kernel names no actions", fix),
    }
}
