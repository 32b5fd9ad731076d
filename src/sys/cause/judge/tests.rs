//! Refusals on hosts that are not at hand, by their facts.

use super::*;
use crate::sys::facts::{Power, Room, parse_mounts};
use crate::sys::{Errno, capability_mask};

/// A Debian as root, with nothing in the way.
fn host() -> Host {
    Host {
        power: Power { effective: (1 << 41) - 1, ..Power::default() },
        uid_map: "0 0 4294967295".to_owned(),
        mounts: parse_mounts("1 0 0:1 / / rw shared:1 - ext4 /dev/a rw\n2 1 0:2 / /proc rw - proc proc rw\n"),
        room: |_| Some(Room { free_bytes: 1 << 30, free_inodes: 1 << 20, inodes: 1 << 21 }),
        blocked: |_| None,
        setting: |_| None,
    }
}

#[track_caller]
fn judged(asked: &Call, errno: Errno, host: &Host) -> Cause {
    call(asked, errno as i32, Path::new("/"), host).expect("a cause")
}

fn mount_call(kind: &str) -> Call {
    Call::new("mount").arg("source", kind).arg("target", "/x").arg("filesystemtype", kind).arg("data", "")
}

#[test]
fn a_refusal_with_nothing_in_the_way_has_no_cause() {
    for errno in [Errno::EPERM, Errno::EACCES, Errno::EINVAL, Errno::EBUSY, Errno::ENOENT] {
        for name in ["mount", "clone3", "pivot_root", "fchown", "write", "mkdir"] {
            assert_eq!(call(&Call::new(name), errno as i32, Path::new("/"), &host()), None, "{name} {errno}");
        }
    }
}

#[test]
fn a_capability_that_was_taken_comes_first() {
    let mut host = host();
    host.power.filtered = true;
    host.power.effective &= !capability_mask(["SYS_ADMIN", "SETPCAP"]).unwrap();
    let cause = judged(&mount_call("proc"), Errno::EPERM, &host);
    assert!(cause.why.contains("CAP_SYS_ADMIN (bit 21)") && cause.check.contains("CapEff"), "{cause:?}");
    let drop = Call::new("prctl").arg("op", "PR_CAPBSET_DROP");
    assert!(judged(&drop, Errno::EPERM, &host).why.contains("CAP_SETPCAP (bit 8)"));
    // What the call needs is there, so it is what is around.
    let filtered = judged(&Call::new("mknodat"), Errno::EPERM, &host);
    assert!(filtered.why.contains("seccomp") && filtered.check.contains("Seccomp:"), "{filtered:?}");
    host.power.filtered = false;
    host.uid_map = "0 1000 1".to_owned();
    assert!(judged(&Call::new("mknodat"), Errno::EPERM, &host).why.contains("user namespace"));
}

#[test]
fn a_call_that_does_not_exist_is_the_filters_or_the_kernels() {
    let mut host = host();
    assert_eq!(judged(&Call::new("clone3"), Errno::ENOSYS, &host).check, "uname -r");
    host.power.filtered = true;
    assert!(judged(&Call::new("clone3"), Errno::ENOSYS, &host).why.contains("seccomp"));
}

#[test]
fn a_covered_proc_is_named_by_its_cover() {
    let mut host = host();
    host.mounts.extend(parse_mounts("3 2 0:3 / /proc/kcore ro - tmpfs tmpfs rw\n4 1 0:4 / /sys rw - sysfs sysfs rw\n"));
    let cause = judged(&mount_call("proc"), Errno::EPERM, &host);
    assert!(cause.why.starts_with("/proc/kcore is covered"), "{cause:?}");
    assert_eq!(call(&mount_call("sysfs"), Errno::EPERM as i32, Path::new("/"), &host), None, "nothing covers /sys");
    // What belongs there is no cover; a part of /proc bound over itself, as for read-only paths, is one.
    for (line, covers) in [
        ("5 4 0:5 / /proc/sys/fs/binfmt_misc rw - binfmt_misc none rw\n", false),
        ("5 4 0:5 /sys /proc/sys ro - proc proc rw\n", true),
    ] {
        let mut host = self::host();
        host.mounts.extend(parse_mounts(line));
        assert_eq!(call(&mount_call("proc"), Errno::EPERM as i32, Path::new("/"), &host).is_some(), covers, "{line}");
    }
}

