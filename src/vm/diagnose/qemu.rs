//! What QEMU says when it can't make the computer.

use super::super::boot_log::plain;
use super::Diagnosis;

/// QEMU's refusal in its own words, if it said any: the first complaint. What follows is mostly the same once more, from
/// farther away.
pub fn complaint(stderr: &str) -> Option<String> {
    stderr.lines().map(words).find(|line| !line.is_empty() && !is_warning(line))
}

/// The same, or by how it ended what it did not say.
pub fn complaint_or_status(stderr: &str, status: i32) -> String {
    complaint(stderr).unwrap_or_else(|| format!("it ended with status {status} and said nothing"))
}

/// The refusal by what it is about.
pub fn refusal(stderr: &str, status: i32, memory_mib: u64) -> Diagnosis {
    let said = complaint_or_status(stderr, status);
    let has = |part: &str| said.contains(part);
    if let Some(rule) = quoted(&said, "host forwarding rule ") {
        return Diagnosis::PortTaken { port: host_port(&rule), rule };
    }
    if let Some((_, name)) = said.split_once("invalid accelerator ") {
        return Diagnosis::NoAccelerator { name: name.trim().to_owned() };
    }
    if has("KVM") || has("kvm") {
        return Diagnosis::NoKvm { said };
    }
    if has("could not open kernel file") || has("could not load kernel") {
        return Diagnosis::KernelUnreadable { said };
    }
    if has("invalid kernel header") || has("PVH ELF Note") || has("linux kernel too old") {
        return Diagnosis::NotAKernel { said };
    }
    // What QEMU holds it against is where the initramfs would lie, and that is below the end of memory.
    if has("initrd is too large") {
        return Diagnosis::TooLittleMemory { memory_mib, said };
    }
    if has("initrd") {
        return Diagnosis::InitramfsUnreadable { said };
    }
    if has("guest memory") || has("Cannot allocate memory") {
        return Diagnosis::HostMemory { memory_mib, said };
    }
    if has("Could not open") || has("Failed to get") {
        return Diagnosis::FileUnreadable { said };
    }
    Diagnosis::Refused { said }
}

/// A line without the program's name and its kind in front.
fn words(line: &str) -> String {
    let line = plain(line);
    let line = line.trim();
    match line.split_once(": ") {
        Some((program, said)) if program.starts_with("qemu") && !program.contains(' ') => {
            said.strip_prefix("error: ").unwrap_or(said).to_owned()
        }
        _ => line.to_owned(),
    }
}

fn is_warning(line: &str) -> bool {
    line.starts_with("warning:") || line.contains("terminating on signal")
}

/// What stands in quotes after these words.
fn quoted(line: &str, before: &str) -> Option<String> {
    let (_, rest) = line.split_once(before)?;
    Some(rest.split('\'').nth(1)?.to_owned())
}

/// The host's port of `tcp:127.0.0.1:8081-10.0.2.15:80`.
fn host_port(rule: &str) -> String {
    let host_side = rule.split('-').next().unwrap_or(rule);
    host_side.rsplit(':').next().unwrap_or_default().to_owned()
}

/// The signal that QEMU caught and says it ends by: it gives back a good status then.
pub fn told_signal(stderr: &str) -> Option<String> {
    let (_, rest) = stderr.split_once("terminating on signal ")?;
    let number: i32 = rest.split_whitespace().next()?.parse().ok()?;
    Some(match number {
        1 => "SIGHUP".to_owned(),
        2 => "SIGINT".to_owned(),
        15 => "SIGTERM".to_owned(),
        other => format!("signal {other}"),
    })
}
