//! What strace saw: its lines, taken apart.
//!
//! One file a process (`-ff`), so that no line is ever cut in two by another process. Descriptors come with their paths and
//! pidfds with their process (`--decode-fds`), numbers of processes with what they are outside (`--decode-pids`), and what
//! went over a netlink socket with its bytes (`-e write`, `-e read`): strace itself decodes a message only when it can find
//! out which protocol the socket speaks, and in another network namespace it can't.

use super::table::STATE;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// A system call that was made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// Microseconds since 1970.
    pub at: u64,
    /// The call's name.
    pub name: String,
    /// Its arguments as strace spells them.
    pub args: Vec<String>,
    /// What it returned as strace spells it, without the words for an error.
    pub result: String,
    /// What was sent or received, where strace was asked for it.
    pub bytes: Vec<u8>,
}

/// All calls of a process (or of one of its threads) that strace was asked for.
#[derive(Clone, Debug, Default)]
pub struct Process {
    /// Its number on the host.
    pub pid: i32,
    /// Its calls in order.
    pub calls: Vec<Seen>,
}

/// Calls that change nothing, but that tell what the numbers in other calls stand for.
const HELPFUL: [&str; 4] = ["openat2", "pidfd_open", "recvfrom", "statfs"];

/// `command` under strace, which writes a file for each process into `folder`.
pub fn under_strace(command: &Command, folder: &Path) -> Command {
    let names: Vec<String> = STATE
        .iter()
        .flat_map(|family| family.calls.iter().copied())
        .chain(HELPFUL)
        // The question mark: a name that this processor's table does not have is no mistake.
        .map(|name| format!("?{name}"))
        .collect();
    let mut strace = Command::new("strace");
    strace.args(["-ff", "-ttt", "-v", "--decode-fds=path,pidfd", "--decode-pids=pidns", "-s", "65536"]);
    strace.args(["-e", "abbrev=execve,execveat,seccomp", "-e", "write=all", "-e", "read=all", "-e", "signal=none"]);
    strace.arg("-e").arg(format!("trace={}", names.join(","))).arg("-o").arg(folder.join("strace"));
    strace.arg(command.get_program()).args(command.get_args());
    strace.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(folder) = command.get_current_dir() {
        strace.current_dir(folder);
    }
    strace
}

/// The processes whose files are in `folder`, by number.
pub fn processes(folder: &Path) -> BTreeMap<i32, Process> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let read = |entry: std::fs::DirEntry| {
        let pid = entry.file_name().to_str()?.strip_prefix("strace.")?.parse().ok()?;
        let text = String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap()).into_owned();
        Some((pid, Process { pid, calls: calls(&text) }))
    };
    files.filter_map(read).collect()
}

/// The calls in the text of one file.
pub fn calls(text: &str) -> Vec<Seen> {
    let mut calls: Vec<Seen> = Vec::new();
    for line in text.lines() {
        if let Some(dump) = line.strip_prefix(" | ") {
            if let Some(last) = calls.last_mut() {
                last.bytes.extend(dumped(dump));
            }
        } else {
            calls.extend(call(line));
        }
    }
    calls
}

/// `00000  20 00 00 00 12 00 01 03  01 00 00 00 00 00 00 00   ............... `: two columns of eight bytes.
fn dumped(line: &str) -> Vec<u8> {
    let columns: String = line.chars().skip(7).take(3 * 16 + 1).collect();
    columns.split_whitespace().map_while(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}

/// One line: `1795212728.956377 name(arguments) = result`. None for what is no call, or for one that never came back.
fn call(line: &str) -> Option<Seen> {
    let (time, rest) = line.split_once(' ')?;
    let (seconds, micros) = time.split_once('.')?;
    let at = seconds.parse::<u64>().ok()? * 1_000_000 + micros.parse::<u64>().ok()?;
    let (name, rest) = rest.split_once('(')?;
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return None;
    }
    let (args, rest) = split(rest, ')');
    let result = rest.trim_start().strip_prefix("= ")?;
    // The words for an error: `-1 ENOENT (No such file or directory)`.
    let result = if result.starts_with("-1 ") { result.split(" (").next()? } else { result };
    // `?`: it never came back. `? ERESTARTNOINTR`: it did nothing, and the kernel makes it anew by itself.
    (!result.starts_with('?')).then(|| Seen {
        at,
        name: name.to_owned(),
        args,
        result: result.to_owned(),
        bytes: Vec::new(),
    })
}

