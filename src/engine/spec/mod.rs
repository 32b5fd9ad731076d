//! Image and wishes become the runtime's order form, config.json.
//!
//! Pure: what goes in is data, what comes out is data. The form is written as JSON because that is what it is, and what a
//! student will see in the bundle; the runtime reads it with the types of the OCI specification.

mod mounts;
mod resources;
mod security;

use super::idmap;
use super::options::RunOptions;
use super::user::User;
use crate::image::config::ExecConfig;
use crate::network::Mode;
use serde_json::{Map, Value, json};
use std::path::Path;

/// The version of the runtime specification that the form follows.
const OCI_VERSION: &str = "1.2.0";
/// What Docker gives a container that names no PATH itself.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// All that the form is made of.
pub struct Order<'a> {
    /// The container's id.
    pub id: &'a str,
    /// The user's wishes.
    pub options: &'a RunOptions,
    /// The image's defaults.
    pub image: &'a ExecConfig,
    /// The program and its arguments.
    pub args: &'a [String],
    /// Who it runs as.
    pub user: &'a User,
    /// The host name inside.
    pub hostname: &'a str,
    /// The network namespace to join.
    pub netns: Option<&'a Path>,
    /// The container's tree.
    pub rootfs: &'a Path,
    /// The directory with the files for /etc.
    pub dir: &'a Path,
    /// The kernel's release, for profiles that depend on it.
    pub kernel: (u32, u32),
    /// Rows and columns of the user's terminal.
    pub console: Option<(u16, u16)>,
}

// ANCHOR: spec
/// The form.
pub fn spec(order: &Order<'_>) -> Result<Value, super::Error> {
    let options = order.options;
    refuse_contradictions(options)?;
    let mut process = json!({
        "terminal": options.terminal,
        "user": {"uid": order.user.uid, "gid": order.user.gid, "additionalGids": order.user.groups},
        "args": order.args,
        "env": whole_env(order),
        "cwd": workdir(order.options.workdir.as_deref(), order.image),
        "noNewPrivileges": options.no_new_privileges,
        "capabilities": security::capabilities(options, order.user.uid)?,
    });
    if let Some((rows, columns)) = order.console {
        process["consoleSize"] = json!({"height": rows, "width": columns});
    }
    if !options.ulimits.is_empty() {
        process["rlimits"] = resources::rlimits(&options.ulimits)?;
    }
    let mut spec = json!({
        "ociVersion": OCI_VERSION,
        "process": process,
        "root": {"path": order.rootfs, "readonly": options.read_only},
        "mounts": mounts::mounts(order),
        "linux": linux(order)?,
    });
    if !options.host_uts {
        spec["hostname"] = json!(order.hostname);
    }
    Ok(spec)
}
// ANCHOR_END: spec

/// What Docker refuses as well, because one of the two would be ignored.
fn refuse_contradictions(options: &RunOptions) -> Result<(), super::Error> {
    if let (true, Some(name)) = (options.host_uts, &options.hostname) {
        let reason = "with --uts host it would rename the host".to_owned();
        return Err(super::Error::Flag { flag: "--hostname", value: name.clone(), reason });
    }
    match &options.workdir {
        Some(dir) if !Path::new(dir).is_absolute() => {
            let reason = "a directory inside begins with /".to_owned();
            Err(super::Error::Flag { flag: "--workdir", value: dir.clone(), reason })
        }
        _ => Ok(()),
    }
}

fn linux(order: &Order<'_>) -> Result<Value, super::Error> {
    let options = order.options;
    let mut linux = json!({
        "cgroupsPath": format!("/rlab/{}", order.id),
        "namespaces": namespaces(order),
        "resources": resources::resources(options)?,
    });
    if options.private_user {
        let map = json!([{"containerID": 0, "hostID": idmap::FIRST_ID, "size": idmap::ID_COUNT}]);
        linux["uidMappings"] = map.clone();
        linux["gidMappings"] = map;
    }
    let sysctl = sysctl(options);
    if !sysctl.is_empty() {
        linux["sysctl"] = Value::Object(sysctl);
    }
    if options.privileged {
        linux["devices"] = json!(resources::host_devices());
    } else {
        linux["maskedPaths"] = json!(security::MASKED);
        linux["readonlyPaths"] = json!(security::READ_ONLY);
    }
    if let Some(profile) = security::seccomp(options, order.kernel)? {
        linux["seccomp"] = profile;
    }
    Ok(linux)
}

fn namespaces(order: &Order<'_>) -> Value {
    let options = order.options;
    let mut namespaces = vec![json!({"type": "mount"})];
    let asked = [
        (!options.host_pid, "pid"),
        (!options.host_uts, "uts"),
        (!options.host_ipc, "ipc"),
        (!options.host_cgroup, "cgroup"),
        (options.private_user, "user"),
        (options.private_time, "time"),
    ];
    namespaces.extend(asked.iter().filter(|(wanted, _)| *wanted).map(|(_, kind)| json!({"type": kind})));
    if let Some(path) = order.netns {
        namespaces.push(json!({"type": "network", "path": path}));
    }
    json!(namespaces)
}

/// Any user may bind port 80 and send a ping in a network of its own: the ports are nobody else's.
fn sysctl(options: &RunOptions) -> Map<String, Value> {
    let mut sysctl = Map::new();
    if options.network != Mode::Host && !options.private_user {
        sysctl.insert("net.ipv4.ip_unprivileged_port_start".to_owned(), json!("0"));
        sysctl.insert("net.ipv4.ping_group_range".to_owned(), json!("0 2147483647"));
    }
    for (name, value) in &options.sysctl {
        sysctl.insert(name.clone(), json!(value));
    }
    sysctl
}

/// Where the program starts: what the user says, else what the image says.
pub fn workdir(wanted: Option<&str>, image: &ExecConfig) -> String {
    let image = Some(image.working_dir.as_str()).filter(|dir| !dir.is_empty());
    wanted.or(image).unwrap_or("/").to_owned()
}

/// The image's variables, then the user's; a later one of the same name replaces an earlier one.
pub fn env(hostname: &str, terminal: bool, image: &ExecConfig, wanted: &[String]) -> Vec<String> {
    let mut env = vec![PATH.to_owned(), format!("HOSTNAME={hostname}")];
    if terminal {
        env.push("TERM=xterm".to_owned());
    }
    for entry in image.env.iter().chain(wanted) {
        let (name, _) = entry.split_once('=').unwrap_or((entry, ""));
        env.retain(|known| known.split_once('=').is_none_or(|(known, _)| known != name));
        // `-e NAME` of a variable that rlab's own environment has not got takes it away.
        if entry.contains('=') {
            env.push(entry.clone());
        }
    }
    env
}

fn whole_env(order: &Order<'_>) -> Vec<String> {
    let mut env = env(order.hostname, order.options.terminal, order.image, &order.options.env);
    if !env.iter().any(|entry| entry.starts_with("HOME=")) {
        env.push(format!("HOME={}", order.user.home));
    }
    env
}
