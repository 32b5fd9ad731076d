//! One table: attempt, the layers that block it, and what happens when they are gone.

use super::layer::{ALL_POWER, Layer, without};
use super::range::{Range, range};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::process::{Child, Command, Stdio};

use Layer::{
    Capability, CgroupNamespace, DeviceCgroup, IpcNamespace, MaskedPath, NetworkNamespace, PidNamespace, PivotRoot,
    ReadOnlyMount, Seccomp,
};

/// One attempt. Outcomes are what the attacker prints; where kernels differ, several with `|` between.
#[derive(Clone)]
struct Row {
    attempt: String,
    /// Each layer that blocks it, and what the attempt meets when this layer alone is left.
    by: Vec<(Layer, &'static str)>,
    /// What it meets when none of them is left.
    through: &'static str,
}

fn row(attempt: impl Into<String>, by: &[(Layer, &'static str)], through: &'static str) -> Row {
    Row { attempt: attempt.into(), by: by.to_vec(), through }
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
        let folder = if kind == "b" { "block" } else { "char" };
        let on_host = std::fs::File::open(format!("/dev/{folder}/{major}:{minor}"));
        // A host may itself be kept from a device: then there is nothing to be seen behind the layer.
        let through = match on_host {
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => "EPERM at open",
            _ => "ok|ENXIO at open|ENODEV at open|ENOENT at open|EBUSY at open",
        };
        row(format!("device,{kind},{major},{minor},{name}"), &[(DeviceCgroup, "EPERM at open")], through)
    };
    wanted.into_iter().map(node).collect()
}

/// Things of the host's that a test has put there, and how they are reached.
struct Host {
    process: Child,
    _abstract: UnixListener,
    _loopback: TcpListener,
    memory: i32,
    rows: Vec<Row>,
}

impl Host {
    fn new(range: &Range) -> Self {
        let process = outside_process();
        let pid = process.id();
        let name = format!("rlab-escapes-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let (listener, loopback) =
            (UnixListener::bind_addr(&address).unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
        let port = loopback.local_addr().unwrap().port();
        let key = i32::from_ne_bytes(std::process::id().to_ne_bytes()) | 0x1ab0_0000;
        // SAFETY: plain numbers; the segment is taken away when this is dropped.
        let memory = unsafe { nix::libc::shmget(key, 4096, nix::libc::IPC_CREAT | 0o600) };
        assert!(memory >= 0);
        let (net, ptrace) = (NetworkNamespace, Capability("SYS_PTRACE"));
        let mut rows = vec![
            row(format!("kill,{pid}"), &[(PidNamespace, "ESRCH")], "ok"),
            row(format!("pidfd_open,{pid}"), &[(PidNamespace, "ESRCH|EINVAL")], "ok"),
            row(format!("setpriority,{pid}"), &[(PidNamespace, "ESRCH"), (Capability("SYS_NICE"), "EPERM")], "ok"),
            row(format!("ptrace,{pid}"), &[(PidNamespace, "ESRCH"), (ptrace, "EPERM")], "ok"),
            row(format!("vm-read,{pid}"), &[(PidNamespace, "ESRCH"), (ptrace, "EPERM")], "EFAULT"),
            row(format!("look,/proc/{pid}/environ"), &[(PidNamespace, "ENOENT"), (ptrace, "EACCES")], "ok"),
            row(format!("look,/proc/{pid}/root"), &[(PidNamespace, "ENOENT"), (ptrace, "EACCES")], "ok"),
            row(format!("look,/proc/{pid}/cwd"), &[(PidNamespace, "ENOENT"), (ptrace, "EACCES")], "ok"),
            row(format!("abstract,{name}"), &[(net, "ECONNREFUSED")], "ok"),
            row(format!("loopback,{port}"), &[(net, "ECONNREFUSED|ENETUNREACH")], "ok"),
            row(format!("memory,{key}"), &[(IpcNamespace, "ENOENT")], "ok"),
        ];
        rows.extend(host_file(range));
        Self { process, _abstract: listener, _loopback: loopback, memory, rows }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.process.kill().and_then(|()| self.process.wait());
        // SAFETY: the number is that of the segment made above.
        unsafe { nix::libc::shmctl(self.memory, nix::libc::IPC_RMID, std::ptr::null_mut()) };
    }
}

/// A process with a number that no container reaches, which counts from 1.
fn outside_process() -> Child {
    loop {
        let mut sleep = Command::new("sleep");
        let mut child = sleep.arg("600").stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        if child.id() > 500 {
            return child;
        }
        child.kill().and_then(|()| child.wait()).unwrap();
    }
}

/// A file of the host's, around the container's root and by its number on the disk.
fn host_file(range: &Range) -> Vec<Row> {
    let marker = range.marker().display().to_string();
    let mut rows = vec![row(format!("chroot-twice,{marker}"), &[(PivotRoot, "ENOENT")], "ok")];
    let seen = Command::new(range.attacker()).arg(format!("handle,{marker}")).output().unwrap();
    let seen = String::from_utf8_lossy(&seen.stdout).into_owned();
    // "handle,PATH: TYPE.DIGITS", where this disk has such numbers.
    if let Some((_, handle)) = seen.trim().rsplit_once(": ").filter(|(_, handle)| handle.contains('.')) {
        let by = [(Seccomp, "EPERM"), (Capability("DAC_READ_SEARCH"), "EPERM")];
        rows.push(row(format!("open-handle,/attack,{handle}"), &by, "ok"));
    }
    rows
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

/// Which layers are taken away in a run.
type Removed = BTreeSet<Layer>;

/// Every run that a row asks for, and what must come of it.
fn runs(row: &Row) -> Vec<(Removed, &'static str)> {
    let all: Removed = row.by.iter().map(|(layer, _)| *layer).collect();
    let mut runs = vec![(Removed::new(), row.by[0].1), (all.clone(), row.through)];
    for (layer, alone) in &row.by {
        runs.push((all.iter().copied().filter(|other| other != layer).collect(), alone));
    }
    runs
}

/// The whole table.
fn table(host: &Host) -> Vec<Row> {
    let rows = [calls(), settings(), covered(), mounts(), devices(), groups()];
    rows.into_iter().flatten().chain(host.rows.iter().cloned()).collect()
}

#[test]
fn each_way_out_is_blocked_by_the_layer_that_is_named() {
    let range = range!();
    let host = Host::new(&range);
    let rows = table(&host);
    let mut wanted: BTreeMap<Vec<String>, Vec<(&Row, &str)>> = BTreeMap::new();
    for row in &rows {
        for (removed, outcome) in runs(row) {
            let layers: Vec<Layer> = removed.into_iter().collect();
            wanted.entry(without(&range, &layers)).or_default().push((row, outcome));
        }
        if row.by[0].0.goes_with_all() {
            // Neither the filter nor the capabilities are what blocks it.
            wanted.entry(ALL_POWER.map(str::to_owned).to_vec()).or_default().push((row, row.by[0].1));
        }
    }
    let mut wrong = vec![];
    for (flags, expected) in &wanted {
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let attempts: BTreeSet<&str> = expected.iter().map(|(row, _)| row.attempt.as_str()).collect();
        let came = range.attack(&flags, &attempts.into_iter().collect::<Vec<_>>());
        for (row, outcome) in expected {
            let found = came.get(&row.attempt).map_or("no answer", String::as_str);
            if !outcome.split('|').any(|one| one == found) {
                wrong.push(format!("{} with {flags:?}: {found}, wanted {outcome}", row.attempt));
            }
        }
    }
    tell(&rows, wanted.len(), wanted.values().map(Vec::len).sum());
    assert!(wrong.is_empty(), "{} of the outcomes are not as they should be:\n{}", wrong.len(), wrong.join("\n"));
    range.assert_marker_untouched();
}

/// The table, past the test runner's capture.
fn tell(rows: &[Row], containers: usize, outcomes: usize) {
    let mut text = String::new();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows {
        let names: Vec<String> = row.by.iter().map(|(layer, _)| layer.name()).collect();
        let short: String = row.attempt.chars().take(48).collect();
        let _ = writeln!(text, "{short:<49} {:<17} {:<44} then {}", row.by[0].1, names.join(", "), row.through);
        for name in names {
            *counts.entry(name).or_default() += 1;
        }
    }
    let by: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
    let _ = writeln!(
        text,
        "{} attempts, {outcomes} outcomes in {containers} containers; blocked by {}",
        rows.len(),
        by.join(", ")
    );
    let _nobody_reads = std::io::stderr().write_all(text.as_bytes());
}

/// The same attempts under runc, by the same config.json: who knows Docker's walls knows these.
#[test]
fn runc_blocks_the_same_with_the_same_answers() {
    crate::harness::need!(programs(&["runc"], "apt install runc"));
    let range = range!();
    let host = Host::new(&range);
    let attempts: Vec<String> = table(&host).into_iter().map(|row| row.attempt).collect();
    let attempts: Vec<&str> = attempts.iter().map(String::as_str).collect();
    let ours = range.attack(&[], &attempts);
    let theirs = range.attack_under_runc(&attempts);
    let differ: Vec<_> = attempts.iter().filter(|attempt| ours[**attempt] != theirs[**attempt]).collect();
    let told: Vec<_> = differ.iter().map(|at| format!("{at}: {} here, {} there", ours[**at], theirs[**at])).collect();
    assert!(told.is_empty(), "{} of {} answers differ:\n{}", told.len(), attempts.len(), told.join("\n"));
}
