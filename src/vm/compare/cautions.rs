//! What must not be concluded from a comparison: said with it, by what was found, so that no number travels alone.

use super::report::Report;

/// All that holds here.
pub fn cautions(report: &Report) -> Vec<String> {
    let mut said = of_the_machine(report);
    said.extend(of_the_host(report));
    said.extend(ALWAYS.map(str::to_owned));
    said.push(format!(
        "{} of each, on one host, one after the other: a difference smaller than the spread is none.",
        if report.runs == 1 { "One run".to_owned() } else { format!("{} runs", report.runs) }
    ));
    said
}

/// What lies in how the two are made.
const ALWAYS: [&str; 3] = [
    "The container's calls pass rlab's seccomp filter; in the machine there is none. So getppid(2) is not the price of \
     namespaces, which it hardly touches.",
    "A file written inside goes to the host's disk in the container, and to the guest's memory in the machine, whose \
     writable layer is a tmpfs: fsync(2) costs nothing there. The two rates of files are not of the same thing.",
    "PSS leaves out what of the page cache no process has mapped. The guest's own page cache lies in QEMU's memory and is in \
     it: the machine's figure holds what for the container the host keeps for all.",
];

fn of_the_machine(report: &Report) -> Vec<String> {
    let (host, machine) = (&report.host, &report.machine);
    let mut said = Vec::new();
    if let Some(software) = machine.accelerator.as_deref().filter(|name| *name != "kvm") {
        said.push(format!(
            "The machine's processor is imitated by software ({software}), block of instructions by block. Its times and rates \
             say nothing about virtual machines under KVM, where the real processor runs the guest and only some \
             instructions leave it. An emulator also keeps the code that it has translated, so QEMU's own memory is less \
             under KVM. The guest's memory, the disk, what the host sees and which kernel answers do not depend on that."
        ));
    }
    if let Some(inside) = machine.kernel.as_deref().filter(|inside| *inside != host.kernel) {
        said.push(format!(
            "Two kernels answer: {} outside and in the container, {inside} in the machine. A difference of a system call may \
             be theirs.",
            host.kernel
        ));
    }
    if let Some(cpus) = machine.cpus.as_deref().filter(|cpus| *cpus != host.cpus.to_string()) {
        said.push(format!(
            "The machine has {cpus} virtual processor{}, the container may use all {} of the host: what has two threads, such \
             as the TCP requests, is not on equal terms.",
            if cpus == "1" { "" } else { "s" },
            host.cpus
        ));
    }
    said
}

fn of_the_host(report: &Report) -> Vec<String> {
    let host = &report.host;
    let mut said = Vec::new();
    if host.load > host.cpus as f64 / 2.0 {
        said.push(format!(
            "This host was busy with something else when it began: {} tasks wanted one of its {} processors. Times and rates \
             are worse for it, those of the machine most, and what MemAvailable lost is others' doing, too.",
            host.load, host.cpus
        ));
    }
    if host.is_virtual {
        said.push("This host is a virtual machine itself: what it loses by that, both sides lose.".to_owned());
    }
    if host.debug_build {
        said.push(
            "This rlab was built without optimisation and with what a debugger wants: its own part of a start is longer than \
             it need be, and its file, which the lab image and the machine's initramfs carry, is larger."
                .to_owned(),
        );
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vm::compare::report::{Host, SideFacts};

    #[test]
    fn what_must_not_be_concluded_follows_from_the_circumstances() {
        let report = |accelerator: &str, load: f64, inside: &str| Report {
            host: Host { kernel: "6.12".to_owned(), cpus: 2, load, ..Host::default() },
            machine: SideFacts {
                accelerator: Some(accelerator.to_owned()),
                kernel: Some(inside.to_owned()),
                cpus: Some("2".to_owned()),
                ..SideFacts::default()
            },
            ..Report::default()
        };
        let said = |report: Report| cautions(&report).join("\n");
        let emulated = said(report("tcg", 3.0, "6.1"));
        assert!(emulated.contains("imitated by software (tcg)") && emulated.contains("Two kernels answer"));
        assert!(emulated.contains("busy with something else"));
        let accelerated = said(report("kvm", 0.3, "6.12"));
        assert!(!accelerated.contains("imitated") && !accelerated.contains("Two kernels"), "{accelerated}");
        assert!(!accelerated.contains("busy") && !accelerated.contains("virtual processor"), "{accelerated}");
    }
}
