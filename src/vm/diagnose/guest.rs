//! What a guest kernel says before it dies.

use super::Diagnosis;
use crate::vm::boot_log::{Line, parse_console};

/// With less, a kernel of a distribution does not come to its first word.
pub const SMALLEST_MIB: u64 = 128;

/// As many lines before a panic as are told: the cause is seldom farther away.
const BEFORE: usize = 2;

/// The kernel's own explanation of its end, if it gave one.
pub fn last_words(console: &str, memory_mib: u64) -> Option<Diagnosis> {
    let lines = parse_console(console);
    let Some(at) = lines.iter().position(|line| line.text.starts_with("Kernel panic - not syncing")) else {
        return of_unpacking(&lines, memory_mib);
    };
    let panic = &lines[at].text;
    let said = panic.split_once(": ").map_or(panic.as_str(), |(_, said)| said).to_owned();
    let earlier = &lines[..at];
    if ["deadlocked on memory", "Out of memory", "out of memory"].iter().any(|words| said.contains(words)) {
        return Some(Diagnosis::TooLittleMemory { memory_mib, said });
    }
    if let Some(found) = of_unpacking(earlier, memory_mib) {
        return Some(found);
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

/// The unpacked files go into memory: when there is no room, that is where it shows first, and the panic comes later, for
/// want of a whole first program. Or not at all, and the first program works badly.
fn of_unpacking(lines: &[Line], memory_mib: u64) -> Option<Diagnosis> {
    let said = find(lines, "Initramfs unpacking failed")?;
    Some(if said.ends_with("write error") {
        Diagnosis::TooLittleMemory { memory_mib, said }
    } else {
        Diagnosis::BadInitramfs { said }
    })
}

/// The last line that begins so.
fn find(lines: &[Line], beginning: &str) -> Option<String> {
    lines.iter().rev().find(|line| line.text.starts_with(beginning)).map(|line| line.text.clone())
}

/// What was said right before, but nothing of the boot once the first program ran: that went well.
fn before(earlier: &[Line]) -> Vec<String> {
    let since = earlier.iter().rposition(|line| line.text.starts_with("Run /")).map_or(0, |at| at + 1);
    let says_something = |line: &&Line| !line.text.starts_with([' ', '\t']) && !line.text.starts_with("Code:");
    let said: Vec<&Line> = earlier[since..].iter().filter(says_something).collect();
    said[said.len().saturating_sub(BEFORE)..].iter().map(|line| line.text.clone()).collect()
}

/// The same as the end of a sentence.
pub fn told(before: &[String]) -> String {
    if before.is_empty() { String::new() } else { format!("; before that it said: {}", before.join("; ")) }
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
