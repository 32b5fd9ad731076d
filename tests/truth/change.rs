//! One form for what was told and for what strace saw, so that the two can be compared.

use super::rtnetlink;
use super::strace::{Process, Seen, descriptor, split, unquoted};
use super::table::{How, compared};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A call, told or seen: its name, the arguments that are compared, and its result.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Change {
    /// The call's name.
    pub call: String,
    /// Its arguments by the name under which they are told.
    pub args: Vec<(String, String)>,
    /// What it returned, or the name of its error.
    pub result: String,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let args: Vec<String> = self.args.iter().map(|(name, value)| format!("{name}={value}")).collect();
        write!(f, "{}({}) = {}", self.call, args.join(", "), self.result)
    }
}

/// What rlab told of a call. An argument about which the table says nothing is compared with nothing, and so differs.
pub fn told(event: &Map<String, Value>) -> Change {
    let call = event["call"].as_str().unwrap().to_owned();
    let args = event["args"].as_object().unwrap();
    let Some(table) = compared(&call) else {
        return Change { call, args: vec![("all".to_owned(), json!(args).to_string())], result: "?".to_owned() };
    };
    let of_table = |(name, how): &(&str, How)| ((*name).to_owned(), told_argument(*how, args.get(*name)));
    let mut compared: Vec<(String, String)> = table.args.iter().map(of_table).collect();
    let known =
        |name: &str| table.args.iter().any(|(of, _)| *of == name) || table.not.iter().any(|(of, _)| *of == name);
    compared
        .extend(args.iter().filter(|(name, _)| !known(name)).map(|(name, value)| (name.clone(), value.to_string())));
    let result = match (event.get("errno").and_then(Value::as_str), event.get("ret")) {
        (Some(errno), _) => errno.to_owned(),
        (None, Some(_)) if table.gives_descriptor => "a descriptor".to_owned(),
        (None, ret) => ret.map_or_else(|| "?".to_owned(), Value::to_string),
    };
    Change { call, args: compared, result }
}

fn told_argument(how: How, value: Option<&Value>) -> String {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let Some(value) = value else { return absent(how) };
    match how {
        How::Text(_) if value.is_null() => "NULL".to_owned(),
        How::Text(_) | How::Count(_) | How::NumberField(..) | How::Status(_) => plain(value),
        How::Path(_) | How::Beneath(..) | How::Behind(_) => inside(&plain(value)),
        How::Pidfd(_) | How::Number(_) => plain(value).replace("~0U", &u32::MAX.to_string()),
        How::Mode(_) => format!("{:#o}", value.as_u64().unwrap_or(u64::MAX)),
        How::Flags(_) | How::Field(..) | How::Named(_) => sorted(&plain(value)),
        How::Rest(_) => bare(&plain(value)),
        How::Device(_) => device(&plain(value)),
        How::List(_) => match value {
            Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join("\u{1f}"),
            other => other.to_string(),
        },
        How::Capabilities(..) => plain(value),
        How::Message => in_order(value),
    }
}

/// What the kernel was asked by one process, call by call, each with the place of its line.
pub fn seen(process: &Process) -> Vec<Change> {
    let mut descriptors: BTreeMap<String, String> = BTreeMap::new();
    let mut changes = Vec::new();
    for (at, seen) in process.calls.iter().enumerate() {
        let (number, path) = descriptor(&seen.result);
        changes.push(one(process, at, &descriptors));
        if let Some(path) = path {
            descriptors.insert(number.to_owned(), path.to_owned());
        }
    }
    changes
}

fn one(process: &Process, at: usize, descriptors: &BTreeMap<String, String>) -> Change {
    let seen = &process.calls[at];
    let Some(table) = compared(&seen.name) else {
        let args = seen.args.iter().map(|arg| (String::new(), arg.clone())).collect();
        return Change { call: seen.name.clone(), args, result: seen.result.clone() };
    };
    let argument = |(name, how): &(&str, How)| {
        let value = match how {
            How::Message => message(process, at, descriptors),
            how => seen_argument(*how, seen, descriptors).unwrap_or_else(|| absent(*how)),
        };
        ((*name).to_owned(), value)
    };
    let result = match seen.result.strip_prefix("-1 ") {
        Some(errno) => errno.to_owned(),
        None if table.gives_descriptor => "a descriptor".to_owned(),
        None if seen.name == "sendto" => answered(process, at).unwrap_or_else(|| number(&seen.result)),
        None => number(&seen.result),
    };
    Change { call: seen.name.clone(), args: table.args.iter().map(argument).collect(), result }
}