/// Splits at the commas up to the closing bracket, and gives what follows it. Commas and brackets in strings, in deeper
/// brackets and in the path behind a descriptor are no borders.
pub fn split(text: &str, close: char) -> (Vec<String>, &str) {
    let (mut depth, mut begin, mut parts) = (0, 0, Vec::new());
    let mut before = ' ';
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let skip_to =
            |end: &str, from: usize| text[from..].find(end).map_or(text.len(), |found| from + found + end.len());
        let resume = match letter {
            '"' => end_of_string(text, at),
            '/' if text[at..].starts_with("/*") => skip_to("*/", at),
            // `4</path>`, but not `1<<CAP_CHOWN`.
            '<' if (before.is_ascii_digit() || before == 'D') && !text[at..].starts_with("<<") => skip_to(">", at),
            '<' => at + text[at..].len() - text[at..].trim_start_matches('<').len(),
            _ => at,
        };
        if resume > at {
            while letters.peek().is_some_and(|(next, _)| *next < resume) {
                letters.next();
            }
        } else if depth == 0 && (letter == close || letter == ',') {
            parts.push(text[begin..at].trim().to_owned());
            begin = at + 1;
            if letter == close {
                parts.retain(|part| !part.is_empty());
                return (parts, &text[at + 1..]);
            }
        } else {
            depth += i32::from(matches!(letter, '(' | '[' | '{')) - i32::from(matches!(letter, ')' | ']' | '}'));
        }
        before = letter;
    }
    parts.push(text[begin..].trim().to_owned());
    (parts, "")
}

/// Where a quoted string ends that begins at `at`.
fn end_of_string(text: &str, at: usize) -> usize {
    let mut escaped = false;
    for (offset, letter) in text[at + 1..].char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1 + offset + 1,
            _ => {}
        }
    }
    text.len()
}

/// The text of a quoted string; None for anything else.
pub fn unquoted(argument: &str) -> Option<String> {
    let end = end_of_string(argument, 0);
    let inner = argument.strip_prefix('"')?.get(..end.checked_sub(2)?)?;
    let (mut bytes, mut rest) = (Vec::new(), inner.as_bytes());
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let octal = rest.iter().take(3).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
        if octal > 0 {
            bytes.push(rest[..octal].iter().fold(0, |value, digit| value << 3 | (digit - b'0')));
            rest = &rest[octal..];
        } else if let [letter, tail @ ..] = rest {
            bytes.push(match letter {
                b'n' => b'\n',
                b't' => b'\t',
                b'r' => b'\r',
                b'v' => 0x0b,
                b'f' => 0x0c,
                other => *other,
            });
            rest = tail;
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The number of a descriptor and what it stands for: `4</etc>` or `AT_FDCWD</>`.
pub fn descriptor(argument: &str) -> (&str, Option<&str>) {
    match argument.split_once('<') {
        Some((number, rest)) => (number, rest.rsplit_once('>').map(|(path, _)| path)),
        None => (argument, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_apart() {
        let line = r#"1795212728.956377 mknodat(4</a,b(c>, "n\"u,l\\", S_IFCHR|0666, makedev(0x1, 0x3)) = 0"#;
        let seen = call(line).unwrap();
        assert_eq!((seen.at, seen.name.as_str(), seen.result.as_str()), (1_795_212_728_956_377, "mknodat", "0"));
        assert_eq!(seen.args, ["4</a,b(c>", r#""n\"u,l\\""#, "S_IFCHR|0666", "makedev(0x1, 0x3)"]);
        let seen = call("1.000001 setsid()              = 1").unwrap();
        assert_eq!((seen.args.len(), seen.result.as_str()), (0, "1"));
        let seen = call(r#"1.0 capset({version=3, pid=0}, {effective=1<<CAP_A|1<<CAP_B, permitted=0}) = 0"#).unwrap();
        assert_eq!(seen.args[1], "{effective=1<<CAP_A|1<<CAP_B, permitted=0}");
        let seen = call(r#"1.0 rmdir("/x") = -1 ENOENT (No such file or directory)"#).unwrap();
        assert_eq!(seen.result, "-1 ENOENT");
        let seen = call("1.0 clone(child_stack=NULL, flags=SIGCHLD) = 2 /* 31752 in strace's PID NS */").unwrap();
        assert_eq!(seen.result, "2 /* 31752 in strace's PID NS */");
        assert_eq!(call("1.0 write(3</proc/x>, \"1\", 1) = ? ERESTARTNOINTR (To be restarted)"), None);
        for none in ["1.0 +++ exited with 0 +++", "1.0 accept4(3<socket:[1]>,  <unfinished ...>) = ?", "", "x"] {
            assert_eq!(call(none), None, "{none}");
        }
    }

    #[test]
    fn bytes_belong_to_the_call_before_them() {
        let text = "1.0 sendto(3<socket:[1]>, [{nlmsg_len=24}], 24, 0, NULL, 0) = 24\n \
             | 00000  18 00 00 00 16 00 01 03  02 00 00 00 00 00 00 20  ............... |\n \
             | 00010  02 41                                             .A               |\n1.0 setsid() = 1\n";
        let calls = calls(text);
        assert_eq!(calls.len(), 2);
        assert_eq!(calls[0].bytes, [24, 0, 0, 0, 22, 0, 1, 3, 2, 0, 0, 0, 0, 0, 0, 32, 2, 65]);
    }

    #[test]
    fn strings_are_read_back() {
        assert_eq!(unquoted(r#""a\n\"\\\tb\0c\33[\1012""#).unwrap(), "a\n\"\\\tb\0c\u{1b}[A2");
        assert_eq!(unquoted("\"\u{fc}\"").unwrap(), "\u{fc}");
        assert_eq!(unquoted("NULL"), None);
        assert_eq!(descriptor("3</run/x>(deleted)"), ("3", Some("/run/x")));
        assert_eq!(descriptor("18"), ("18", None));
    }
}
