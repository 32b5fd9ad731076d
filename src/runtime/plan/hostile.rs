//! Every field of config.json with every fault: it is taken in its right meaning, or refused by its name, and nothing
//! panics, hangs or overflows.
#![allow(clippy::disallowed_macros, reason = "a table says how long it is")]

use super::*;
use crate::runtime::create::Stdio;
use proptest::prelude::*;
use serde_json::{Value, json};

/// A bundle that asks for something in every field that rlab reads.
fn full() -> Value {
    json!({
        "ociVersion": "1.2.0",
        "hostname": "lab",
        "domainname": "example",
        "annotations": {"org.example": "x"},
        "root": {"path": "rootfs", "readonly": true},
        "process": process(),
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec"]},
            {"destination": "/data", "type": "bind", "source": "/srv", "options": ["rbind", "rprivate", "ro"]},
            {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["mode=1777", "size=65536k"]},
        ],
        "linux": linux(),
    })
}

fn process() -> Value {
    json!({
        "terminal": true,
        "consoleSize": {"height": 24, "width": 80},
        "user": {"uid": 1, "gid": 2, "umask": 18, "additionalGids": [3, 4]},
        "args": ["sh", "-c", "true"],
        "env": ["PATH=/bin", "A=b"],
        "cwd": "/work",
        "noNewPrivileges": true,
        "oomScoreAdj": 100,
        "apparmorProfile": "",
        "selinuxLabel": "",
        "capabilities": {
            "bounding": ["CAP_CHOWN", "CAP_KILL"], "effective": ["CAP_CHOWN"], "permitted": ["CAP_CHOWN", "CAP_KILL"],
            "inheritable": ["CAP_KILL"], "ambient": ["CAP_KILL"],
        },
        "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1024, "hard": 4096}, {"type": "RLIMIT_CORE", "soft": 0, "hard": 0}],
    })
}

fn linux() -> Value {
    let map = json!([{"containerID": 0, "hostID": 100_000, "size": 65_536}]);
    json!({
        "cgroupsPath": "/rlab/x",
        "rootfsPropagation": "rprivate",
        "mountLabel": "",
        "maskedPaths": ["/proc/kcore"],
        "readonlyPaths": ["/proc/sys"],
        "uidMappings": map,
        "gidMappings": map,
        "sysctl": {"net.ipv4.ip_forward": "0", "kernel.shmmax": "1"},
        "namespaces": [
            {"type": "mount"}, {"type": "pid"}, {"type": "uts"}, {"type": "ipc"}, {"type": "user"},
            {"type": "network", "path": "/run/netns/x"},
        ],
        "devices": [{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 438, "uid": 0, "gid": 0}],
        "resources": {
            "memory": {"limit": 67_108_864, "reservation": 33_554_432, "swap": 134_217_728, "disableOOMKiller": false},
            "cpu": {"shares": 512, "quota": 50_000, "period": 100_000, "burst": 0, "cpus": "0", "mems": "0"},
            "pids": {"limit": 100},
            "blockIO": {
                "weight": 100,
                "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 1000}],
            },
            "devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 1, "minor": 3, "access": "rw"}],
            "unified": {"memory.high": "100"},
        },
        "seccomp": {
            "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1, "architectures": ["SCMP_ARCH_X86_64"], "flags": [],
            "syscalls": [{"names": ["read", "write"], "action": "SCMP_ACT_ALLOW",
                          "args": [{"index": 0, "value": 1, "valueTwo": 0, "op": "SCMP_CMP_EQ"}]}],
        },
    })
}

fn plan(text: &[u8]) -> Result<Plan, crate::runtime::Error> {
    let mounts = "29 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n";
    let layout = cgroup::Layout::fixture(mounts, "0::/\n", &["cpuset", "cpu", "io", "memory", "pids", "hugetlb"]);
    let (id, stdio) = ("x".to_owned(), Stdio::default());
    let options = CreateOptions { id, enter_root: EnterRoot::PivotRoot, init: false, stdio };
    Plan::new(&spec(text)?, Path::new("/bundle"), &options, &layout)
}