fn seen_argument(how: How, seen: &Seen, descriptors: &BTreeMap<String, String>) -> Option<String> {
    let at = |place: usize| seen.args.get(place).map(String::as_str);
    let text = |place: usize| Some(unquoted(at(place)?).unwrap_or_else(|| at(place).unwrap_or_default().to_owned()));
    Some(match how {
        How::Text(place) => text(place)?,
        How::Path(place) => {
            let path = text(place)?;
            let behind = path.strip_prefix("/proc/self/fd/").and_then(|number| descriptors.get(number));
            inside(behind.unwrap_or(&path))
        }
        How::Beneath(place, name) => {
            let (_, folder) = descriptor(at(place)?);
            inside(&std::path::Path::new(folder.unwrap_or("/")).join(text(name)?).to_string_lossy())
        }
        How::Behind(place) => inside(descriptor(at(place)?).1?),
        How::Pidfd(place) => descriptor(at(place)?).1?.strip_prefix("pid:")?.to_owned(),
        How::Number(place) => number(at(place)?),
        How::Mode(place) => format!("{:#o}", u32::from_str_radix(at(place)?, 8).ok()?),
        // One number, two names: `SNDCTL_TMR_START or TCSETS`.
        How::Flags(place) => sorted(at(place)?.rsplit(" or ").next()?),
        How::Field(place, name) => sorted(&field(at(place)?, name)?),
        How::NumberField(place, name) => number(&field(at(place)?, name)?),
        How::Named(name) => sorted(seen.args.iter().find_map(|arg| arg.strip_prefix(name)?.strip_prefix('='))?),
        How::Device(place) => device(at(place)?),
        How::List(place) => {
            let (items, _) = split(at(place)?.strip_prefix('[')?, ']');
            items.iter().map(|item| unquoted(item).unwrap_or(item.clone())).collect::<Vec<_>>().join("\u{1f}")
        }
        How::Count(place) => at(place)?.split_once("/* ")?.1.split(' ').next()?.to_owned(),
        How::Status(place) => {
            let status = at(place)?.trim_matches(['[', ']', '{', '}']).replace("(s)", "");
            status.replace(" && ", ", ").replace(" == ", "=")
        }
        How::Capabilities(place, name) => mask(&field(at(place)?, name)?),
        How::Rest(place) => {
            let mut rest: Vec<String> = seen.args.get(place..)?.iter().map(|arg| bare(arg)).collect();
            while rest.len() > 1 && rest.last().is_some_and(|last| last == "0") {
                rest.pop();
            }
            rest.join(", ")
        }
        How::Message => return None,
    })
}

/// How an argument reads that was not given.
fn absent(how: How) -> String {
    if matches!(how, How::Device(_)) { "0:0".to_owned() } else { "(none)".to_owned() }
}

/// A path as the container has it, when it leads into the tree of one: rlab tells of it so.
pub fn inside(path: &str) -> String {
    let rootfs = path.split_once("/run/containers/").and_then(|(_, rest)| rest.split_once("/rootfs"));
    let path = match rootfs {
        Some((id, rest)) if !id.contains('/') && (rest.is_empty() || rest.starts_with('/')) => rest,
        _ => path,
    };
    let bare = path.trim_end_matches('/');
    if bare.is_empty() { "/".to_owned() } else { bare.to_owned() }
}

fn sorted(flags: &str) -> String {
    let mut words: Vec<&str> = flags.split('|').collect();
    // With O_PATH the kernel does not look at how the file is to be accessed, and strace prints the zero's name.
    if words.contains(&"O_PATH") {
        words.retain(|word| *word != "O_RDONLY");
    }
    words.sort_unstable();
    words.join("|")
}

/// `9<pipe:[1]>` is 9, `8*1024` is 8192, `022` is 18, and `2 /* 7 in strace's PID NS */` is 2.
fn number(text: &str) -> String {
    let text = descriptor(text).0.split(" /*").next().unwrap_or_default().trim();
    let parsed: Option<Vec<u64>> = text
        .split('*')
        .map(|part| match part.strip_prefix('0').filter(|rest| !rest.is_empty()) {
            Some(octal) => u64::from_str_radix(octal, 8).ok(),
            None => part.parse().ok(),
        })
        .collect();
    parsed.map_or_else(|| text.to_owned(), |factors| factors.iter().product::<u64>().to_string())
}

