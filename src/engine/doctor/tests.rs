//! Hosts that are not at hand, by their facts.

use super::facts::{Machine, Namespace, Overlay, Storage, Trial, UserNamespaces};
use super::*;
use crate::cgroup::{Lack, Obstacle, Standing, Version};
use crate::network::{DnsSource, Survey};
use crate::sys::attempt::Refused;
use crate::sys::facts::{Power, Room};
use crate::sys::{Errno, capability_mask};

fn refused(errno: Errno) -> Refused {
    Refused { what: format!("unshare: {errno:?}"), errno: Some(errno as i32) }
}

fn standing(controller: &str, version: Version) -> Standing {
    let place = Ok((version, "/sys/fs/cgroup".into()));
    Standing { controller: controller.to_owned(), used_for: "--flag", place, obstacle: None }
}

/// A Debian of today as root: everything is there.
fn host() -> Facts {
    let done = || Ok(String::new());
    let kinds = ["mnt", "pid", "net", "uts", "ipc", "cgroup", "user", "time"];
    Facts {
        release: "6.12.9-amd64".to_owned(),
        uid: 0,
        power: Power { effective: (1 << 41) - 1, bounding: (1 << 41) - 1, ..Power::default() },
        uid_map: "0 0 4294967295".to_owned(),
        container: None,
        masked_proc: vec![],
        root_shared: Some(true),
        lsm: Some("capability,apparmor".to_owned()),
        seccomp_actions: Some("kill_process errno allow".to_owned()),
        cgroups: Ok("v2"),
        controllers: ["cpu", "memory", "pids"].map(|name| standing(name, Version::V2)).to_vec(),
        namespaces: kinds.map(|kind| Namespace { kind, in_kernel: true, made: done() }).to_vec(),
        users: UserNamespaces { max: Some("60000".to_owned()), ..UserNamespaces::default() },
        overlay: Overlay { listed: true, tried: done() },
        storage: Storage {
            root: "/var/lib/rlab".into(),
            existing: "/var/lib".into(),
            kind: "ext4".to_owned(),
            room: Some(Room { free_bytes: 9 << 30, free_inodes: 1 << 20, inodes: 1 << 21 }),
            writable: Ok(()),
        },
        settings: Ok(()),
        network: Survey {
            bridge: done(),
            veth: done(),
            nft: done(),
            foreign_drop: Ok(None),
            ip_forward: Some(false),
            bridge_nf_call: None,
            unprivileged_port_start: Some("1024".to_owned()),
            ping_group_range: Some("0 2147483647".to_owned()),
            dns_dropped: vec![],
            dns_source: DnsSource::Host,
        },
        machine: machine(),
    }
}

fn machine() -> Machine {
    let told = "KVM ran this kernel to its end in 0.40 s".to_owned();
    Machine {
        device: true,
        guest: Ok("a guest ran".to_owned()),
        trial: Some(Trial { runs: true, told, at: "2026-01-02T03:04:05Z".to_owned() }),
        qemu: Some("/usr/bin/qemu-system-x86_64".into()),
        qemu_version: Ok("7.2.22 (Debian 1:7.2+dfsg-7)".to_owned()),
        kernels: vec!["/boot/vmlinuz-6.12.9-amd64".to_owned()],
        apt: true,
        mke2fs: Some("/usr/sbin/mke2fs".into()),
    }
}

#[track_caller]
fn row(facts: &Facts, check: &str) -> Row {
    let rows = Report::of(facts).rows;
    rows.into_iter().find(|row| row.check == check).unwrap_or_else(|| panic!("no row {check:?}"))
}

#[track_caller]
fn can(facts: &Facts, what: &str) -> Ability {
    Report::of(facts).can.into_iter().find(|one| one.what == what).unwrap()
}

