//! What a guest kernel says before it dies.

use super::Diagnosis;
use crate::vm::boot_log::{Line, parse_console};

/// With less, a kernel of a distribution does not come to its first word.
pub const SMALLEST_MIB: u64 = 128;

/// As many lines before a panic as are kept: the cause is seldom farther away.
const BEFORE: usize = 4;

/// The kernel's own explanation of its end, if it gave one.
pub fn last_words(console: &str, memory_mib: u64) -> Option<Diagnosis> {
    let lines = parse_console(console);
    let at = lines.iter().position(|line| line.text.starts_with("Kernel panic - not syncing"))?;
    let panic = &lines[at].text;
    let said = panic.split_once(": ").map_or(panic.as_str(), |(_, said)| said).to_owned();
    let earlier = &lines[..at];
    if let Some(shortage) = shortage(&said, earlier) {
        return Some(Diagnosis::TooLittleMemory { memory_mib, said: shortage });
    }
    if let Some(broken) = find(earlier, "Initramfs unpacking failed") {
        return Some(Diagnosis::BadInitramfs { said: broken });
    }
    if said.contains("Attempted to kill init") {
        return Some(Diagnosis::InitDied { how: how(&said), before: before(earlier) });
    }
    if said.contains("No working init found") || said.contains("Requested init") {
        return Some(Diagnosis::NoInit { said: find(earlier, "Failed to execute").unwrap_or(said) });
    }
    if said.contains("Unable to mount root fs") {
        let said = find(earlier, "VFS: Cannot open root device").unwrap_or(said);
        return Some(Diagnosis::NoInit { said });
    }
    Some(Diagnosis::Panic { said, before: before(earlier) })
}

/// The last that was said, whatever it was.
pub fn last_line(console: &str) -> Option<String> {
    parse_console(console).pop().map(|line| line.text)
}

/// The line that shows that memory was short.
fn shortage(panic: &str, earlier: &[Line]) -> Option<String> {
    if panic.contains("deadlocked on memory") || panic.contains("Out of memory") || panic.contains("out of memory") {
        return Some(panic.to_owned());
    }
    // The unpacked files go into memory; when there is no room, that is where it shows first, and the panic comes later
    // for want of a first program.
    let unpacking = find(earlier, "Initramfs unpacking failed")?;
    unpacking.ends_with("write error").then_some(unpacking)
}

/// The last line that begins so.
fn find(lines: &[Line], beginning: &str) -> Option<String> {
    lines.iter().rev().find(|line| line.text.starts_with(beginning)).map(|line| line.text.clone())
}

fn before(earlier: &[Line]) -> Vec<String> {
    earlier[earlier.len().saturating_sub(BEFORE)..].iter().map(|line| line.text.clone()).collect()
}

/// `exitcode=0x00000300`, which is the status that wait(2) gives: the code in the second byte, the signal in the first.
fn how(said: &str) -> String {
    let code = said.split_once("exitcode=0x").and_then(|(_, code)| {
        let digits: String = code.chars().take_while(char::is_ascii_hexdigit).collect();
        u32::from_str_radix(&digits, 16).ok()
    });
    match code {
        Some(code) if code & 0x7f != 0 => format!("by signal {}", code & 0x7f),
        Some(code) => format!("with status {}", code >> 8 & 0xff),
        None => "before its time".to_owned(),
    }
}