/// A field of `{name=value, …}`.
pub fn field(structure: &str, name: &str) -> Option<String> {
    let (fields, _) = split(structure.trim_start_matches('[').strip_prefix('{')?, '}');
    fields.iter().find_map(|field| Some(field.strip_prefix(name)?.strip_prefix('=')?.to_owned()))
}

/// The argument of a terminal's call: without sizes in pixels, and of its attributes what a terminal does with keys.
fn bare(argument: &str) -> String {
    if let Some(flags) = field(argument, "c_lflag") {
        let keys =
            ["ECHO", "ICANON", "IEXTEN", "ISIG"].into_iter().filter(|name| flags.split('|').any(|flag| flag == *name));
        return format!("{{c_lflag={}, ...}}", keys.collect::<Vec<_>>().join("|"));
    }
    // TIOCGPTPEER takes the flags of open(2), and this strace gives their number.
    if let Some(Ok(number)) = argument.strip_prefix("0x").map(|hex| i32::from_str_radix(hex, 16)) {
        let names: Vec<&str> = OFlag::from_bits_truncate(number).iter_names().map(|(name, _)| name).collect();
        return sorted(&names.join("|"));
    }
    let argument = argument.replace(", ws_xpixel=0, ws_ypixel=0", "");
    if argument.contains('|') && !argument.starts_with('{') { sorted(&argument) } else { argument }
}

fn device(text: &str) -> String {
    let numbers = text.trim_start_matches("makedev(").trim_end_matches(')').split(", ");
    let parsed = numbers.map(|number| match number.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).map_or_else(|_| number.to_owned(), |number| number.to_string()),
        None => number.to_owned(),
    });
    parsed.collect::<Vec<_>>().join(":")
}

/// JSON with the names of every object in order.
fn in_order(value: &Value) -> String {
    let Value::Object(fields) = value else { return value.to_string() };
    let sorted: BTreeMap<&String, String> = fields.iter().map(|(name, value)| (name, in_order(value))).collect();
    let listed: Vec<String> = sorted.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{{{}}}", listed.join(", "))
}

/// Capabilities in the order of their numbers, see linux/capability.h.
const CAPABILITIES: &str = "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE \
    NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE \
    SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL \
    SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE";

/// `1<<CAP_CHOWN|1<<CAP_KILL` as a mask.
fn mask(names: &str) -> String {
    let bit = |name: &str| {
        let name = name.trim_start_matches("1<<").trim_start_matches("CAP_");
        CAPABILITIES.split_whitespace().position(|known| known == name).map_or(0, |at| 1u64 << at)
    };
    format!("{:#018x}", names.split('|').map(bit).sum::<u64>())
}

/// The message of a `sendto`. The name behind a link's number is what the kernel says when it is asked next.
fn message(process: &Process, at: usize, descriptors: &BTreeMap<String, String>) -> String {
    let asked = process.calls[at + 1..].iter().filter(|seen| seen.args.get(1).is_some_and(|op| op == "SIOCGIFNAME"));
    let link = |number: u32| {
        let wanted = format!("{{ifr_ifindex={number}, ifr_name=");
        let found = asked.clone().find_map(|seen| seen.args.get(2)?.strip_prefix(&wanted)?.strip_suffix('}'));
        found.and_then(unquoted).map_or_else(|| json!(number), |name| json!(name))
    };
    let path = |number: u32| json!(descriptors.get(&number.to_string()));
    rtnetlink::read(&process.calls[at].bytes, &link, &path)
        .map_or_else(|| "unreadable".to_owned(), |read| in_order(&read))
}

/// The error in the answer to a message, by name. The first is enough: rlab asks one question at a time.
fn answered(process: &Process, at: usize) -> Option<String> {
    let answers = process.calls[at + 1..].iter().take_while(|seen| seen.name != "sendto");
    let error = answers.filter(|seen| seen.name == "recvfrom").find_map(|seen| rtnetlink::answer(&seen.bytes))?;
    (error != 0).then(|| format!("{:?}", Errno::from_raw(error)))
}