#[test]
fn a_host_with_everything_is_ok_throughout() {
    let report = Report::of(&host());
    assert!(report.can_run());
    let bad: Vec<&Row> = report.rows.iter().filter(|row| row.verdict != Verdict::Ok).collect();
    assert!(bad.is_empty(), "{bad:?}");
    assert_eq!(can(&host(), "networks of their own").verdict, Verdict::Ok);
    let rootless = can(&host(), "run containers as an ordinary user");
    assert_eq!((rootless.verdict, rootless.why.as_str()), (Verdict::Missing, "rlab does not do that yet, on any host"));
}

#[test]
fn whatever_is_not_ok_says_what_to_do() {
    let mut facts = host();
    facts.uid = 1000;
    facts.power = Power { no_new_privs: true, filtered: true, ..Power::default() };
    facts.storage.room = Some(Room::default());
    facts.settings = Err("config.toml, line 1: no".to_owned());
    facts.overlay = Overlay { listed: false, tried: Err(refused(Errno::EPERM)) };
    facts.namespaces.iter_mut().for_each(|namespace| namespace.made = Err(refused(Errno::EPERM)));
    facts.machine.device = false;
    facts.machine.guest = Err(refused(Errno::ENOENT));
    (facts.machine.qemu, facts.machine.mke2fs) = (None, None);
    facts.machine.kernels.clear();
    facts.masked_proc = vec!["/proc/kcore".into()];
    for row in Report::of(&facts).rows {
        assert!(row.verdict == Verdict::Ok || !row.fix.is_empty(), "{row:?}");
    }
}

#[test]
fn apparmor_of_ubuntu_24_04_is_named_with_both_fixes() {
    let mut facts = host();
    facts.users.apparmor = Some("1".to_owned());
    let row = row(&facts, "user namespaces for all");
    assert_eq!(row.verdict, Verdict::Limited);
    assert!(row.fact.contains("kernel.apparmor_restrict_unprivileged_userns is 1"), "{row:?}");
    assert!(row.fix.contains("profile") && row.fix.contains("sysctl kernel.apparmor_restrict_unprivileged_userns=0"));
    assert!(Report::of(&facts).can_run(), "root is not restricted by it");
    facts.users.apparmor = None;
    facts.users.clone = Some("0".to_owned());
    assert!(self::row(&facts, "user namespaces for all").fact.contains("kernel.unprivileged_userns_clone is 0"));
    facts.users.max = Some("0".to_owned());
    assert!(self::row(&facts, "user namespaces for all").fact.contains("max_user_namespaces is 0"));
}

#[test]
fn v2_without_delegation_runs_without_limits() {
    let mut facts = host();
    for one in &mut facts.controllers {
        one.place = Err(Lack::NotDelegated);
    }
    let row = row(&facts, "cgroup memory");
    assert!(row.verdict == Verdict::Limited && row.fact.contains("not delegated"), "{row:?}");
    assert!(row.fix.contains("Delegate=yes"), "{row:?}");
    assert_eq!(can(&facts, "limit memory, processors, processes").verdict, Verdict::Missing);
    assert!(Report::of(&facts).can_run());
    facts.controllers[0] = Standing { obstacle: Some(Obstacle::Inhabited), ..standing("cpu", Version::V2) };
    assert!(self::row(&facts, "cgroup cpu").fix.contains("cgroup.procs"));
    facts.controllers[0] =
        Standing { obstacle: Some(Obstacle::NotWritable(Errno::EROFS)), ..standing("cpu", Version::V2) };
    assert!(self::row(&facts, "cgroup cpu").fact.contains("EROFS"));
}

#[test]
fn wsl_and_hybrid_are_told_by_name() {
    let mut facts = host();
    facts.release = "5.15.167.4-microsoft-standard-WSL2".to_owned();
    facts.cgroups = Ok("hybrid");
    assert!(row(&facts, "surroundings").fact.starts_with("WSL 2"));
    assert!(row(&facts, "cgroups").fact.starts_with("hybrid"));
    // 5.15 has cgroup.kill, and not yet the other.
    let kernel = row(&facts, "kernel");
    assert!(
        kernel.verdict == Verdict::Limited && kernel.fix.contains("5.19") && !kernel.fix.contains("5.14"),
        "{kernel:?}"
    );
    assert_eq!(can(&facts, "--userns private").verdict, Verdict::Missing);
    assert!(Report::of(&facts).can_run());
}

