//! How a value is spelt: quoted, octal, as a constant, by its type in the call's signature.

use crate::trace::event::Call;
use crate::trace::signature::{Type, argument_type, field_type};
use serde_json::Value;

/// A structure with more fields than this is not told in full by the story.
const MANY_FIELDS: usize = 8;

/// The call as strace would print it, without its result: `sethostname("web")`.
pub fn call_line(call: &Call) -> String {
    let args: Vec<String> =
        call.args.iter().map(|(name, value)| spelt(argument_type(&call.name, name), value)).collect();
    format!("{}({})", call.name, args.join(", "))
}

/// The arguments by name, for the story: `name="web"`. What says nothing there is left out: null, no flags, and numbers of
/// descriptors, which the path beside them explains.
pub fn named_arguments(call: &Call) -> Vec<String> {
    let telling = |(name, value): &(&String, &Value)| {
        let empty = value.is_null() || value.as_str() == Some("0") && name.contains("flags");
        let explained = matches!(name.as_str(), "dirfd" | "protocol") && call.args.len() > 1;
        !(empty || explained)
    };
    let spell = |(name, value): (&String, &Value)| match value {
        Value::Object(fields) if name == "message" => message(fields),
        Value::Object(fields) if fields.len() > MANY_FIELDS => format!("{name}={}", without_zeros(fields)),
        _ => format!("{name}={}", spelt(argument_type(&call.name, name), value)),
    };
    call.args.iter().filter(telling).map(spell).collect()
}

/// A structure with many fields, such as the registers of a processor: those that are not zero.
fn without_zeros(fields: &serde_json::Map<String, Value>) -> String {
    let told = fields.iter().filter(|(_, value)| value.as_u64() != Some(0));
    let inner: Vec<String> = told.map(|(name, value)| format!("{name}={}", field(name, value))).collect();
    let rest = if inner.len() < fields.len() { ", rest=0" } else { "" };
    format!("{{{}{rest}}}", inner.join(", "))
}

/// A netlink message: its type and what it says, without the flags that say how it is to be answered.
fn message(fields: &serde_json::Map<String, Value>) -> String {
    let told = fields.iter().filter(|(name, _)| name.as_str() != "flags");
    let parts = told.map(|(name, value)| match name.as_str() {
        "type" => field(name, value),
        _ => format!("{name}={}", field(name, value)),
    });
    parts.collect::<Vec<_>>().join(" ")
}

/// One value by its type.
pub fn spelt(sort: Type, value: &Value) -> String {
    match (sort, value) {
        (_, Value::Null) => "NULL".to_owned(),
        (Type::Mode, Value::Number(mode)) => {
            format!("{:#05o}", mode.as_u64().unwrap_or_default()).replacen("0o", "0", 1)
        }
        (Type::Hex | Type::Address, Value::Number(number)) => format!("{:#x}", number.as_u64().unwrap_or_default()),
        (
            Type::Flags | Type::Pid | Type::Fd | Type::Count | Type::Inode | Type::Hex | Type::Address,
            Value::String(text),
        ) => text.clone(),
        (_, Value::String(text)) => quoted(text),
        (_, Value::Array(items)) => {
            let inner: Vec<String> = items.iter().map(|item| spelt(sort, item)).collect();
            format!("[{}]", inner.join(", "))
        }
        (_, Value::Object(fields)) => {
            let inner: Vec<String> =
                fields.iter().map(|(name, value)| format!("{name}={}", field(name, value))).collect();
            format!("{{{}}}", inner.join(", "))
        }
        (_, other) => other.to_string(),
    }
}

/// A field of a structure: constants (all capitals) without quotes, as strace shows them.
fn field(name: &str, value: &Value) -> String {
    match value.as_str() {
        Some(text) if is_constant(text) => text.to_owned(),
        _ => spelt(field_type(name), value),
    }
}

fn is_constant(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_uppercase())
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"_|".contains(&byte))
}

/// In double quotes, with what would disturb a terminal escaped.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            _ if letter.is_control() => out.extend(letter.escape_unicode()),
            _ => out.push(letter),
        }
    }
    out.push('"');
    out
}

/// A size with a unit a person reads: `187 MB`. Powers of 1000, as disks and `docker images` have them.
pub fn bytes(count: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 || value >= 10.0 {
        format!("{value:.0} {}", units[unit])
    } else {
        format!("{value:.1} {}", units[unit])
    }
}

/// A time span with a unit a person reads.
pub fn span(nanos: u64) -> String {
    match nanos {
        0..1_000_000 => format!("{:.2} ms", nanos as f64 / 1e6),
        1_000_000..10_000_000 => format!("{:.1} ms", nanos as f64 / 1e6),
        10_000_000..10_000_000_000 => format!("{} ms", nanos / 1_000_000),
        _ => format!("{:.1} s", nanos as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_spelt_as_strace_spells_it() {
        let call = Call::new("mount")
            .arg("source", "proc")
            .arg("target", "/proc")
            .arg("filesystemtype", "proc")
            .arg("mountflags", "MS_NOSUID|MS_NODEV")
            .arg("data", Value::Null);
        assert_eq!(call_line(&call), r#"mount("proc", "/proc", "proc", MS_NOSUID|MS_NODEV, NULL)"#);
        let call = Call::new("mkdir").arg("pathname", "/a\n").arg("mode", 0o755);
        assert_eq!(call_line(&call), r#"mkdir("/a\n", 0755)"#);
    }

    #[test]
    fn sizes_and_times_have_units() {
        assert_eq!([bytes(999), bytes(1500), bytes(187_000_000)], ["999 B", "1.5 kB", "187 MB"]);
        assert_eq!([span(420_000), span(2_300_000), span(612_000_000)], ["0.42 ms", "2.3 ms", "612 ms"]);
    }
}
