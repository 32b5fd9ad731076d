//! What runs out: space, inodes, descriptors, memory; and where rlab may not go.

use super::{Place, caused, says};
use crate::harness::lab::lab;
use crate::harness::need;
use std::os::unix::fs::PermissionsExt;

/// A run that has to pack the image first, into a root of its own.
const ELSEWHERE: [&str; 8] = ["--root", "/mnt/root", "run", "--rm", "--network", "none", "lab", "true"];

#[test]
fn a_full_disk_is_told_by_its_name() {
    let lab = lab!();
    let place = Place::mounts(&lab, "mount -t tmpfs -o size=1m none /mnt");
    let output = place.rlab(&ELSEWHERE).told("No space left on device");
    let check = output.stderr.contains("  check: df -h /mnt/root");
    assert!(check, "{output}");
    says(&output.ended_with(125), "cause: the filesystem of /mnt/root was full: 1 MiB are free now");
    let seen =
        Place::mounts(&lab, "mount -t tmpfs -o size=1m none /mnt; mkdir /mnt/root").command("df", &["-h", "/mnt/root"]);
    crate::harness::Running::start(&mut { seen }).wait(super::SOON).wrote_line_with("1.0M");
}

#[test]
fn a_disk_without_inodes_is_told_from_a_full_one() {
    let lab = lab!();
    let place = Place::mounts(&lab, "mount -t tmpfs -o nr_inodes=60 none /mnt; mkdir /mnt/root");
    let output = place.rlab(&ELSEWHERE).told("No space left on device");
    caused(&place, output, "cause: the filesystem of /mnt/root ran out of inodes", " 60 ");
}

#[test]
fn too_few_open_files_name_the_limit() {
    let lab = lab!();
    for limit in ["8", "10", "12"] {
        let place = Place { lab: &lab, behind: &[], lines: format!("ulimit -n {limit}") };
        let output = place.tool(&[], &["true"]).ended_with(125).told("Too many open files");
        caused(&place, output, &format!("cause: rlab may have {limit} files open at once, and had them"), limit);
    }
}

#[test]
fn a_root_that_is_read_only_is_told() {
    let lab = lab!();
    need!(programs(&["findmnt"], "apt install util-linux"));
    let place = Place::mounts(&lab, "mount --bind $RLAB_ROOT /mnt; mount -o remount,bind,ro /mnt");
    let output = place.rlab(&["--root", "/mnt", "run", "--rm", "--network", "none", "lab", "true"]);
    caused(&place, output, "is mounted read-only", "/mnt   ro,");
}

#[test]
fn the_folder_that_blocks_users_of_their_own_is_named() {
    let lab = lab!();
    let (root, mode) = (lab.root(), lab.root().metadata().unwrap().permissions());
    std::fs::set_permissions(&root, PermissionsExt::from_mode(0o700)).unwrap();
    let place = Place::host(&lab);
    let output = place.tool(&["--userns", "private"], &["true"]);
    let told = (output.status.code(), place.check(&output));
    std::fs::set_permissions(&root, mode).unwrap();
    assert_eq!(told.0, Some(125), "{output}");
    says(&output, &format!("cause: {} has mode 0700: the container's root is another user outside", root.display()));
    assert!(told.1.starts_with("drwx------ root"), "{}", told.1);
    lab.tool(&["--userns", "private"], &["true"]).succeeded();
}

#[test]
fn who_sent_the_sigkill_of_exit_code_137_is_told() {
    let lab = lab!();
    let output = lab.tool(&["-m", "64m"], &["eat", "200m"]).ended_with(137);
    says(&output, "the kernel killed a process in there: the group wanted more memory than its limit");
    output.told("  check: dmesg | grep 'Memory cgroup out of memory'");
    let place = Place::host(&lab);
    let seen = crate::harness::Running::start(&mut place.command("dmesg", &[])).wait(super::SOON);
    // Where the kernel's messages may be read, and still reach back so far.
    if seen.status.success() && seen.stdout.contains("oom-kill") {
        assert!(seen.stdout.contains("Memory cgroup out of memory"), "{seen}");
    }
    // The same exit code, and nobody of the kernel's.
    let output = lab.tool(&["--pid", "host"], &["sh", "-c", "kill -KILL $$"]).ended_with(137);
    assert!(!output.stderr.contains("the kernel killed"), "{output}");
}