#[test]
fn a_kernel_that_is_too_old_is_missing() {
    let mut facts = host();
    facts.release = "5.10.0-28-amd64".to_owned();
    assert_eq!(row(&facts, "kernel").verdict, Verdict::Missing);
    assert!(!Report::of(&facts).can_run());
    assert_eq!(can(&facts, "publish ports").why, "no container can be made");
}

#[test]
fn without_kvm_the_reason_is_told() {
    let mut facts = host();
    facts.machine = Machine { device: false, guest: Err(refused(Errno::ENOENT)), trial: None, ..machine() };
    assert!(row(&facts, "KVM").fact.contains("no /dev/kvm"));
    assert!(row(&facts, "accelerator").fact.starts_with("tcg") && row(&facts, "accelerator").fix == "see KVM");
    assert_eq!(can(&facts, "rlab vm hello").verdict, Verdict::Missing);
    facts.machine.device = true;
    facts.machine.guest = Err(refused(Errno::EACCES));
    assert!(row(&facts, "KVM").fix.contains("usermod -aG kvm"));
    let emulated = can(&facts, "virtual machines");
    assert!(emulated.verdict == Verdict::Limited && emulated.why.starts_with("emulated"), "{emulated:?}");
    facts.machine.guest = Err(Refused::new("no answer within 2000 ms"));
    assert!(row(&facts, "KVM").fact.contains("is there, but: no answer"));
}

#[test]
fn the_accelerator_follows_from_what_was_tried() {
    let mut facts = host();
    assert_eq!(
        row(&facts, "KVM with a kernel").fact,
        "KVM ran this kernel to its end in 0.40 s (tried 2026-01-02T03:04:05Z)"
    );
    assert!(row(&facts, "accelerator").fact.starts_with("kvm:"));
    assert_eq!(can(&facts, "virtual machines").verdict, Verdict::Ok);
    facts.machine.trial = Some(Trial { runs: false, told: "it hung".to_owned(), at: "then".to_owned() });
    let hangs = row(&facts, "KVM with a kernel");
    assert!(hangs.verdict == Verdict::Limited && hangs.fact == "it hung (tried then)", "{hangs:?}");
    assert!(row(&facts, "accelerator").fact.starts_with("tcg"));
    assert!(can(&facts, "virtual machines").why.starts_with("emulated by QEMU, many times slower"));
    facts.machine.trial = None;
    let untried = row(&facts, "KVM with a kernel");
    assert!(untried.fact.starts_with("not tried") && untried.fix == "rlab vm run lab true", "{untried:?}");
    assert!(row(&facts, "accelerator").fact.starts_with("kvm, if"));
    assert!(can(&facts, "virtual machines").why.starts_with("run by KVM if"));
}

#[test]
fn what_a_machine_is_made_of_is_missed_by_name() {
    let mut facts = host();
    facts.machine.kernels.clear();
    assert!(row(&facts, "guest kernel").fact.contains("the first machine fetches"));
    assert_eq!(can(&facts, "virtual machines").verdict, Verdict::Ok, "it is fetched");
    facts.machine.apt = false;
    assert!(row(&facts, "guest kernel").fix.contains("--kernel"));
    assert_eq!(can(&facts, "virtual machines").why, "see guest kernel");
    facts.machine.mke2fs = None;
    facts.machine.qemu = None;
    assert_eq!(row(&facts, "QEMU").fix, "apt install qemu-system-x86");
    assert_eq!(row(&facts, "mke2fs").fix, "apt install e2fsprogs");
    let can = can(&facts, "virtual machines");
    assert!(can.verdict == Verdict::Missing && can.why == "see QEMU, guest kernel, mke2fs", "{can:?}");
    facts.machine = Machine { qemu_version: Err(Refused::new("it does not tell its version")), ..machine() };
    assert_eq!(row(&facts, "QEMU").verdict, Verdict::Limited);
}

