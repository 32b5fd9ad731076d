//! The circumstances: without them a number is worth nothing to anybody else.

use super::disk;
use super::processes::{Snapshot, kibibytes};
use super::report::{Host, SideFacts};
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
        if facts.files.is_empty() {
            facts.files = disk::files_of(&command_line);
        }
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
}
