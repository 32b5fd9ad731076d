//! What there is for virtual machines.

use crate::engine::doctor::facts::{Machine, Trial};
use crate::engine::doctor::{Facts, Row};
use crate::sys::Errno;

/// What tries an ordinary kernel: the doctor does not, it takes seconds where it hangs.
const TRIES: &str = "rlab vm run lab true";

/// See the file's opening.
pub fn rows(facts: &Facts) -> Vec<Row> {
    let machine = &facts.machine;
    vec![
        small_guest(machine),
        kernel_under_kvm(machine),
        qemu(machine),
        accelerator(machine),
        kernel(machine),
        mke2fs(machine),
    ]
}

fn small_guest(machine: &Machine) -> Row {
    match &machine.guest {
        Ok(ran) => Row::ok("KVM", format!("{ran}. That a whole kernel boots, this does not prove")),
        Err(_) if !machine.device => Row::missing(
            "KVM",
            "there is no /dev/kvm",
            "switch virtualisation on in the firmware, modprobe kvm_intel or kvm_amd; in a virtual machine, let its \
             host nest",
        ),
        Err(refused) if refused.is(Errno::EACCES) || refused.is(Errno::EPERM) => {
            Row::missing("KVM", format!("/dev/kvm: {refused}"), "usermod -aG kvm NAME and log in again; or sudo")
        }
        Err(refused) => Row::missing("KVM", format!("/dev/kvm is there, but: {refused}"), "dmesg | grep -i kvm"),
    }
}

fn kernel_under_kvm(machine: &Machine) -> Row {
    let check = "KVM with a kernel";
    match (&machine.guest, &machine.trial) {
        (Err(_), _) => Row::missing(check, "not tried: not even a small guest ran", "see KVM"),
        (Ok(_), None) => Row::limited(check, "not tried since the host was booted", TRIES),
        (Ok(_), Some(Trial { runs: true, told, at })) => Row::ok(check, format!("{told} (tried {at})")),
        (Ok(_), Some(Trial { runs: false, told, at })) => {
            let fix = "in a virtual machine, its host has to nest better; --accel kvm tries all the same";
            Row::limited(check, format!("{told} (tried {at})"), fix)
        }
    }
}

fn qemu(machine: &Machine) -> Row {
    match (&machine.qemu, &machine.qemu_version) {
        (None, _) => Row::missing(
            "QEMU",
            "not here: rlab vm run has nothing to make a machine of",
            "apt install qemu-system-x86",
        ),
        (Some(path), Ok(version)) => Row::ok("QEMU", format!("{}, version {version}", path.display())),
        (Some(path), Err(refused)) => {
            Row::limited("QEMU", format!("{}: {refused}", path.display()), "apt install --reinstall qemu-system-x86")
        }
    }
}

/// What `rlab vm run` will use.
fn accelerator(machine: &Machine) -> Row {
    let check = "accelerator";
    match (&machine.guest, &machine.trial) {
        (Err(_), _) => Row::limited(check, "tcg, emulation, many times slower: KVM runs nothing here", "see KVM"),
        (Ok(_), None) => Row::limited(
            check,
            "kvm, if the first machine finds that a kernel runs under it; else tcg, emulation",
            TRIES,
        ),
        (Ok(_), Some(Trial { runs: true, .. })) => Row::ok(check, "kvm: a kernel ran under it"),
        (Ok(_), Some(Trial { runs: false, .. })) => {
            let fact = "tcg, emulation, many times slower: no kernel came up under KVM";
            Row::limited(check, fact, "see KVM with a kernel")
        }
    }
}

fn kernel(machine: &Machine) -> Row {
    let check = "guest kernel";
    match machine.kernels.as_slice() {
        [] if machine.apt => {
            let fact = "none here yet: the first machine fetches the distribution's, and installs nothing";
            Row::limited(check, fact, format!("{TRIES}; or name one with --kernel"))
        }
        [] => Row::missing(check, "none here, and no apt-get to fetch one with", "name one with --kernel"),
        some => Row::ok(check, some.join("; ")),
    }
}

fn mke2fs(machine: &Machine) -> Row {
    match &machine.mke2fs {
        Some(path) => Row::ok("mke2fs", path.display().to_string()),
        None => Row::missing("mke2fs", "not here: no disk can be made of an image", "apt install e2fsprogs"),
    }
}
