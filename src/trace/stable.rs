//! Stable mode: what differs from run to run is replaced by a name, so that two runs of one command are the same text.
//!
//! The masking goes by type, not by pattern: `48213` becomes `pid:1` because the signature of the call says that it is a
//! process number, and the same number gets the same name wherever it turns up again.

use super::event::{Actor, Event, Kind};
use super::signature::{Type, argument_type, field_type, object_type, returned_type};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// The end of the path of the control group that the groups of all containers lie in.
const SHARED_GROUP: &str = "/rlab";

/// Gives names to values in the order in which they first appear.
#[derive(Default)]
pub struct Stable {
    names: HashMap<(&'static str, String), usize>,
    counts: HashMap<&'static str, usize>,
    /// How many events were let pass.
    passed: u64,
    /// Whether what is masked now comes from a machine's own kernel, whose numbers are not the host's.
    in_guest: bool,
    /// Directories of this rlab, the longest first, and what stands for each.
    places: Vec<(String, &'static str)>,
}

impl Stable {
    /// The event with its changing values replaced, or nothing when whether it happens at all differs from run to run.
    /// Times become 0, and what is left is counted anew.
    pub fn mask(&mut self, event: Event) -> Option<Event> {
        if is_up_to_others(&event.kind) {
            return None;
        }
        let mut event = self.masked(event);
        // Of a change that only its numbers told of nothing is left.
        if let Kind::Change { before, after, .. } = &event.kind
            && before == after
        {
            return None;
        }
        self.passed += 1;
        event.seq = self.passed;
        Some(event)
    }

    fn masked(&mut self, mut event: Event) -> Event {
        event.t_ns = 0;
        event.pid = 0;
        self.in_guest = event.actor == Actor::Guest;
        match &mut event.kind {
            Kind::Leave { dur_ns, .. } => *dur_ns = 0,
            Kind::Call { call, ret, dur_ns, .. } => {
                *dur_ns = 0;
                let name = call.name.clone();
                let joins =
                    call.args.get("path").and_then(Value::as_str).is_some_and(|path| path.ends_with("/cgroup.procs"));
                if let Some(text) = call.args.get_mut("text").filter(|_| joins) {
                    *text = self.value(Type::Pid, text);
                }
                for (argument, value) in &mut call.args {
                    *value = self.value(argument_type(&name, argument), value);
                }
                if let (Some(number), Some(sort)) = (&ret, returned_type(call)) {
                    match sort {
                        // A number can't carry a name: the number of the name stands in its place.
                        Type::Pid => *ret = Some(self.number(self.of_kernel("pid"), &number.to_string())),
                        Type::Fd | Type::Count | Type::Address => *ret = Some(0),
                        _ => {}
                    }
                }
            }
            Kind::Work { work, with } => {
                if work == "home" {
                    self.learn_places(with);
                }
                self.fields(with);
            }
            Kind::Note { with, .. } => self.fields(with),
            Kind::Change { object, key, before, after } => {
                let sort = object_type(object, key);
                // Which groups rlab itself was started in is the host's affair, and another one in every login.
                *before = if object == "cgroup" { json!("rlab's own") } else { self.value(sort, before) };
                *after = self.value(sort, after);
                *key = self.path(key);
            }
            Kind::Enter | Kind::Skip { .. } => {}
        }
        event
    }

    /// Where this rlab keeps things is up to the user, and temporary in tests.
    fn learn_places(&mut self, with: &Map<String, Value>) {
        for (field, name) in [("run", "RUN"), ("root", "ROOT")] {
            if let Some(path) = with.get(field).and_then(Value::as_str) {
                self.places.push((path.to_owned(), name));
            }
        }
        self.places.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
    }

    fn fields(&mut self, fields: &mut Map<String, Value>) {
        for (name, value) in fields {
            *value = self.value(field_type(name), value);
        }
    }

    fn value(&mut self, sort: Type, value: &Value) -> Value {
        match (sort, value) {
            (_, Value::Null | Value::Bool(_)) => value.clone(),
            (_, Value::Array(items)) => Value::Array(items.iter().map(|item| self.value(sort, item)).collect()),
            (_, Value::Object(fields)) => {
                let mut fields = fields.clone();
                self.fields(&mut fields);
                Value::Object(fields)
            }
            (Type::Pid, _) => json!(self.named(self.of_kernel("pid"), &plain(value))),
            // Some are told by what they lead to.
            (Type::Fd, Value::String(to)) if !to.bytes().all(|byte| byte.is_ascii_digit()) => json!(self.path(to)),
            (Type::Fd, _) => json!("fd"),
            (Type::Inode, _) => json!(self.named(self.of_kernel("ns"), &plain(value))),
            (Type::Address, _) => json!("address"),
            (Type::Words, Value::String(words)) => json!(without_numbers(words)),
            (Type::Id, _) => json!(self.named("id", &short(&plain(value)))),
            (Type::HostName, Value::String(name)) if is_short_id(name) => json!(self.named("id", name)),
            (Type::Release, _) => json!(self.named("release", &plain(value))),
            (Type::Digest, _) => json!(self.named("sha256", plain(value).trim_start_matches("sha256:"))),
            (Type::Ip, _) => json!(self.named("ip", &plain(value))),
            (Type::Mac, _) => json!(self.named("mac", &plain(value))),
            (Type::Link, _) => self.link(value),
            (Type::LinkIndex, _) => json!("index"),
            (Type::Count | Type::Bytes | Type::Nanos, Value::Number(_)) => json!(0),
            (Type::Time, _) => json!("date"),
            // The host name is the container's id, unless the user gave one.
            (Type::Text, Value::String(text)) if self.names.contains_key(&("id", text.clone())) => {
                json!(self.named("id", text))
            }
            (Type::Path, Value::String(path)) => json!(self.path(path)),
            (Type::Options | Type::Struct, Value::String(options)) => json!(self.options(options)),
            _ => value.clone(),
        }
    }

    /// Links that every host has keep their names.
    fn link(&mut self, value: &Value) -> Value {
        match value.as_str() {
            Some("lo" | "eth0") | None => value.clone(),
            Some(name) => json!(self.named("link", name)),
        }
    }

    /// Segment by segment: container ids, digests and process numbers are known by their shape *and* their place.
    fn path(&mut self, path: &str) -> String {
        let place = self.places.iter().find_map(|(place, name)| Some((*name, path.strip_prefix(place.as_str())?)));
        let (place, path) = place.filter(|(_, rest)| rest.is_empty() || rest.starts_with('/')).unwrap_or(("", path));
        let mut before = "";
        let mut out: Vec<String> = Vec::new();
        for segment in path.split('/') {
            let hex = !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_hexdigit());
            let number = !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit());
            out.push(match before {
                "proc" if number => self.named(self.of_kernel("pid"), segment),
                "fd" if number => "fd".to_owned(),
                _ if hex && segment.len() == 64 && matches!(before, "containers" | "netns") => {
                    self.named("id", &short(segment))
                }
                _ if hex && segment.len() == 64 => self.hex(segment),
                // A file that is named after a digest, with what it is behind a dot.
                _ if segment.len() == 71 && segment.starts_with("sha256:") => self.named("sha256", &segment[7..]),
                _ if self.is_link(segment) => self.named("link", segment),
                _ if hex && matches!(segment.len(), 12 | 32) => self.named("id", segment),
                // Kernels lie in directories that are named after their release.
                _ if self.names.contains_key(&("release", segment.to_owned())) => self.named("release", segment),
                _ => (self.dotted(segment).or_else(|| self.namespace(segment)).or_else(|| self.address(segment)))
                    .unwrap_or_else(|| segment.to_owned()),
            });
            before = segment;
        }
        place.to_owned() + &out.join("/")
    }

