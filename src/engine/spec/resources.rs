//! Limits: Docker's flags become the runtime specification's resources.

use crate::engine::Error;
use crate::engine::options::{RunOptions, Ulimit};
use serde_json::{Map, Value, json};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};

/// The period over which processor time is counted, in microseconds: the kernel's default, and Docker's.
const CPU_PERIOD_US: u64 = 100_000;
/// As Docker: with less, the runtime's own start does not fit.
const MIN_MEMORY_BYTES: i64 = 6 << 20;

/// `linux.resources`.
pub fn resources(options: &RunOptions) -> Result<Value, Error> {
    let mut resources = Map::new();
    resources.insert("devices".to_owned(), if options.privileged { allow_all() } else { allowed_devices() });
    if let Some(limit) = options.memory_bytes {
        if limit < MIN_MEMORY_BYTES {
            let reason = "the least that can be given is 6m".to_owned();
            return Err(Error::Flag { flag: "--memory", value: limit.to_string(), reason });
        }
        // As Docker: without --memory-swap, as much swap again as memory.
        let swap = options.memory_swap_bytes.unwrap_or(limit * 2);
        if swap != -1 && swap < limit {
            let reason = "counts memory and swap together, so it can't be less than --memory".to_owned();
            return Err(Error::Flag { flag: "--memory-swap", value: swap.to_string(), reason });
        }
        resources.insert("memory".to_owned(), json!({"limit": limit, "swap": swap}));
    } else if options.memory_swap_bytes.is_some() {
        let reason = "has no meaning without --memory".to_owned();
        return Err(Error::Flag { flag: "--memory-swap", value: String::new(), reason });
    }
    let mut cpu = Map::new();
    if let Some(millis) = options.cpu_millis {
        cpu.insert("quota".to_owned(), json!(CPU_PERIOD_US * millis / 1000));
        cpu.insert("period".to_owned(), json!(CPU_PERIOD_US));
    }
    if let Some(shares) = options.cpu_shares {
        cpu.insert("shares".to_owned(), json!(shares));
    }
    if !cpu.is_empty() {
        resources.insert("cpu".to_owned(), Value::Object(cpu));
    }
    if let Some(limit) = options.pids_limit {
        resources.insert("pids".to_owned(), json!({"limit": limit}));
    }
    Ok(Value::Object(resources))
}

fn allow_all() -> Value {
    json!([{"allow": true, "access": "rwm"}])
}

/// All devices are refused but these. Making a node (m) is allowed for any number: without read or write it does nothing.
fn allowed_devices() -> Value {
    let mut rules = vec![json!({"allow": false, "access": "rwm"})];
    rules.push(json!({"allow": true, "type": "c", "access": "m"}));
    rules.push(json!({"allow": true, "type": "b", "access": "m"}));
    // null, zero, full, random, urandom; tty, console, ptmx; every pseudoterminal.
    for (major, minor) in [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2)] {
        rules.push(json!({"allow": true, "type": "c", "major": major, "minor": minor, "access": "rwm"}));
    }
    rules.push(json!({"allow": true, "type": "c", "major": 136, "access": "rwm"}));
    json!(rules)
}

/// `--privileged`: the host's device nodes, one for one.
pub fn host_devices() -> Vec<Value> {
    let Ok(entries) = std::fs::read_dir("/dev") else { return Vec::new() };
    let mut devices: Vec<Value> = entries.flatten().filter_map(|entry| device(&entry)).collect();
    devices.sort_by_key(|device| device["path"].as_str().unwrap_or_default().to_owned());
    devices
}

fn device(entry: &std::fs::DirEntry) -> Option<Value> {
    let found = entry.metadata().ok()?;
    let kind = match found.file_type() {
        kind if kind.is_char_device() => "c",
        kind if kind.is_block_device() => "b",
        _ => return None,
    };
    // Terminals of the host's would let the container speak as whoever sits there; it gets a console of its own.
    let path = entry.path();
    if path.ends_with("console") || path.ends_with("tty") || path.ends_with("ptmx") {
        return None;
    }
    // The kernel's split of a device number, see makedev(3).
    let rdev = found.rdev();
    let (major, minor) = (((rdev >> 8) & 0xfff) | ((rdev >> 32) & !0xfff), (rdev & 0xff) | ((rdev >> 12) & !0xff));
    let mode = found.permissions().mode() & 0o7777;
    Some(json!({"path": path, "type": kind, "major": major, "minor": minor, "fileMode": mode}))
}

/// The limits of getrlimit(2), by Docker's names.
const RLIMITS: [&str; 16] = [
    "as",
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

/// `process.rlimits`. -1 is unlimited.
pub fn rlimits(ulimits: &[Ulimit]) -> Result<Value, Error> {
    ulimits.iter().map(rlimit).collect()
}

fn rlimit(ulimit: &Ulimit) -> Result<Value, Error> {
    let refused = |reason: String| Error::Flag { flag: "--ulimit", value: ulimit.name.clone(), reason };
    let name = ulimit.name.to_ascii_lowercase();
    if !RLIMITS.contains(&name.as_str()) {
        return Err(refused(format!("is no limit of a process: there are {}", RLIMITS.join(", "))));
    }
    let number = |value: i64| u64::try_from(value).unwrap_or(u64::MAX);
    let (soft, hard) = (number(ulimit.soft), number(ulimit.hard));
    if soft > hard {
        return Err(refused("the soft limit, which comes first, can't be above the hard one".to_owned()));
    }
    Ok(json!({"type": format!("RLIMIT_{}", name.to_ascii_uppercase()), "soft": soft, "hard": hard}))
}
