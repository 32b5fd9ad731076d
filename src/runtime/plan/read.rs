//! From the bytes of config.json to a spec, with the field named where they differ.
//!
//! Callers are written in languages where a number that is left out is 0. For an id map that would mean the host's root,
//! so what the specification requires has to be there.

use super::error::{PlanError, missing};
use oci_spec::runtime::Spec;
use serde_json::Value;

/// What runtime-spec requires, where the thing that it belongs to is there at all. `[]` is each entry of a list.
const REQUIRED: [&str; 28] = [
    "ociVersion",
    "root.path",
    "process.cwd",
    "process.user.uid",
    "process.user.gid",
    "process.rlimits[].type",
    "process.rlimits[].soft",
    "process.rlimits[].hard",
    "mounts[].destination",
    "linux.namespaces[].type",
    "linux.uidMappings[].containerID",
    "linux.uidMappings[].hostID",
    "linux.uidMappings[].size",
    "linux.gidMappings[].containerID",
    "linux.gidMappings[].hostID",
    "linux.gidMappings[].size",
    "linux.devices[].path",
    "linux.devices[].type",
    "linux.seccomp.defaultAction",
    "linux.seccomp.syscalls[].names",
    "linux.seccomp.syscalls[].action",
    "linux.resources.devices[].allow",
    "linux.resources.hugepageLimits[].pageSize",
    "linux.resources.hugepageLimits[].limit",
    "linux.resources.network.priorities[].name",
    "linux.resources.network.priorities[].priority",
    "linux.resources.blockIO.weightDevice[].major",
    "linux.resources.blockIO.weightDevice[].minor",
];

/// What has to be an object where it is there: a list in such a place would be taken for the fields in their order, and
/// an empty one for limits and capabilities that nobody set.
const OBJECTS: [&str; 27] = [
    "",
    "root",
    "process",
    "process.user",
    "process.consoleSize",
    "process.capabilities",
    "process.rlimits[]",
    "mounts[]",
    "linux",
    "linux.namespaces[]",
    "linux.uidMappings[]",
    "linux.gidMappings[]",
    "linux.devices[]",
    "linux.resources",
    "linux.resources.memory",
    "linux.resources.cpu",
    "linux.resources.pids",
    "linux.resources.blockIO",
    "linux.resources.blockIO.throttleReadBpsDevice[]",
    "linux.resources.devices[]",
    "linux.resources.hugepageLimits[]",
    "linux.resources.network",
    "linux.resources.network.priorities[]",
    "linux.resources.rdma",
    "linux.seccomp",
    "linux.seccomp.syscalls[]",
    "linux.seccomp.syscalls[].args[]",
];

/// Reads config.json.
pub fn spec(text: &[u8]) -> Result<Spec, PlanError> {
    let mut source = serde_json::Deserializer::from_slice(text);
    let spec = serde_path_to_error::deserialize(&mut source).map_err(|error| malformed(&error.to_string()))?;
    source.end().map_err(|error| malformed(&error.to_string()))?;
    let value: Value = serde_json::from_slice(text).map_err(|error| malformed(&error.to_string()))?;
    if let Some(path) = OBJECTS.into_iter().find(|path| has_list(&value, path)) {
        return Err(malformed(format!("{path}: a list where an object belongs").trim_start_matches(": ")));
    }
    match REQUIRED.into_iter().find(|path| is_missing(&value, path)) {
        Some(path) => Err(missing(path)),
        None => Ok(spec),
    }
}

fn has_list(value: &Value, path: &str) -> bool {
    let (name, rest) = path.split_once('.').unwrap_or((path, ""));
    match name.strip_suffix("[]") {
        _ if name.is_empty() => value.is_array(),
        None => value.get(name).is_some_and(|found| has_list(found, rest)),
        Some(list) => value[list].as_array().is_some_and(|all| all.iter().any(|one| has_list(one, rest))),
    }
}

/// A parser's message repeats what it found, which may be a megabyte.
fn malformed(problem: &str) -> PlanError {
    PlanError::Malformed(super::error::shown(problem))
}

fn is_missing(value: &Value, path: &str) -> bool {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let list = name.strip_suffix("[]");
    let found = value.get(list.unwrap_or(name)).filter(|found| !found.is_null());
    match (found, rest, list) {
        (None, rest, _) => rest.is_none(),
        (Some(_), None, _) => false,
        (Some(found), Some(rest), None) => is_missing(found, rest),
        (Some(found), Some(rest), Some(_)) => {
            found.as_array().is_some_and(|all| all.iter().any(|one| is_missing(one, rest)))
        }
    }
}