/// What must hold of a plan, whatever it was made of: nothing in it can mean something else to the kernel.
fn sound(plan: &Plan) -> bool {
    let mut strings: Vec<&str> = plan.args.iter().chain(&plan.env).map(String::as_str).collect();
    strings.extend(plan.mounts.iter().flat_map(|mount| [mount.kind.as_str(), &mount.source]));
    strings.extend(plan.mounts.iter().flat_map(|mount| mount.options.data.iter().map(String::as_str)));
    strings.extend(plan.sysctl.iter().map(|(_, value)| value.as_str()));
    strings.extend(plan.hostname.iter().chain(&plan.domainname).map(String::as_str));
    let mut paths: Vec<&Path> = vec![&plan.rootfs, &plan.cwd];
    paths.extend(plan.mounts.iter().map(|mount| mount.destination.as_path()));
    paths.extend(plan.devices.iter().map(|device| device.path.as_path()));
    paths.extend(plan.masked_paths.iter().chain(&plan.readonly_paths).map(PathBuf::as_path));
    paths.extend(plan.sysctl.iter().map(|(path, _)| path.as_path()));
    let clean = |path: &&Path| {
        let text = path.to_string_lossy();
        path.is_absolute()
            && !text.contains('\0')
            && !path.components().any(|part| part == std::path::Component::ParentDir)
    };
    let ids = [plan.uid, plan.gid].into_iter().chain(plan.groups.iter().copied());
    let (uid, gid) = plan.owner_outside();
    strings.iter().all(|text| !text.contains('\0'))
        && paths.iter().all(clean)
        && plan.rootfs != Path::new("/")
        && ids.chain([uid, gid]).all(|id| id != u32::MAX)
        && plan
            .devices
            .iter()
            .all(|device| device.numbers.0 < 1 << 12 && device.numbers.1 < 1 << 20 && device.mode <= 0o7777)
        && plan.rlimits.iter().all(|limit| limit.soft <= limit.hard)
        && plan.umask <= 0o777
        && !plan.args.is_empty()
        && plan.namespaces.iter().any(|namespace| namespace.flag == sys::CLONE_NEWNS)
}

/// The place of every value in a document, each with its last name.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(key, child)| (key.clone(), child)).collect(),
        Value::Array(list) => list.iter().enumerate().map(|(at, child)| (at.to_string(), child)).collect(),
        _ => vec![],
    };
    for (name, child) in children {
        let place = format!("{at}/{name}");
        places(child, &place, found);
        found.push(place);
    }
}

/// What can be wrong with a value. `None` takes it away.
fn faults() -> Faults {
    vec![
        ("absent", None),
        ("null", Some(Value::Null)),
        ("a truth", Some(json!(true))),
        ("a number", Some(json!(7))),
        ("a number below zero", Some(json!(-1))),
        ("2^32 - 1", Some(json!(u32::MAX))),
        ("2^63", Some(json!(9_223_372_036_854_775_808u64))),
        ("2^64 - 1", Some(json!(u64::MAX))),
        ("the least of 64 bits", Some(json!(i64::MIN))),
        ("1e300", Some(json!(1e300))),
        ("an empty string", Some(json!(""))),
        ("a string with a NUL", Some(json!("/a\0b"))),
        ("a string with a newline", Some(json!("/a\nb"))),
        ("a string that climbs", Some(json!("/a/../../..//b/.."))),
        ("a relative string", Some(json!("../a"))),
        ("the host's root", Some(json!("/"))),
        ("an empty list", Some(json!([]))),
        ("a list of lists", Some(json!([[], [[]]]))),
        ("an empty object", Some(json!({}))),
        ("an object of another kind", Some(json!({"x": {"x": "x"}}))),
    ]
}

/// What can be too much of a value: a megabyte of text, a hundred thousand entries.
fn excesses(value: &Value) -> Faults {
    match value {
        Value::String(_) => vec![
            ("a megabyte", Some(json!("m".repeat(1 << 20)))),
            ("a path of a megabyte", Some(json!("/m".repeat(1 << 19)))),
        ],
        Value::Array(list) => {
            let entry = list.first().cloned().unwrap_or_else(|| json!("x"));
            let count = if entry.is_object() { 10_000 } else { 100_000 };
            vec![("a long list", Some(json!(vec![entry; count])))]
        }
        Value::Object(map) if map.values().all(Value::is_string) => {
            let all: serde_json::Map<_, _> = (0..100_000).map(|at| (format!("k{at}"), json!("v"))).collect();
            vec![("a large object", Some(Value::Object(all)))]
        }
        _ => vec![],
    }
}

fn with_fault(base: &Value, place: &str, fault: Option<&Value>) -> Vec<u8> {
    let mut value = base.clone();
    match fault {
        Some(fault) => *value.pointer_mut(place).unwrap() = fault.clone(),
        None => {
            let (parent, name) = place.rsplit_once('/').unwrap();
            match value.pointer_mut(parent).unwrap() {
                Value::Object(map) => drop(map.shift_remove(name)),
                Value::Array(list) => drop(list.remove(name.parse().unwrap())),
                _ => unreachable!(),
            }
        }
    }
    serde_json::to_vec(&value).unwrap()
}

