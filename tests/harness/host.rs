//! The state of the host that a container touches, read before and after: what a run leaves behind shows as a difference.
//!
//! Everything is read from the kernel or from the tools that administrators use, none of it by rlab's own code.

use nix::fcntl::{Flock, FlockArg};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// The kernel takes a network namespace apart after its last user is gone, so links vanish a moment later.
const SETTLING: Duration = Duration::from_secs(3);

/// Where an rlab that nobody gave a root would leave things; a test must not.
const DEFAULT_ROOTS: [&str; 2] = ["/var/lib/rlab", "/run/rlab"];

/// Settings of the kernel that networking may turn on.
const SETTINGS: [&str; 4] = [
    "/proc/sys/net/ipv4/ip_forward",
    "/proc/sys/net/ipv4/conf/all/route_localnet",
    "/proc/sys/net/ipv6/conf/all/forwarding",
    "/proc/sys/net/bridge/bridge-nf-call-iptables",
];

/// Held by a test for as long as it runs containers.
pub struct Turn {
    _lock: Flock<File>,
}

/// For a test that compares the host before and after, or measures time: no other test runs a container meanwhile.
pub fn alone() -> Turn {
    turn(FlockArg::LockExclusive)
}

/// For every other test that runs a container.
pub fn together() -> Turn {
    turn(FlockArg::LockShared)
}

/// A lock on a folder that every Linux has, so that two test runs on one machine respect each other as well.
fn turn(kind: FlockArg) -> Turn {
    Turn { _lock: Flock::lock(File::open("/run").unwrap(), kind).map_err(|(_, errno)| errno).unwrap() }
}

/// What was there at one moment: lines by the kind of thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory {
    folders: Vec<PathBuf>,
    roots: Vec<PathBuf>,
    lines: BTreeMap<&'static str, BTreeSet<String>>,
}

impl Inventory {
    /// Reads the host's state now, with the names of the files below `folders`. Needs root, `ip` and `nft`.
    pub fn take(folders: &[&Path]) -> Self {
        let folders: Vec<PathBuf> = folders.iter().map(|folder| (*folder).to_owned()).collect();
        Self::read(&folders, &folders)
    }

    /// The same for one whose files may stay, such as images: only what runs is read of it. Its root is `folder`, or below.
    pub fn take_without_files(folder: &Path) -> Self {
        Self::read(&[], &[folder.to_owned()])
    }

    fn read(folders: &[PathBuf], roots: &[PathBuf]) -> Self {
        let lines = BTreeMap::from([
            ("mounts", file_lines("/proc/self/mountinfo")),
            ("cgroups", cgroups()),
            ("links", json_lines("ip", &["-j", "-d", "link"], LINK)),
            (
                "addresses",
                json_lines(
                    "ip",
                    &["-j", "addr"],
                    &["ifname", "addr_info/family", "addr_info/local", "addr_info/prefixlen"],
                ),
            ),
            ("routes", routes()),
            ("rules", json_lines("nft", &["-j", "list", "ruleset"], &[])),
            ("namespaces", files_below(Path::new("/run/netns"))),
            ("processes", processes(roots)),
            ("files", files(folders)),
            ("settings", settings()),
        ]);
        Self { folders: folders.to_owned(), roots: roots.to_owned(), lines }
    }

