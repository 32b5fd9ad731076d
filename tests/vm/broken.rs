//! Machines that come to nothing: each for a reason that is told, with a next step, and nothing is left.

use super::machines::{Machines, SOON, machines, need_qemu, share_kernels};
use crate::harness::host::{Inventory, alone};
use crate::harness::{Output, Rlab, Running};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use std::path::Path;

/// Fails unless it failed for this reason, in one sentence with a next step.
#[track_caller]
fn assert_refused(output: Output, reason: &str) {
    let output = output.ended_with(125).wrote("");
    let told = output.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    let error = told.split("rlab: ").last().unwrap();
    assert!(error.contains(reason) && error.contains(" try: "), "not {reason:?}\n{output}");
}

#[test]
fn a_file_that_is_no_kernel_for_this_machine_is_refused() {
    let machines = machines!(alone);
    let file = |name: &str, bytes: &[u8]| {
        let path = machines.folder().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    // As in the kernel's Documentation/arm64/booting: "ARM\x64" at byte 56.
    let mut arm64 = vec![0; 4096];
    arm64[..4].copy_from_slice(b"MZ\0\x91");
    arm64[56..60].copy_from_slice(b"ARM\x64");
    let elf = std::fs::read(env!("CARGO_BIN_EXE_rlab")).unwrap();
    for (kernel, reason) in [
        (file("text", b"no kernel"), "no kernel"),
        (file("empty", b""), "no kernel"),
        (file("arm64", &arm64), "arm64"),
        (file("program", &elf[..4096]), "program is no kernel"),
        ("/no/such/kernel".to_owned(), "cannot read /no/such/kernel: No such file"),
        (machines.folder().to_str().unwrap().to_owned(), "Is a directory"),
    ] {
        let named = Path::new(&kernel).file_name().unwrap().to_str().unwrap();
        let output = machines.tool(&["--kernel", &kernel], &["true"]);
        assert!(output.stderr.contains(named), "{output}");
        assert_refused(output, reason);
        machines.assert_restored();
    }
}

#[test]
fn a_machine_with_too_little_memory_is_told_how_much_it_needs() {
    let machines = machines!(alone);
    for memory in ["1m", "16m", "48m", "96m"] {
        assert_refused(machines.tool(&["-m", memory], &["true"]), "the machine has too little memory with");
        machines.assert_restored();
    }
}

#[test]
fn without_qemu_or_mke2fs_the_package_is_named() {
    let machines = machines!(alone);
    let empty = machines.folder().join("empty-path");
    std::fs::create_dir(&empty).unwrap();
    let run = |rlab: &Rlab| {
        let mut command = rlab.command(&Machines::arguments(&["--accel", "tcg"], &["true"]));
        Running::start(command.env("PATH", &empty)).wait(SOON)
    };
    assert_refused(run(&machines), "apt install qemu-system-x86");
    machines.assert_restored();
    let qemu = crate::harness::need::find_program("qemu-system-x86_64").unwrap();
    std::os::unix::fs::symlink(qemu, empty.join("qemu-system-x86_64")).unwrap();
    std::fs::remove_dir_all(machines.root().join("vm/disks")).unwrap();
    let output = run(&machines);
    // Where it is in a folder that every Debian has, it is found without a PATH.
    if Path::new("/usr/sbin/mke2fs").exists() {
        drop(output.succeeded())
    } else {
        assert_refused(output, "e2fsprogs")
    }
    std::fs::remove_dir_all(&empty).unwrap();
    drop(machines.tool(&[], &["true"]).succeeded());
}

/// A root of its own, on a filesystem in memory with room for so much.
struct Small(Rlab);

impl Small {
    fn new(size: &str) -> Small {
        let rlab = Rlab::new();
        std::fs::create_dir(rlab.root()).unwrap();
        mount(Some("tmpfs"), &rlab.root(), Some("tmpfs"), MsFlags::empty(), Some(size)).unwrap();
        Small(rlab)
    }

    fn resize(&self, size: &str) {
        mount(Some("tmpfs"), &self.0.root(), Some("tmpfs"), MsFlags::MS_REMOUNT, Some(size)).unwrap();
    }

    fn used_bytes(&self) -> u64 {
        let stat = nix::sys::statvfs::statvfs(&self.0.root()).unwrap();
        (stat.blocks() - stat.blocks_free()) * stat.fragment_size()
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _busy = umount2(&self.0.root(), MntFlags::MNT_DETACH);
    }
}

#[test]
fn a_full_disk_is_told_and_what_was_begun_is_taken_away() {
    need_qemu!();
    if let Err(reason) = Machines::beside_others().map(drop) {
        return crate::skip::aloud(reason);
    }
    let _turn = alone();
    let small = Small::new("size=1g");
    let rlab = &small.0;
    share_kernels(rlab);
    rlab.run(&["run", "--rm", "--network", "none", "lab", "true"]).succeeded();
    let run = || rlab.run(&Machines::arguments(&["--accel", "tcg"], &["true"]));
    let without = small.used_bytes();
    let files = || Inventory::take(&[&rlab.root()]).lines("files").clone();
    let before = files();
    // What stays is a folder and its lock, for the next one.
    let assert_none_left = |before: &std::collections::BTreeSet<String>| {
        let left: Vec<String> = files().difference(before).cloned().collect();
        assert!(left.iter().all(|file| file.ends_with("/lock") || file.ends_with('/')), "{left:?}");
    };
    // First there is no room for the initramfs, then for it and not for the disk.
    small.resize(&format!("size={}", without + (1 << 20)));
    assert_refused(run(), "No space left on device");
    assert_none_left(&before);
    small.resize("size=1g");
    run().succeeded();
    let initramfs = std::fs::read_dir(rlab.root().join("vm/initramfs")).unwrap().flatten();
    let size: u64 = initramfs.map(|entry| entry.metadata().unwrap().len()).sum();
    std::fs::remove_dir_all(rlab.root().join("vm/disks")).unwrap();
    let before = files();
    small.resize(&format!("size={}", without + size + (1 << 20)));
    assert_refused(run(), "there is no room for the machine's disk");
    assert_none_left(&before);
}

#[test]
fn two_machines_of_a_new_image_share_one_disk() {
    let machines = machines!(alone);
    for folder in ["disks", "initramfs"] {
        std::fs::remove_dir_all(machines.root().join("vm").join(folder)).unwrap();
    }
    let both = [3, 4].map(|code| (code, machines.start_tool(&[], &["sh", "-c", &format!("id -u; exit {code}")])));
    for (code, running) in both {
        running.wait(SOON).ended_with(code).wrote("0");
    }
    for (folder, ending) in [("disks", ".ext4"), ("initramfs", ".cpio")] {
        let entries = std::fs::read_dir(machines.root().join("vm").join(folder)).unwrap().flatten();
        let names: Vec<String> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
        assert_eq!(names.iter().filter(|name| name.ends_with(ending)).count(), 1, "{names:?}");
        assert!(names.iter().all(|name| name.ends_with(ending) || name == "lock"), "{names:?}");
    }
}