#[test]
fn of_overlays_directories_the_one_in_the_wrong_place_is_named() {
    let mut host = host();
    host.mounts.extend(parse_mounts("3 1 0:3 / /tmp rw - overlay overlay rw\n"));
    let data = |upper: &str, work: &str| {
        mount_call("overlay").arg("data", format!("lowerdir=a,upperdir={upper},workdir={work}"))
    };
    let cause = judged(&data("/tmp/none/u", "/tmp/none/w"), Errno::EINVAL, &host);
    assert!(cause.why.starts_with("upperdir lies on overlay, at /tmp,"), "{cause:?}");
    assert_eq!(cause.check, "findmnt -n -o FSTYPE -T /tmp");
    assert!(judged(&data("/none/u", "/tmp/w"), Errno::EINVAL, &host).why.starts_with("workdir"));
    assert_eq!(call(&data("/none/u", "/none/w"), Errno::EINVAL as i32, Path::new("/"), &host), None);
}

#[test]
fn a_root_that_is_no_mount_or_in_memory_is_told() {
    let propagation = Call::new("mount").arg("source", ()).arg("target", "/").arg("mountflags", "MS_REC|MS_PRIVATE");
    let mut host = host();
    host.mounts.remove(0);
    assert!(judged(&propagation, Errno::EINVAL, &host).why.starts_with("/ is no mount point"));
    host.mounts.extend(parse_mounts("1 0 0:1 / / rw - rootfs rootfs rw\n"));
    assert!(judged(&Call::new("pivot_root"), Errno::EINVAL, &host).why.contains("initramfs"));
}

#[test]
fn a_full_disk_and_a_full_table_of_files_are_two_things() {
    let mut host = host();
    let asked = Call::new("write").path("path", "/");
    host.room = |_| Some(Room { free_bytes: 4096, free_inodes: 0, inodes: 0 });
    let cause = judged(&asked, Errno::ENOSPC, &host);
    assert!(cause.why.contains("is full: 4 KiB") && cause.check == "df -h /", "{cause:?}");
    host.room = |_| Some(Room { free_bytes: 1 << 30, free_inodes: 3, inodes: 60 });
    let cause = judged(&asked, Errno::ENOSPC, &host);
    assert!(cause.why.contains("ran out of inodes, 3 of 60") && cause.check == "df -i /", "{cause:?}");
}

#[test]
fn namespaces_at_their_limit_name_the_setting() {
    let mut host = host();
    host.setting = |path| Some(if path.ends_with("max_user_namespaces") { "0" } else { "9000" }.to_owned());
    let asked = Call::new("clone3").arg("flags", "CLONE_PIDFD|CLONE_NEWNS|CLONE_NEWUSER");
    let cause = judged(&asked, Errno::ENOSPC, &host);
    assert!(cause.why.starts_with("user.max_user_namespaces is 0"), "{cause:?}");
    assert_eq!(cause.check, "cat /proc/sys/user/max_user_namespaces");
}

#[test]
fn users_that_a_namespace_does_not_know_are_told_by_its_map() {
    let mut host = host();
    let asked = Call::new("write").path("path", "/proc/7/uid_map").arg("text", "0 100000 65536");
    assert_eq!(call(&asked, Errno::EPERM as i32, Path::new("/"), &host), None);
    host.uid_map = "         0       1000          1".to_owned();
    let cause = judged(&asked, Errno::EPERM, &host);
    assert!(cause.why.contains("uid_map is `0 1000 1`"), "{cause:?}");
    assert!(judged(&Call::new("fchown"), Errno::EINVAL, &host).why.contains("100000"));
}

#[test]
fn the_folder_that_blocks_is_named_for_a_path_of_the_host_alone() {
    let mut host = host();
    host.blocked = |_| Some(("/srv/x".into(), 0o700));
    let bind = Call::new("mount").arg("source", "/srv/x/y").arg("target", "/mnt");
    let cause = judged(&bind, Errno::EACCES, &host);
    assert!(cause.why.starts_with("/srv/x has mode 0700") && cause.check.ends_with(" /srv/x"), "{cause:?}");
    let inside = Call::new("openat2").arg("dirfd", 5).path("pathname", "/srv/x");
    assert_eq!(
        call(&inside, Errno::EACCES as i32, Path::new("/"), &host),
        None,
        "a path below a descriptor is the image's"
    );
}

#[test]
fn too_many_open_files_name_the_limit() {
    let mut host = host();
    host.setting = |_| Some("Limit   Soft  Hard  Units\nMax open files            12      12     files".to_owned());
    let cause = file(Path::new("/"), Errno::EMFILE as i32, &host).unwrap();
    assert!(cause.why.contains("may have 12 files") && cause.check == "ulimit -n", "{cause:?}");
}