#[test]
fn a_container_around_rlab_is_seen_by_its_marks_and_its_masks() {
    let mut facts = host();
    facts.container = Some("/.dockerenv is there".to_owned());
    facts.uid_map = "0 100000 65536".to_owned();
    facts.masked_proc = vec!["/proc/kcore".into(), "/proc/keys".into()];
    facts.power.effective =
        capability_mask(["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETUID", "SETGID", "SETPCAP", "MKNOD", "KILL"]).unwrap();
    facts.power.filtered = true;
    facts.namespaces[0].made = Err(refused(Errno::EPERM));
    facts.storage.kind = "overlay".to_owned();
    let around = row(&facts, "surroundings").fact;
    assert!(around.contains("/.dockerenv") && around.contains("100000"), "{around}");
    assert!(row(&facts, "/proc").fact.starts_with("2 mounts cover parts of it (/proc/kcore"));
    assert!(row(&facts, "capabilities").fact.contains("CAP_SYS_ADMIN (namespaces and mounts)"));
    assert!(row(&facts, "rlab's root").fact.contains("on overlay, where overlayfs can't write"));
    assert!(row(&facts, "namespace mnt").fix.contains("CAP_SYS_ADMIN"));
    let run = can(&facts, can::RUN);
    assert_eq!(run.verdict, Verdict::Missing);
    assert_eq!(run.why, "see capabilities, namespace mnt, rlab's root");
    // The same refusal to one who has the capability is the filter's.
    facts.power.effective = (1 << 41) - 1;
    assert!(row(&facts, "namespace mnt").fact.contains("by the seccomp filter"));
}

#[test]
fn networks_are_judged_by_what_is_there() {
    let mut facts = host();
    facts.network.nft = Err(Refused::new("nft: no such program"));
    assert!(row(&facts, "nft").fix.contains("apt install nftables"));
    assert_eq!(can(&facts, "networks of their own").verdict, Verdict::Limited);
    assert_eq!(can(&facts, "publish ports").verdict, Verdict::Missing);
    let mut facts = host();
    facts.network.bridge = Err(refused(Errno::EOPNOTSUPP));
    assert!(row(&facts, "bridge").fix.contains("modprobe bridge"));
    let mut facts = host();
    facts.network.foreign_drop = Ok(Some("ip filter FORWARD".to_owned()));
    (facts.network.dns_source, facts.network.dns_dropped) = (DnsSource::Public, vec!["127.0.0.1".to_owned()]);
    assert!(row(&facts, "other firewalls").fact.contains("ip filter FORWARD"));
    assert!(row(&facts, "name servers").fact.contains("127.0.0.1"));
    assert!(can(&facts, "networks of their own").why.ends_with("see other firewalls, name servers"));
    facts.power.effective &= !capability_mask(["NET_BIND_SERVICE"]).unwrap();
    assert_eq!(can(&facts, "publish ports").verdict, Verdict::Limited);
}

#[test]
fn a_full_disk_and_a_disk_without_inodes_are_told_apart() {
    let mut facts = host();
    facts.storage.room = Some(Room { free_bytes: 1 << 20, free_inodes: 1 << 20, inodes: 1 << 21 });
    assert!(row(&facts, "room").verdict == Verdict::Missing && row(&facts, "room").fact.starts_with("1 MiB free"));
    facts.storage.room = Some(Room { free_bytes: 9 << 30, free_inodes: 7, inodes: 1 << 21 });
    assert!(row(&facts, "room").verdict == Verdict::Missing && row(&facts, "room").fact.contains(" 7 files"));
    // btrfs has no inodes to run out of.
    facts.storage.room = Some(Room { free_bytes: 9 << 30, free_inodes: 0, inodes: 0 });
    assert_eq!(row(&facts, "room").verdict, Verdict::Ok);
}

#[test]
fn in_a_chroot_no_container_is_made() {
    let facts = Facts { root_shared: None, ..host() };
    assert_eq!(row(&facts, "mounts of /").verdict, Verdict::Missing);
    let run = can(&facts, can::RUN);
    assert!(run.verdict == Verdict::Missing && run.why == "see mounts of /", "{run:?}");
}
