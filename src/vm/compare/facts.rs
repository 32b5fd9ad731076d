//! The circumstances: without them a number is worth nothing to anybody else.

use super::disk;
use super::processes::{Snapshot, kibibytes};
use super::report::{Host, Report, SideFacts};
use std::process::{Command, Stdio};

/// What this host is.
pub fn host() -> Host {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    Host {
        kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        cpu: cpu_field(&cpuinfo, "model name").unwrap_or("unknown").to_owned(),
        cpus: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        memory_bytes: kibibytes(&read("/proc/meminfo"), "MemTotal").unwrap_or_default(),
        load: read("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default(),
        is_virtual: cpu_field(&cpuinfo, "flags").is_some_and(|flags| flags.split(' ').any(|flag| flag == "hypervisor")),
        rlab: env!("CARGO_PKG_VERSION").to_owned(),
        debug_build: cfg!(debug_assertions),
    }
}

fn cpu_field<'a>(cpuinfo: &'a str, name: &str) -> Option<&'a str> {
    let (_, value) = cpuinfo.lines().find_map(|line| line.split_once(':').filter(|(key, _)| key.trim() == name))?;
    Some(value.trim())
}

/// Keeps what is seen of a running side: its processes, and of an emulator how it was called.
pub fn look(facts: &mut SideFacts, snapshot: Snapshot) {
    if let Some(command_line) = snapshot.qemu_command_line() {
        facts.accelerator = accelerator(&command_line);
        facts.cpus = after(&command_line, "-smp").map(|given| given.split(',').next().unwrap_or(given).to_owned());
        facts.files = disk::files_of(&command_line);
        if facts.qemu.is_none() {
            facts.qemu = command_line.first().and_then(|program| version(program));
        }
    }
    facts.processes = snapshot;
}

/// The word after a flag.
fn after<'a>(command_line: &'a [String], flag: &str) -> Option<&'a str> {
    command_line.windows(2).find(|pair| pair[0] == flag).map(|pair| pair[1].as_str())
}

/// `tcg` of `-accel tcg,thread=multi` or of `-machine q35,accel=tcg`; the last one that is asked for counts.
fn accelerator(command_line: &[String]) -> Option<String> {
    let of_pair = |pair: &[String]| match pair[0].as_str() {
        "-accel" => pair[1].split(',').next().map(str::to_owned),
        "-machine" | "-M" => pair[1].split(',').find_map(|part| part.strip_prefix("accel=")).map(str::to_owned),
        _ => None,
    };
    command_line.windows(2).filter_map(of_pair).next_back()
}

/// The first line that it says of itself.
fn version(program: &str) -> Option<String> {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next()?.trim();
    Some(line.strip_prefix("QEMU emulator version ").unwrap_or(line).to_owned())
}

/// What must not be concluded from this comparison, here.
pub fn cautions(report: &Report) -> Vec<String> {
    let mut said = Vec::new();
    let machine = &report.machine;
    match machine.accelerator.as_deref() {
        Some("kvm") | None => {}
        Some(other) => said.push(format!(
            "The machine's processor is imitated by software ({other}), instruction by instruction. Its times and rates say \
             nothing about virtual machines under KVM, where the real processor runs the guest and only some instructions \
             leave it. An emulator also keeps the code that it has translated, so QEMU's own memory is less under KVM. The \
             guest's memory, the disk, what the host sees and which kernel answers do not depend on that."
        )),
    }
    if report.host.load > report.host.cpus as f64 / 2.0 {
        said.push(format!(
            "This host was busy with something else when it began: {} tasks wanted one of its {} processors. Times and rates \
             are worse for it, those of the machine most, and what MemAvailable lost is others' doing, too.",
            report.host.load, report.host.cpus
        ));
    }
    if report.host.is_virtual {
        said.push("This host is a virtual machine itself: what it loses by that, both sides lose.".to_owned());
    }
    if let Some(inside) = &machine.kernel
        && *inside != report.host.kernel
    {
        said.push(format!(
            "Two kernels answer: {} outside and in the container, {inside} in the machine. A difference of a system call may \
             be theirs.",
            report.host.kernel
        ));
    }
    if let Some(cpus) = machine.cpus.as_deref().filter(|cpus| *cpus != report.host.cpus.to_string()) {
        said.push(format!(
            "The machine has {cpus} virtual processor{}, the container may use all {} of the host: what has two threads, such \
             as the TCP requests, is not on equal terms.",
            if cpus == "1" { "" } else { "s" },
            report.host.cpus
        ));
    }
    said.push(
        "The container's calls pass rlab's seccomp filter; in the machine there is none. So getppid(2) is not the price of \
         namespaces, which it does not touch."
            .to_owned(),
    );
    said.push(
        "A file written inside goes to the host's disk in the container, and to the guest's memory in the machine, whose \
         writable layer is a tmpfs: fsync(2) costs nothing there. The two rates of files are not of the same thing."
            .to_owned(),
    );
    said.push(
        "PSS leaves out the page cache. The guest's own page cache lies in QEMU's memory and is in it: the machine's figure \
         holds what for the container the host keeps for all."
            .to_owned(),
    );
    if report.host.debug_build {
        said.push(
            "This rlab was built without optimisation and with what a debugger wants: its own part of a start is longer than \
             it need be, and its file, which the lab image and the machine's initramfs carry, is larger."
                .to_owned(),
        );
    }
    said.push(format!(
        "{} of each, on one host, one after the other: a difference smaller than the spread is none.",
        if report.runs == 1 { "One run".to_owned() } else { format!("{} runs", report.runs) }
    ));
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accelerator_is_what_qemu_was_called_with() {
        let of = |line: &str| accelerator(&line.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(of("qemu -M q35 -accel tcg,thread=multi").as_deref(), Some("tcg"));
        assert_eq!(of("qemu -machine q35,accel=kvm -m 64").as_deref(), Some("kvm"));
        assert_eq!(of("qemu -M q35").as_deref(), None);
    }

    #[test]
    fn the_processor_is_named_by_the_first_of_them() {
        let text = "processor\t: 0\nmodel name\t: A CPU @ 1: 2 GHz\nflags\t\t: fpu hypervisor sse\nmodel name : B\n";
        assert_eq!(cpu_field(text, "model name"), Some("A CPU @ 1: 2 GHz"));
        assert_eq!(cpu_field("", "flags"), None);
    }

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
