//! The disk of a machine: made once by whoever comes first, gone with its image, and nothing left of one that failed.

use crate::harness::host::{Inventory, alone, together};
use crate::harness::need::find_program;
use crate::harness::{Output, Rlab, Running, need};
use crate::vm::machines::share_kernels;
use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(180);
const RUN: [&str; 6] = ["vm", "run", "--accel", "tcg", "lab", "true"];

/// An rlab with the image `lab`, and with the kernel that an earlier test has fetched, if one has.
fn rlab_with_lab() -> Rlab {
    let rlab = Rlab::new();
    share_kernels(&rlab);
    // Which also makes the folders that every rlab keeps.
    rlab.run(&["run", "--rm", "--network", "none", "lab", "true"]).succeeded();
    rlab
}

/// Where no kernel can be had, no machine comes as far as its disk.
fn has_no_kernel(output: &Output) -> bool {
    let none = output.stderr.contains("none can be fetched");
    if none {
        crate::skip::aloud(format!("there is no kernel for a machine: {}", output.stderr));
    }
    none
}

fn disks(rlab: &Rlab) -> BTreeSet<String> {
    let entries = std::fs::read_dir(rlab.root().join("vm/disks")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn two_machines_at_once_make_one_disk_and_it_goes_with_its_image() {
    need!(root(), programs(&["qemu-system-x86_64", "mke2fs"], "apt install qemu-system-x86 e2fsprogs"));
    need!(programs(&["ip", "nft"], "apt install iproute2 nftables"));
    let _turn = together();
    let rlab = rlab_with_lab();
    let machines = [rlab.start(&RUN), rlab.start(&RUN)];
    for output in machines.map(|machine| machine.wait(PATIENCE)) {
        if has_no_kernel(&output) {
            return;
        }
        output.succeeded();
    }
    let made = disks(&rlab);
    assert_eq!(made.iter().filter(|name| name.ends_with(".ext4")).count(), 1, "{made:?}");
    assert_eq!(made.len(), 2, "{made:?}");
    // Of an rlab that was killed, and of an image that was removed by an rlab that knew nothing of disks.
    for scrap in ["unfinished", "0123.ext4"] {
        std::fs::write(rlab.root().join("vm/disks").join(scrap), "").unwrap();
    }
    rlab.run(&["image", "rm", "nosuchimage"]).ended_with(125);
    assert_eq!(disks(&rlab), made);
    rlab.run(&["image", "rm", "lab"]).succeeded();
    assert_eq!(disks(&rlab), BTreeSet::from(["lock".to_owned()]));
}

/// Runs a machine where a line of shell has changed what it will see of the host.
fn in_a_changed_host(rlab: &Rlab, change: &str) -> Output {
    let inner = rlab.command(&RUN);
    let mut command = Command::new("unshare");
    let script = format!("{change} && \"$@\"; code=$?; ls -A \"$RLAB_ROOT/vm/disks\" >&2; exit $code");
    command.args(["--mount", "sh", "-c", &script, "sh"]).arg(inner.get_program()).args(inner.get_args());
    for (name, value) in inner.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    Running::start(&mut command).wait(PATIENCE)
}

#[test]
fn a_disk_that_cannot_be_made_is_told_and_leaves_nothing() {
    need!(root(), programs(&["qemu-system-x86_64", "mke2fs"], "apt install qemu-system-x86 e2fsprogs"));
    need!(programs(&["ip", "nft"], "apt install iproute2 nftables"));
    let _turn = alone();
    let rlab = rlab_with_lab();
    std::fs::create_dir_all(rlab.root().join("vm/disks")).unwrap();
    let before = Inventory::take(&[&rlab.root()]);
    let mke2fs = find_program("mke2fs").unwrap();
    let cases = [
        (
            "mount -t tmpfs -o size=8m none \"$RLAB_ROOT/vm/disks\"".to_owned(),
            "there is no room for the machine's disk",
        ),
        (format!("mount --bind /dev/null {}", mke2fs.display()), "apt install e2fsprogs"),
    ];
    for (change, told) in cases {
        let output = in_a_changed_host(&rlab, &change);
        if has_no_kernel(&output) {
            return;
        }
        let output = output.ended_with(125).told(told);
        assert!(output.stderr.trim_end().ends_with("\nlock"), "something is left beside the lock\n{output}");
    }
    // What is kept for the next run, as it should be.
    std::fs::remove_dir_all(rlab.root().join("vm/initramfs")).unwrap();
    let _was_not_told = std::fs::remove_file(rlab.root().join("vm/disks/lock"));
    before.assert_restored();
}