    /// Fails the test unless the host comes back to this state within a moment.
    #[track_caller]
    pub fn assert_restored(&self) {
        let until = Instant::now() + SETTLING;
        loop {
            let difference = self.difference(&Self::read(&self.folders, &self.roots));
            if difference.is_empty() {
                return;
            }
            assert!(Instant::now() < until, "the host is not as it was:\n{difference}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// What is new in `after` and what is gone, a line each; empty when nothing is.
    pub fn difference(&self, after: &Self) -> String {
        let mut told = String::new();
        for (kind, before) in &self.lines {
            let after = &after.lines[kind];
            let new = after.difference(before).map(|line| format!("  {kind}, left behind: {line}\n"));
            let gone = before.difference(after).map(|line| format!("  {kind}, gone: {line}\n"));
            told.extend(new.chain(gone));
        }
        told
    }

    /// The lines of one kind.
    pub fn lines(&self, kind: &str) -> &BTreeSet<String> {
        &self.lines[kind]
    }
}

/// What of a link stays as it is while nobody changes it; counters and timers do not.
const LINK: &[&str] =
    &["ifindex", "ifname", "mtu", "master", "link_type", "address", "linkinfo/info_kind", "link_netnsid"];

fn file_lines(path: &str) -> BTreeSet<String> {
    std::fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// The cgroups of every hierarchy that rlab made, and the controllers of v2 that are handed down at the top and by them:
/// others, such as a service manager, make and remove their groups as they like.
fn cgroups() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in file_lines("/proc/self/mountinfo") {
        let fields: Vec<&str> = line.split(' ').collect();
        let kind = fields.iter().position(|field| *field == "-").map_or("", |dash| fields[dash + 1]);
        if kind.starts_with("cgroup") {
            let top = Path::new(fields[4]);
            walk(top, &mut |path, is_folder| {
                let is_own = path.to_string_lossy().contains("rlab");
                if path.ends_with("cgroup.subtree_control") && (is_own || path.parent() == Some(top)) {
                    let controllers = std::fs::read_to_string(path).unwrap_or_default();
                    found.insert(format!("{} {}", path.display(), controllers.trim()));
                } else if is_folder && is_own {
                    found.insert(path.display().to_string());
                }
            });
        }
    }
    found
}

fn routes() -> BTreeSet<String> {
    let fields = &["type", "dst", "gateway", "dev", "table", "protocol", "scope", "prefsrc", "metric"];
    let mut found = json_lines("ip", &["-j", "-4", "route", "show", "table", "all"], fields);
    found.extend(json_lines("ip", &["-j", "-6", "route", "show", "table", "all"], fields));
    found
}

fn settings() -> BTreeSet<String> {
    let read = |path: &str| Some(format!("{path} = {}", std::fs::read_to_string(path).ok()?.trim()));
    SETTINGS.iter().filter_map(|path| read(path)).collect()
}

fn files(folders: &[PathBuf]) -> BTreeSet<String> {
    let roots = DEFAULT_ROOTS.iter().map(PathBuf::from).chain(folders.iter().cloned());
    roots.flat_map(|folder| files_below(&folder)).collect()
}

fn files_below(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    walk(folder, &mut |path, is_folder| {
        found.insert(format!("{}{}", path.display(), if is_folder { "/" } else { "" }));
    });
    found
}

/// Visits a folder and what is below it. What vanishes meanwhile is passed over.
fn walk(folder: &Path, visit: &mut impl FnMut(&Path, bool)) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    visit(folder, true);
    for entry in entries.flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => walk(&entry.path(), visit),
            Ok(_) => visit(&entry.path(), false),
            Err(_) => {}
        }
    }
}

/// The processes of the rlab that this test built, those that inherited one of the roots, those that see a tree below
/// one: containers, and those that were told of a file there: machines. The rest of the host comes and goes as it likes.
fn processes(roots: &[PathBuf]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let folder = entry.path();
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // A kernel thread has no program, and neither has a process that is gone by now.
        let Ok(program) = std::fs::read_link(folder.join("exe")) else { continue };
        let read = |name: &str| {
            String::from_utf8_lossy(&std::fs::read(folder.join(name)).unwrap_or_default()).replace('\0', " ")
        };
        let (environment, mounts, words) = (read("environ"), read("mountinfo"), read("cmdline"));
        let of_a_root = roots.iter().map(|root| root.to_string_lossy()).any(|root| {
            let named = format!("{root}/vm/");
            environment.contains(&format!("RLAB_ROOT={root}"))
                || mounts.contains(&format!("upperdir={root}"))
                || words.contains(&named)
        });
        if !of_a_root && environment.contains("RLAB_ROOT=") {
            continue; // another test's, which only reads or fetches, and so takes no turn
        }
        if of_a_root || program.to_string_lossy().starts_with(env!("CARGO_BIN_EXE_rlab")) {
            found.insert(format!("{pid} {}", words.trim()));
        }
    }
    found
}

/// Runs a command that prints JSON, and gives a line for each of its entries; with `fields`, only these, by path.
fn json_lines(program: &str, arguments: &[&str], fields: &[&str]) -> BTreeSet<String> {
    let path = super::need::find_program(program).unwrap_or_else(|| program.into());
    let output = Command::new(path).args(arguments).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {}: {told}", arguments.join(" "));
    // iproute2 6.1 prints nothing at all where there is nothing to list.
    let value: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let entries = value.get("nftables").unwrap_or(&value).as_array().cloned().unwrap_or_default();
    entries.iter().filter(|entry| entry.get("metainfo").is_none()).map(|entry| line(entry, fields)).collect()
}

fn line(entry: &Value, fields: &[&str]) -> String {
    if fields.is_empty() {
        let mut entry = entry.clone();
        forget_counts(&mut entry);
        return entry.to_string();
    }
    let told = fields.iter().filter_map(|field| {
        let values =
            field.split('/').fold(vec![entry], |values, name| values.iter().flat_map(|v| children(v, name)).collect());
        let texts: Vec<String> = values.iter().map(|value| value.to_string().replace('"', "")).collect();
        (!texts.is_empty()).then(|| format!("{field}={}", texts.join(",")))
    });
    told.collect::<Vec<_>>().join(" ")
}

/// The value under a name; of a list, the one of each of its entries.
fn children<'a>(value: &'a Value, name: &str) -> Vec<&'a Value> {
    match value {
        Value::Array(entries) => entries.iter().filter_map(|entry| entry.get(name)).collect(),
        _ => value.get(name).into_iter().collect(),
    }
}

/// Takes away what changes by itself: the numbers nft gives to rules, and what counters have counted.
fn forget_counts(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for name in ["handle", "packets", "bytes"] {
                map.shift_remove(name);
            }
            map.values_mut().for_each(forget_counts);
        }
        Value::Array(entries) => entries.iter_mut().for_each(forget_counts),
        _ => {}
    }
}
