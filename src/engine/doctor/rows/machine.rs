//! What there is for virtual machines.

use crate::engine::doctor::{Facts, Row};
use crate::sys::Errno;

/// See the file's opening.
pub fn rows(facts: &Facts) -> Vec<Row> {
    let machine = &facts.machine;
    let qemu = match &machine.qemu {
        Some(path) => Row::ok("QEMU", format!("{} (version and abilities not tried)", path.display())),
        None => Row::limited("QEMU", "not on the PATH", "apt install qemu-system"),
    };
    vec![kvm(facts), qemu]
}

fn kvm(facts: &Facts) -> Row {
    match &facts.machine.guest {
        Ok(ran) => Row::ok("KVM", format!("{ran}. That a whole kernel boots, this does not prove")),
        Err(_) if !facts.machine.device => Row::missing(
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
