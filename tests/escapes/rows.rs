//! The attempts that need nothing of the host's to be prepared, each with its layers.

use super::layer::Layer;
use nix::fcntl::OFlag;
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use std::os::unix::fs::MetadataExt;

use Layer::{Capability, CgroupNamespace, DeviceCgroup, MaskedPath, ReadOnlyMount, Seccomp};

/// One attempt. Outcomes are what the attacker prints; where kernels differ, several with `|` between.
#[derive(Clone)]
pub struct Row {
    pub attempt: String,
    /// Each layer that blocks it, and what the attempt meets when this layer alone is left.
    pub by: Vec<(Layer, &'static str)>,
    /// What it meets when none of them is left.
    pub through: &'static str,
}

pub fn row(attempt: impl Into<String>, by: &[(Layer, &'static str)], through: &'static str) -> Row {
    Row { attempt: attempt.into(), by: by.to_vec(), through }
}

/// All of them.
pub fn all() -> Vec<Row> {
    [calls(), settings(), covered(), mounts(), devices(), groups()].into_iter().flatten().collect()
}

/// Calls that the default filter refuses, and the capability that most of them take as well.
fn calls() -> Vec<Row> {
    const ADMIN: Layer = Capability("SYS_ADMIN");
    let both =
        |attempt: &str, capability: Layer, through| row(attempt, &[(Seccomp, "EPERM"), (capability, "EPERM")], through);
    let filtered = |attempt: &str, through| row(attempt, &[(Seccomp, "EPERM")], through);
    let mut rows = vec![
        filtered("unshare-user", "ok"),
        filtered("clone-user", "ok"),
        row("clone3-user", &[(Seccomp, "ENOSYS")], "ok"),
        row("clone3-mount", &[(Seccomp, "ENOSYS"), (ADMIN, "EPERM")], "ok"),
        both("unshare-mount", ADMIN, "ok"),
        both("clone-mount", ADMIN, "ok"),
        both("setns", ADMIN, "ok"),
        both("mount", ADMIN, "ok"),
        both("open_tree", ADMIN, "ok"),
        both("fsopen", ADMIN, "ok"),
        both("mount_setattr", ADMIN, "ok"),
        both("pivot_root", ADMIN, "EBUSY|EINVAL"),
        both("swapon", ADMIN, "ENOENT"),
        both("sethostname", ADMIN, "ok"),
        both("fanotify_init", ADMIN, "ok"),
        filtered("io_uring_setup", "EFAULT|EINVAL"),
        filtered("add_key", "EFAULT"),
        filtered("keyctl", "ok|ENOKEY"),
        filtered("request_key", "EFAULT"),
        filtered("bpf", "EINVAL"),
        filtered("userfaultfd", "ok"),
        filtered("perf_event_open", "EFAULT"),
        row("kexec_load", &[(Seccomp, "EPERM"), (Capability("SYS_BOOT"), "EPERM|ENOSYS")], "EINVAL|ENOSYS"),
        row("init_module", &[(Seccomp, "EPERM"), (Capability("SYS_MODULE"), "EPERM|ENOSYS")], "EFAULT|EINVAL|ENOSYS"),
        filtered("personality", "ok"),
        both("reboot", Capability("SYS_BOOT"), "EINVAL"),
        filtered("clock_settime", "EFAULT"),
        row("acct", &[(Seccomp, "EPERM"), (Capability("SYS_PACCT"), "EPERM|ENOSYS")], "ENOENT|ENOSYS"),
        both("syslog", Capability("SYSLOG"), "ok"),
        filtered("kcmp", "ok"),
        filtered("pidfd_getfd", "ok"),
        filtered("quotactl", "EINVAL|ENOSYS"),
        filtered("socket,38", "ok|EAFNOSUPPORT|ESOCKTNOSUPPORT"),
        filtered("socket,40", "ok|EAFNOSUPPORT"),
    ];
    if cfg!(target_arch = "x86_64") {
        rows.extend([
            // A kernel without these numbers answers by itself once the filter is gone: ENOSYS, or a fault.
            row("iopl", &[(Seccomp, "EPERM"), (Capability("SYS_RAWIO"), "EPERM|ENOSYS")], "ok|ENOSYS"),
            filtered("x32-unshare", "ok|ENOSYS"),
            row("i386-unshare", &[(Seccomp, "EPERM|SIGSEGV")], "ok|SIGSEGV"),
            row("i386-keyctl", &[(Seccomp, "EPERM|SIGSEGV")], "ok|ENOKEY|SIGSEGV"),
            row("i386-mount", &[(Seccomp, "EPERM|SIGSEGV")], "EFAULT|EPERM|EINVAL|SIGSEGV"),
            row("i386-clone3", &[(Seccomp, "ENOSYS|SIGSEGV")], "EINVAL|SIGSEGV"),
        ]);
    }
    rows
}

/// Settings of the kernel's that make it run a program, or end it.
fn settings() -> Vec<Row> {
    let wanted = [
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/kernel/modprobe",
        "/proc/sys/kernel/hotplug",
        "/proc/sys/vm/panic_on_oom",
        "/proc/sysrq-trigger",
        "/proc/irq/default_smp_affinity",
        "/sys/kernel/uevent_helper",
        "/sys/kernel/mm/transparent_hugepage/enabled",
        "/sys/power/state",
        "/sys/module/printk/parameters/time",
    ];
    let here = |path: &&str| std::fs::metadata(path).is_ok_and(|found| found.mode() & 0o200 != 0);
    let there: Vec<&str> = wanted.into_iter().filter(here).collect();
    assert!(there.len() >= 4, "{there:?}");
    there.into_iter().map(|path| row(format!("write,{path}"), &[(ReadOnlyMount, "EROFS")], "ok")).collect()
}

/// Files that tell of the whole machine. Which there are, and which are empty by themselves, is the kernel's affair.
fn covered() -> Vec<Row> {
    let wanted = ["/proc/keys", "/proc/timer_list", "/proc/interrupts", "/proc/kcore", "/sys/firmware", "/proc/scsi"];
    let holds = |path: &&str| {
        let found = std::fs::metadata(path).ok();
        found.is_some_and(|found| {
            if found.is_dir() {
                std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some())
            } else {
                std::fs::File::open(path).and_then(|mut file| std::io::Read::read(&mut file, &mut [0])).unwrap_or(0) > 0
            }
        })
    };
    let there: Vec<&str> = wanted.into_iter().filter(holds).collect();
    assert!(there.len() >= 2, "{there:?}");
    there.into_iter().map(|path| row(format!("look,{path}"), &[(MaskedPath, "empty")], "ok")).collect()
}

/// Mounts undone from inside.
fn mounts() -> Vec<Row> {
    let admin = [(Seccomp, "EPERM"), (Capability("SYS_ADMIN"), "EPERM")];
    vec![
        row("umount,/proc/keys", &admin, "ok|EINVAL"),
        row("umount,/proc/sys", &admin, "ok"),
        row("remount,/proc/irq", &admin, "ok"),
        row("remount,/sys", &admin, "ok"),
        // In a user namespace of one's own these mounts are locked, see mount_namespaces(7).
        row("user-umount,/proc/sys", &[(Seccomp, "EPERM at unshare")], "EINVAL at umount"),
        row("user-remount,/proc/sys", &[(Seccomp, "EPERM at unshare")], "EPERM at mount"),
        row("user-proc", &[(Seccomp, "EPERM at unshare")], "EPERM at mount"),
    ]
}

/// What the kernel says to root of the host who opens a device.
fn opened_outside(kind: &str, major: u64, minor: u64) -> Option<i32> {
    let folder = tempfile::tempdir().unwrap();
    let node = folder.path().join("node");
    let sort = if kind == "b" { SFlag::S_IFBLK } else { SFlag::S_IFCHR };
    mknod(&node, sort, Mode::from_bits_truncate(0o600), makedev(major, minor)).unwrap();
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK;
    nix::fcntl::open(&node, flags, Mode::empty()).err().map(|errno| errno as i32)
}

/// Drivers that reach the whole machine.
fn devices() -> Vec<Row> {
    let mut wanted = vec![
        ("c", 1, 1, "memory"),
        ("c", 1, 4, "ports"),
        ("c", 1, 11, "kernel log"),
        ("c", 10, 200, "tun"),
        ("c", 10, 229, "fuse"),
        ("c", 10, 232, "kvm"),
        ("c", 10, 237, "loop control"),
        ("b", 7, 0, "loop"),
    ];
    // The disk on which the host's tree lies, where it lies on one.
    let disk = std::fs::metadata("/").unwrap().dev();
    let (major, minor) = (nix::sys::stat::major(disk), nix::sys::stat::minor(disk));
    if major != 0 {
        wanted.push(("b", major, minor, "the host's disk"));
    }
    let node = |(kind, major, minor, name): (&str, u64, u64, &str)| {
        // A host may itself be kept from a device: then there is nothing to be seen behind the layer.
        let through = match opened_outside(kind, major, minor) {
            Some(nix::libc::EPERM) => "EPERM at open",
            _ => "ok|ENXIO at open|ENODEV at open|ENOENT at open|EBUSY at open",
        };
        row(format!("device,{kind},{major},{minor},{name}"), &[(DeviceCgroup, "EPERM at open")], through)
    };
    wanted.into_iter().map(node).collect()
}

/// Control groups: a container may neither change its own limits nor have the kernel run a program for it.
fn groups() -> Vec<Row> {
    let mounted = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let mut rows = vec![];
    if mounted.contains(" - cgroup ") {
        let by = [
            (Seccomp, "EPERM at mount"),
            (Capability("SYS_ADMIN"), "EPERM at mount"),
            (CgroupNamespace, "ENOENT at open"),
        ];
        rows.push(row("release-agent,devices", &by, "ok"));
    }
    let inside = if mounted.contains(" /sys/fs/cgroup/pids ") {
        "/sys/fs/cgroup/pids/pids.max"
    } else {
        "/sys/fs/cgroup/pids.max"
    };
    rows.push(row(format!("write,{inside}"), &[(ReadOnlyMount, "EROFS")], "ok"));
    rows
}