/// Whether a message names the field, by its own name or that of what it is in.
fn names(message: &str, place: &str) -> bool {
    let words =
        [("cgroup path", "cgroupsPath"), ("map of the user namespace", "containerID"), ("UTS namespace", "namespaces")];
    let message = words.iter().fold(message.to_owned(), |told, (word, field)| told.replace(word, field)).to_lowercase();
    let known = |name: &str| message.contains(&name.to_lowercase());
    place.rsplit('/').filter(|name| name.parse::<usize>().is_err() && !name.is_empty()).take(3).any(known)
}

#[test]
fn the_bundle_that_all_faults_are_made_in_has_none() {
    let plan = plan(full().to_string().as_bytes()).unwrap();
    assert!(sound(&plan));
    assert_eq!(plan.owner_outside(), (100_001, 100_002));
}

type Faults = Vec<(&'static str, Option<Value>)>;

/// Makes each fault in each field, and fails unless it is taken in its right meaning or refused by name.
fn try_all(faults: impl Fn(&Value) -> Faults) {
    let base = full();
    let mut all = vec![];
    places(&base, "", &mut all);
    let (mut problems, mut tried, mut taken) = (vec![], 0, 0);
    for place in &all {
        for (what, fault) in faults(base.pointer(place).unwrap()) {
            tried += 1;
            match plan(&with_fault(&base, place, fault.as_ref())) {
                Ok(plan) => {
                    taken += 1;
                    let was_object = base.pointer(place).is_some_and(Value::is_object);
                    if !sound(&plan) || (was_object && fault.is_some_and(|fault| fault.is_array())) {
                        problems.push(format!("{place}, {what}: taken, but not sound"));
                    }
                }
                Err(error) => {
                    let told = error.to_string();
                    if !names(&told, place) || told.len() > 600 || error.hint().is_none() {
                        problems.push(format!("{place}, {what}: {told:.300} ({:?})", error.hint()));
                    }
                }
            }
        }
    }
    eprintln!("{tried} faulty bundles of {} fields, {taken} taken", all.len());
    assert!(problems.is_empty(), "{} of {tried}:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn every_field_with_every_fault_is_taken_rightly_or_refused_by_name() {
    try_all(|_| faults());
}

#[test]
fn every_field_in_excess_is_taken_rightly_or_refused_by_name() {
    try_all(excesses);
}

#[test]
fn nesting_repetition_and_bytes_that_are_no_text_are_refused() {
    let base = full();
    let mut all = vec![];
    places(&base, "", &mut all);
    let whole = base.to_string();
    let deep = [("[", "]"), ("{\"x\":", "}")].map(|(open, close)| [(open, close), (open, "")]);
    let deep =
        deep.concat().into_iter().map(|(open, close)| format!("{}1{}", open.repeat(100_000), close.repeat(100_000)));
    let deep: Vec<String> = deep.collect();
    for place in &all {
        let marked = String::from_utf8(with_fault(&base, place, Some(&json!("MARK")))).unwrap();
        for deep in &deep {
            assert!(plan(marked.replace("\"MARK\"", deep).as_bytes()).is_err(), "{place}");
        }
        let mut bytes = marked.clone().into_bytes();
        let at = marked.find("MARK").unwrap();
        bytes[at] = 0xff;
        assert!(plan(&bytes).is_err(), "{place}");
    }
    for name in ["ociVersion", "root", "process", "linux", "mounts", "hostname"] {
        let twice = whole.replacen('{', &format!("{{\"{name}\":{},", base[name]), 1);
        let told = plan(twice.as_bytes()).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(told.contains("duplicate") && told.contains(name), "{name}: {told}");
    }
    for text in ["", "{", "[]", "null", "1", "{}}", "\u{feff}{}"] {
        assert!(plan(text.as_bytes()).is_err(), "{text}");
    }
    assert!(plan(format!("{whole} x").as_bytes()).is_err());
}

/// Faults that no single value shows.
#[test]
fn what_contradicts_itself_is_refused_by_name() {
    let cases: [(&str, Value, &str); 22] = [
        ("/process/user/uid", json!(70_000), "process.user.uid: \"70000\" is not in the map"),
        ("/process/user/additionalGids", json!([u32::MAX]), "additionalGids"),
        ("/process/capabilities/permitted", json!([]), "process.capabilities.effective"),
        ("/process/capabilities/inheritable", json!([]), "process.capabilities.ambient"),
        (
            "/process/rlimits",
            json!([{"type": "RLIMIT_CPU", "soft": 1, "hard": 1}, {"type": "RLIMIT_CPU", "soft": 2, "hard": 2}]),
            "twice",
        ),
        ("/process/rlimits/0/soft", json!(5000), "soft limit above its hard limit"),
        ("/linux/namespaces", json!([{"type": "mount"}, {"type": "mount"}]), "twice"),
        ("/linux/namespaces", json!([{"type": "pid"}]), "mount namespace"),
        ("/linux/namespaces", json!([{"type": "mount"}]), "user namespace"),
        ("/linux/namespaces/5", json!({"type": "network", "path": "run/x"}), "linux.namespaces.path"),
        ("/linux/uidMappings", json!([{"containerID": 0, "hostID": u32::MAX, "size": 10}]), "no range"),
        ("/linux/uidMappings", json!([{"containerID": 0, "hostID": 0, "size": 0}]), "no range"),
        (
            "/linux/uidMappings",
            json!([{"containerID": 0, "hostID": 0, "size": 9}, {"containerID": 5, "hostID": 99, "size": 9}]),
            "overlaps",
        ),
        ("/linux/uidMappings", json!([{"containerID": 0, "size": 9}]), "linux.uidMappings[].hostID is missing"),
        ("/linux/devices/0/type", json!("p"), "a pipe in linux.devices is not supported"),
        ("/linux/devices/0/uid", json!(5), "an owner in linux.devices is not supported"),
        ("/linux/devices/0/path", json!("/.."), "linux.devices.path"),
        (
            "/linux/sysctl",
            json!({"kernel.core_pattern": "|/x"}),
            "linux.sysctl: \"kernel.core_pattern\" is a setting of the host",
        ),
        ("/linux/sysctl", json!({"net/../kernel/core_pattern": "|/x", "kernel/x": ""}), "a setting of the host"),
        ("/mounts/1/options", json!(["rbind", "rro"]), "mounts.options: \"rro\" is no option of a bind mount"),
        ("/mounts/1/source", json!("relative"), "mounts.source"),
        ("/mounts/2/options", json!(vec!["size=1k"; 1000]), "more options than a page holds"),
    ];
    for (place, value, expected) in cases {
        let told = plan(&with_fault(&full(), place, Some(&value))).err().map(|error| error.to_string());
        assert!(told.as_ref().is_some_and(|told| told.contains(expected)), "{place}: {told:?}");
    }
    let without_uts = json!([{"type": "mount"}, {"type": "user"}, {"type": "ipc"}, {"type": "network"}]);
    let told = plan(&with_fault(&full(), "/linux/namespaces", Some(&without_uts))).err().unwrap().to_string();
    assert!(told.contains("hostname: \"lab\" would rename the host"), "{told}");
}

#[test]
fn a_working_directory_that_climbs_is_read_as_docker_reads_it() {
    let cwd = |path: &str| plan(&with_fault(&full(), "/process/cwd", Some(&json!(path)))).map(|plan| plan.cwd).ok();
    assert_eq!(cwd("/a/../b/./c/"), Some(PathBuf::from("/b/c")));
    assert_eq!(cwd("/../../.."), Some(PathBuf::from("/")));
    assert_eq!(cwd("a"), None);
}

/// A document with a few of its values replaced by others of any kind.
fn mutated() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(|truth| json!(truth)),
        any::<i64>().prop_map(|number| json!(number)),
        any::<u32>().prop_map(|number| json!(number)),
        any::<u64>().prop_map(|number| json!(number)),
        "\\PC{0,12}".prop_map(|text| json!(text)),
        "[/.a\0\n:=]{0,12}".prop_map(|text| json!(text)),
    ];
    let value = leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::vec(("[a-zA-Z./]{0,8}", inner), 0..4)
                .prop_map(|all| Value::Object(all.into_iter().collect())),
        ]
    });
    proptest::collection::vec((any::<proptest::sample::Index>(), value), 1..4).prop_map(|changes| {
        let mut document = full();
        for (index, value) in changes {
            let mut all = vec![];
            places(&document, "", &mut all);
            if let Some(place) = document.pointer_mut(&all[index.index(all.len())]) {
                *place = value;
            }
        }
        document
    })
}

proptest! {
    #[test]
    fn a_foreign_bundle_never_panics_and_what_is_taken_is_sound(document in mutated()) {
        if let Ok(plan) = plan(document.to_string().as_bytes()) {
            prop_assert!(sound(&plan));
        }
    }

    #[test]
    fn foreign_bytes_never_panic(at in 0usize..3000, byte in any::<u8>(), end in 0usize..4000) {
        let mut bytes = full().to_string().into_bytes();
        bytes.truncate(end);
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        let _ = plan(&bytes);
    }
}