    /// A file that is named after a digest, with what it is behind a dot.
    fn dotted(&mut self, segment: &str) -> Option<String> {
        let (digest, rest) = segment.split_at_checked(64)?;
        (is_digest(digest) && rest.starts_with('.')).then(|| self.hex(digest) + rest)
    }

    /// A link that was made for this run: one that was met as such, or one with a name as rlab gives them.
    fn is_link(&self, segment: &str) -> bool {
        let made = |prefix: &str, digits: usize| {
            let rest = segment.strip_prefix(prefix).unwrap_or_default();
            rest.len() == digits && rest.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        self.names.contains_key(&("link", segment.to_owned())) || made("veth", 7) || made("rlab-", 8)
    }

    /// A namespace as the kernel names it: `net:[4026531840]`.
    fn namespace(&mut self, segment: &str) -> Option<String> {
        let (kind, inode) = segment.strip_suffix(']')?.split_once(":[")?;
        inode.parse::<u64>().ok()?;
        Some(format!("{kind}:[{}]", self.named(self.of_kernel("ns"), inode)))
    }

    /// An address of the internet protocol, such as a firewall rule has among its words.
    fn address(&mut self, segment: &str) -> Option<String> {
        let ip: std::net::Ipv4Addr = segment.parse().ok()?;
        // These mean the same everywhere.
        let fixed = ip.is_loopback() || ip.is_unspecified() || ip == std::net::Ipv4Addr::new(127, 0, 0, 0);
        (!fixed).then(|| self.named("ip", segment))
    }

    /// 64 hex digits are a container's id if one was seen that begins like it, else a digest.
    fn hex(&mut self, segment: &str) -> String {
        let id = short(segment);
        let known = self.names.contains_key(&("id", id.clone()));
        if known { self.named("id", &id) } else { self.named("sha256", segment) }
    }

    /// Under which name a number is known that a kernel gave. Process 1 of a machine is not the host's, and the first
    /// namespaces have the same numbers in every kernel.
    fn of_kernel(&self, sort: &'static str) -> &'static str {
        match (sort, self.in_guest) {
            ("pid", true) => "guest-pid",
            ("ns", true) => "guest-ns",
            _ => sort,
        }
    }

    fn options(&mut self, options: &str) -> String {
        let mut out = String::with_capacity(options.len());
        for piece in options.split_inclusive([',', '=', ':', ' ', '"']) {
            let end = piece.len() - usize::from(piece.ends_with([',', '=', ':', ' ', '"']));
            let is_descriptor = out.ends_with("fd=") && piece[..end].parse::<u32>().is_ok();
            out.push_str(&if is_descriptor { "fd".to_owned() } else { self.path(&piece[..end]) });
            out.push_str(&piece[end..]);
        }
        out
    }

    fn named(&mut self, sort: &'static str, value: &str) -> String {
        format!("{sort}:{}", self.number(sort, value))
    }

    fn number(&mut self, sort: &'static str, value: &str) -> i64 {
        let count = self.counts.entry(sort).or_default();
        let number = self.names.entry((sort, value.to_owned())).or_insert_with(|| {
            *count += 1;
            *count
        });
        i64::try_from(*number).unwrap_or(i64::MAX)
    }
}

/// The control group that all containers lie in is made and removed by whichever comes first and goes last, and on v2
/// controllers are handed down to it once. And how many calls it takes to close what is not needed depends on which numbers
/// the descriptors have that rlab was started with.
fn is_up_to_others(kind: &Kind) -> bool {
    let Kind::Call { call, .. } = kind else { return false };
    let path = |name: &str| call.args.get(name).and_then(Value::as_str).unwrap_or_default();
    match call.name.as_ref() {
        "mkdir" | "rmdir" => {
            path("pathname").starts_with("/sys/fs/cgroup/") && path("pathname").ends_with(SHARED_GROUP)
        }
        "write" => path("path").ends_with("/cgroup.subtree_control"),
        "close_range" => path("flags") == "0",
        _ => false,
    }
}

fn is_short_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Words with each number in them replaced by `n`.
fn without_numbers(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    let mut word = String::new();
    for letter in words.chars().chain(['\n']) {
        if letter.is_alphanumeric() {
            word.push(letter);
            continue;
        }
        out.push_str(if word.starts_with(|first: char| first.is_ascii_digit()) { "n" } else { &word });
        out.push(letter);
        word.clear();
    }
    out.pop();
    out
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn short(id: &str) -> String {
    id.chars().take(12).collect()
}

#[cfg(test)]
mod tests {
    use super::super::event::{Call, SCHEMA_VERSION};
    use super::*;

    fn mask(stable: &mut Stable, actor: Actor, kind: Kind) -> Kind {
        let event = Event { v: SCHEMA_VERSION, seq: 1, t_ns: 1, actor, pid: 1, stage: "boot".into(), kind };
        stable.mask(event).unwrap().kind
    }

    fn call(call: Call, ret: i64) -> Kind {
        Kind::Call { call, ret: Some(ret), errno: None, injected: false, dur_ns: 0 }
    }

    fn work(with: Value) -> Kind {
        let Value::Object(with) = with else { unreachable!() };
        Kind::Work { work: "work".into(), with }
    }

    #[test]
    fn a_number_of_the_guest_s_kernel_is_not_the_host_s() {
        let mut stable = Stable::default();
        let wait = || call(Call::new("wait4").arg("pid", 7), 7);
        let host = mask(&mut stable, Actor::Vm, wait());
        assert_eq!(host, call(Call::new("wait4").arg("pid", "pid:1"), 1));
        let guest = mask(&mut stable, Actor::Guest, wait());
        assert_eq!(guest, call(Call::new("wait4").arg("pid", "guest-pid:1"), 1));
        let namespaces = json!({"path": "net:[4026531840]", "inode": 4_026_531_840_u64});
        let told = [Actor::Vm, Actor::Guest].map(|actor| mask(&mut stable, actor, work(namespaces.clone())));
        assert_eq!(told[0], work(json!({"path": "net:[ns:1]", "inode": "ns:1"})));
        assert_eq!(told[1], work(json!({"path": "net:[guest-ns:1]", "inode": "guest-ns:1"})));
    }

    #[test]
    fn a_path_in_any_writing_is_read() {
        let mut stable = Stable::default();
        let (letters, digest) = ("あ".repeat(22), "5a".repeat(32));
        for (path, told) in [
            (format!("/{letters}"), format!("/{letters}")),
            (format!("/{}é.json", &digest[1..]), format!("/{}é.json", &digest[1..])),
            (format!("/{digest}.json"), "/sha256:1.json".to_owned()),
        ] {
            assert_eq!(stable.path(&path), told);
        }
    }

    #[test]
    fn a_machine_is_told_without_what_varies() {
        let mut stable = Stable::default();
        stable.places.push(("/var/lib/rlab".to_owned(), "ROOT"));
        let args = format!("-drive file=/var/lib/rlab/vm/disks/{}.ext4,fd=12 -m 512M", "5a".repeat(32));
        let told = work(json!({
            "args": args, "told": "tsc: Detected 2094.5 MHz, at 0x9f000 of e820 and i8042", "lines": 81, "from_ms": 7,
            "took_ms": 9, "url": "http://localhost:8080",
        }));
        let expected = work(json!({
            "args": "-drive file=ROOT/vm/disks/sha256:1.ext4,fd=fd -m 512M",
            "told": "tsc: Detected n.n MHz, at n of e820 and i8042", "lines": 0, "from_ms": 0, "took_ms": 0,
            "url": "http://localhost:8080",
        }));
        assert_eq!(mask(&mut stable, Actor::Vm, told), expected);
        let region = json!({"guest_phys_addr": 4096, "userspace_addr": 140_000_000_000_u64});
        let given = call(Call::new("ioctl").arg("fd", "kvm-vm").arg("op", "KVM_RUN").arg("arg", region), 0);
        let region = json!({"guest_phys_addr": 4096, "userspace_addr": "address"});
        let masked = call(Call::new("ioctl").arg("fd", "kvm-vm").arg("op", "KVM_RUN").arg("arg", region), 0);
        assert_eq!(mask(&mut stable, Actor::Vm, given), masked);
        let mapped = mask(&mut stable, Actor::Vm, call(Call::new("mmap").arg("fd", 5), 140_000_000_000));
        assert_eq!(mapped, call(Call::new("mmap").arg("fd", "fd"), 0));
    }
}
