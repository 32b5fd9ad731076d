//! config.json, read once: from here on there are no options to puzzle over.
//!
//! A [`Plan`] is what the stages work from. Whatever can't be done is refused here, before anything was made.

mod devices;
mod error;
mod ids;
mod mounts;
mod read;
mod sysctl;
mod text;

pub use error::PlanError;
pub use mounts::MountOptions;
pub use read::spec;

use error::{invalid, missing};
use text::{absolute, absolutes, optional, short, strings};

use super::create::{CreateOptions, EnterRoot};
use super::seccomp;
use crate::cgroup;
use crate::sys::{self, mount::MsFlags};
use oci_spec::runtime::{Linux, LinuxNamespaceType, Process, Spec};
use std::path::{Path, PathBuf};

/// See HOST_NAME_MAX in sethostname(2).
const MAX_HOST_NAME_BYTES: usize = 64;

/// One namespace: new, or an existing one by path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    /// Its CLONE_NEW* flag.
    pub flag: i32,
    /// The flag's name.
    pub spelt: &'static str,
    /// The file of an existing one.
    pub path: Option<PathBuf>,
}

/// One mount of the container's tree.
#[derive(Debug, Clone)]
pub struct Mount {
    /// Where, as the container sees it.
    pub destination: PathBuf,
    /// The filesystem's type; for a bind mount it means nothing.
    pub kind: String,
    /// What, for a bind mount a path of the host's.
    pub source: String,
    /// Flags, propagation, data.
    pub options: MountOptions,
}

/// A device node to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Where.
    pub path: PathBuf,
    /// A block device, else a character device.
    pub block: bool,
    /// The driver's number and the device's.
    pub numbers: (u64, u64),
    /// Its mode.
    pub mode: u32,
}

/// A resource limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rlimit {
    /// The RLIMIT_* number.
    pub resource: u32,
    /// Its name.
    pub name: String,
    /// What counts.
    pub soft: u64,
    /// How far the process may raise it.
    pub hard: u64,
}

/// The five capability sets, as masks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// What can ever be had.
    pub bounding: u64,
    /// What is in force.
    pub effective: u64,
    /// What may be put in force.
    pub permitted: u64,
    /// What a program with file capabilities may inherit.
    pub inheritable: u64,
    /// What a program without them keeps.
    pub ambient: u64,
}

/// A line of an id map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdMap {
    /// First number inside.
    pub inside: u32,
    /// First number outside.
    pub outside: u32,
    /// How many.
    pub length: u32,
}

/// All that init and its parent have to know.
pub struct Plan {
    pub rootfs: PathBuf,
    pub root_readonly: bool,
    pub root_propagation: MsFlags,
    pub enter_root: EnterRoot,
    pub namespaces: Vec<Namespace>,
    pub uid_map: Vec<IdMap>,
    pub gid_map: Vec<IdMap>,
    pub mounts: Vec<Mount>,
    pub devices: Vec<Device>,
    pub masked_paths: Vec<PathBuf>,
    pub readonly_paths: Vec<PathBuf>,
    pub hostname: Option<String>,
    pub domainname: Option<String>,
    pub sysctl: Vec<(PathBuf, String)>,
    pub rlimits: Vec<Rlimit>,
    pub uid: u32,
    pub gid: u32,
    pub groups: Vec<u32>,
    pub umask: u32,
    pub capabilities: Option<Capabilities>,
    pub no_new_privileges: bool,
    pub seccomp: Option<seccomp::Filter>,
    pub oom_score_adj: Option<i32>,
    pub args: Vec<String>,
    pub env: Vec<String>,
    pub cwd: PathBuf,
    pub terminal: bool,
    pub console_size: Option<sys::WindowSize>,
    pub init: bool,
    pub cgroup: cgroup::Plan,
    pub group: cgroup::Cgroup,
}

impl Plan {
    /// Reads a spec. `bundle` is where its relative paths begin.
    pub fn new(
        spec: &Spec,
        bundle: &Path,
        options: &CreateOptions,
        layout: &cgroup::Layout,
    ) -> Result<Plan, super::Error> {
        let process = spec.process().as_ref().ok_or_else(|| missing("process"))?;
        let linux = spec.linux().as_ref().ok_or_else(|| missing("linux"))?;
        let user = process.user();
        refuse_unsupported(spec, linux, process)?;
        let cgroups_path = linux.cgroups_path().clone().unwrap_or_else(|| Path::new("/rlab").join(&options.id));
        let cgroups_path = short("linux.cgroupsPath", &cgroups_path.to_string_lossy())?;
        let cgroup = cgroup::plan(&cgroups_path, linux.resources().as_ref(), layout)?;
        let namespaces = namespaces(linux)?;
        let (uid_map, gid_map) = ids::maps(linux, user, &namespaces)?;
        Ok(Plan {
            rootfs: rootfs(spec, bundle)?,
            root_readonly: spec.root().as_ref().and_then(|root| root.readonly()).unwrap_or(false),
            root_propagation: root_propagation(linux)?,
            enter_root: options.enter_root,
            uid_map,
            gid_map,
            mounts: spec.mounts().iter().flatten().map(mounts::mount).collect::<Result<_, _>>()?,
            devices: devices::devices(linux)?,
            masked_paths: absolutes("linux.maskedPaths", linux.masked_paths().as_deref())?,
            readonly_paths: absolutes("linux.readonlyPaths", linux.readonly_paths().as_deref())?,
            hostname: host_name("hostname", spec.hostname().as_deref(), &namespaces)?,
            domainname: host_name("domainname", spec.domainname().as_deref(), &namespaces)?,
            sysctl: sysctl::settings(linux, &namespaces)?,
            rlimits: rlimits(process)?,
            uid: ids::id("process.user.uid", user.uid())?,
            gid: ids::id("process.user.gid", user.gid())?,
            groups: ids::groups(user)?,
            umask: within("process.user.umask", user.umask().unwrap_or(0o022), 0, 0o777)?,
            capabilities: process.capabilities().as_ref().map(capabilities).transpose()?,
            no_new_privileges: process.no_new_privileges().unwrap_or(false),
            seccomp: filter(linux)?,
            oom_score_adj: process
                .oom_score_adj()
                .map(|score| within("process.oomScoreAdj", score, -1000, 1000))
                .transpose()?,
            args: args(process)?,
            env: strings("process.env", process.env().as_deref())?,
            cwd: absolute("process.cwd", process.cwd())?,
            terminal: process.terminal().unwrap_or(false),
            console_size: console_size(process)?,
            init: options.init,
            group: cgroup.cgroup()?,
            namespaces,
            cgroup,
        })
    }

    /// Whether a new namespace of this kind is asked for.
    pub fn creates(&self, flag: i32) -> bool {
        self.namespaces.iter().any(|namespace| namespace.flag == flag && namespace.path.is_none())
    }

    /// The program's user and group, as the host numbers them.
    pub fn owner_outside(&self) -> (u32, u32) {
        let outside = |map: &[IdMap], id: u32| {
            let line = map.iter().find(|line| id >= line.inside && id - line.inside < line.length);
            line.map_or(id, |line| line.outside + (id - line.inside))
        };
        if !self.creates(sys::CLONE_NEWUSER) {
            return (self.uid, self.gid);
        }
        (outside(&self.uid_map, self.uid), outside(&self.gid_map, self.gid))
    }

    /// The tree's path as rlab sees it, for the probes.
    pub fn rootfs(&self) -> &Path {
        &self.rootfs
    }
}

fn refuse_unsupported(spec: &Spec, linux: &Linux, process: &Process) -> Result<(), PlanError> {
    if !spec.version().starts_with("1.") {
        return Err(invalid("ociVersion", spec.version(), "is no version that rlab knows: it knows 1.x"));
    }
    let unsupported = [
        (spec.hooks().is_some(), "hooks"),
        (linux.intel_rdt().is_some(), "linux.intelRdt"),
        (linux.personality().is_some(), "linux.personality"),
        (linux.net_devices().is_some(), "linux.netDevices"),
        (linux.memory_policy().is_some(), "linux.memoryPolicy"),
        (linux.mount_label().as_ref().is_some_and(|label| !label.is_empty()), "linux.mountLabel"),
        (linux.time_offsets().is_some(), "linux.timeOffsets"),
        (process.apparmor_profile().as_ref().is_some_and(|profile| !profile.is_empty()), "process.apparmorProfile"),
        (process.selinux_label().as_ref().is_some_and(|label| !label.is_empty()), "process.selinuxLabel"),
        (process.scheduler().is_some(), "process.scheduler"),
        (process.io_priority().is_some(), "process.ioPriority"),
    ];
    match unsupported.into_iter().find(|(asked, _)| *asked) {
        Some((_, field)) => Err(PlanError::Unsupported(field)),
        None => Ok(()),
    }
}

fn rootfs(spec: &Spec, bundle: &Path) -> Result<PathBuf, PlanError> {
    let root = spec.root().as_ref().ok_or_else(|| missing("root"))?;
    let path = short("root.path", &root.path().to_string_lossy())?;
    if path.is_empty() {
        return Err(missing("root.path"));
    }
    let rootfs = absolute("root.path", &bundle.join(path))?;
    // Everything that is mounted and made in the container's tree would be in the host's.
    if rootfs == Path::new("/") {
        return Err(invalid("root.path", rootfs.display(), "is the host's own tree"));
    }
    Ok(rootfs)
}

fn args(process: &Process) -> Result<Vec<String>, PlanError> {
    let args = strings("process.args", process.args().as_deref())?;
    if args.first().is_none_or(String::is_empty) { Err(missing("process.args")) } else { Ok(args) }
}

/// A name for the UTS namespace. Without one of its own, the container would rename the host.
fn host_name(field: &'static str, name: Option<&str>, namespaces: &[Namespace]) -> Result<Option<String>, PlanError> {
    let Some(name) = optional(field, name)? else { return Ok(None) };
    if name.len() > MAX_HOST_NAME_BYTES {
        return Err(invalid(field, name, "is longer than a host's name can be"));
    }
    if !namespaces.iter().any(|namespace| namespace.flag == sys::CLONE_NEWUTS) {
        return Err(invalid(field, name, "would rename the host, because there is no UTS namespace"));
    }
    Ok(Some(name))
}

fn within<N: PartialOrd + ToString>(field: &'static str, number: N, least: N, most: N) -> Result<N, PlanError> {
    if number >= least && number <= most { Ok(number) } else { Err(invalid(field, number, "is out of range")) }
}

fn console_size(process: &Process) -> Result<Option<sys::WindowSize>, PlanError> {
    let Some(size) = process.console_size() else { return Ok(None) };
    let side = |side: u64| {
        u16::try_from(side).map_err(|_| invalid("process.consoleSize", side, "is more than a terminal can have"))
    };
    Ok(Some(sys::WindowSize { rows: side(size.height())?, columns: side(size.width())? }))
}

fn root_propagation(linux: &Linux) -> Result<MsFlags, PlanError> {
    match linux.rootfs_propagation().as_deref() {
        None | Some("") => Ok(MsFlags::MS_PRIVATE | MsFlags::MS_REC),
        Some(word) => mounts::propagation(word)
            .map(|kind| kind | MsFlags::MS_REC)
            .ok_or_else(|| invalid("linux.rootfsPropagation", word, "is no propagation type")),
    }
}

fn namespaces(linux: &Linux) -> Result<Vec<Namespace>, PlanError> {
    let read = |namespace: &oci_spec::runtime::LinuxNamespace| {
        let (flag, spelt) = match namespace.typ() {
            LinuxNamespaceType::User => (sys::CLONE_NEWUSER, "CLONE_NEWUSER"),
            LinuxNamespaceType::Pid => (sys::CLONE_NEWPID, "CLONE_NEWPID"),
            LinuxNamespaceType::Mount => (sys::CLONE_NEWNS, "CLONE_NEWNS"),
            LinuxNamespaceType::Uts => (sys::CLONE_NEWUTS, "CLONE_NEWUTS"),
            LinuxNamespaceType::Ipc => (sys::CLONE_NEWIPC, "CLONE_NEWIPC"),
            LinuxNamespaceType::Network => (sys::CLONE_NEWNET, "CLONE_NEWNET"),
            LinuxNamespaceType::Cgroup => (sys::CLONE_NEWCGROUP, "CLONE_NEWCGROUP"),
            LinuxNamespaceType::Time => (sys::CLONE_NEWTIME, "CLONE_NEWTIME"),
        };
        // As in Go, whose zero value is written by some callers: an empty path is none.
        let path = namespace.path().as_deref().filter(|path| !path.as_os_str().is_empty());
        Ok::<_, PlanError>(Namespace {
            flag,
            spelt,
            path: path.map(|path| absolute("linux.namespaces.path", path)).transpose()?,
        })
    };
    let namespaces: Vec<Namespace> = linux.namespaces().iter().flatten().map(read).collect::<Result<_, _>>()?;
    for (at, one) in namespaces.iter().enumerate() {
        if namespaces[..at].iter().any(|other| other.flag == one.flag) {
            return Err(invalid("linux.namespaces", one.spelt, "is there twice"));
        }
    }
    let by_path = |flag: i32| namespaces.iter().any(|namespace| namespace.flag == flag && namespace.path.is_some());
    if by_path(sys::CLONE_NEWPID) || by_path(sys::CLONE_NEWUSER) {
        return Err(PlanError::Unsupported("joining a pid or user namespace by path"));
    }
    // Without a mount namespace of its own, the container's mounts and its pivot_root would be the host's.
    if !namespaces.iter().any(|namespace| namespace.flag == sys::CLONE_NEWNS && namespace.path.is_none()) {
        return Err(missing("a new mount namespace in linux.namespaces"));
    }
    Ok(namespaces)
}

/// The limits. Of two of one kind nobody could say which counts: runtime-spec has that be an error.
fn rlimits(process: &Process) -> Result<Vec<Rlimit>, PlanError> {
    let limits: Vec<Rlimit> = process.rlimits().iter().flatten().map(rlimit).collect::<Result<_, _>>()?;
    for (at, one) in limits.iter().enumerate() {
        if limits[..at].iter().any(|other| other.resource == one.resource) {
            return Err(invalid("process.rlimits", &one.name, "is there twice"));
        }
    }
    Ok(limits)
}

fn rlimit(limit: &oci_spec::runtime::PosixRlimit) -> Result<Rlimit, PlanError> {
    const NAMES: [&str; 16] = [
        "CPU",
        "FSIZE",
        "DATA",
        "STACK",
        "CORE",
        "RSS",
        "NPROC",
        "NOFILE",
        "MEMLOCK",
        "AS",
        "LOCKS",
        "SIGPENDING",
        "MSGQUEUE",
        "NICE",
        "RTPRIO",
        "RTTIME",
    ];
    let name = limit.typ().to_string().to_ascii_uppercase();
    let name = if name.starts_with("RLIMIT_") { name } else { name.replacen("RLIMIT", "RLIMIT_", 1) };
    let resource = NAMES.iter().position(|known| name.strip_prefix("RLIMIT_") == Some(known));
    let resource = resource.and_then(|at| u32::try_from(at).ok());
    let resource = resource.ok_or_else(|| invalid("process.rlimits.type", &name, "is no resource of getrlimit(2)"))?;
    if limit.soft() > limit.hard() {
        return Err(invalid("process.rlimits", &name, "has a soft limit above its hard limit"));
    }
    Ok(Rlimit { resource, name, soft: limit.soft(), hard: limit.hard() })
}

fn capabilities(sets: &oci_spec::runtime::LinuxCapabilities) -> Result<Capabilities, PlanError> {
    let mask = |set: &Option<oci_spec::runtime::Capabilities>| {
        let names: Vec<String> = set.iter().flatten().map(ToString::to_string).collect();
        sys::capability_mask(&names)
            .ok_or_else(|| invalid("process.capabilities", names.join(" "), "names no capability"))
    };
    let sets = Capabilities {
        bounding: mask(sets.bounding())?,
        effective: mask(sets.effective())?,
        permitted: mask(sets.permitted())?,
        inheritable: mask(sets.inheritable())?,
        ambient: mask(sets.ambient())?,
    };
    // What the kernel demands, see capabilities(7): it would refuse the whole set when all else is done.
    if sets.effective & !sets.permitted != 0 {
        return Err(invalid("process.capabilities.effective", "", "holds what permitted does not"));
    }
    if sets.ambient & !(sets.permitted & sets.inheritable) != 0 {
        return Err(invalid("process.capabilities.ambient", "", "holds what permitted or inheritable does not"));
    }
    Ok(sets)
}

fn filter(linux: &Linux) -> Result<Option<seccomp::Filter>, PlanError> {
    let Some(profile) = linux.seccomp() else { return Ok(None) };
    let filter = seccomp::compile(profile).map_err(PlanError::Seccomp)?;
    // Someone would have to answer for every such call, and nobody here does.
    if filter.flags.new_listener {
        return Err(PlanError::Unsupported("SCMP_ACT_NOTIFY in linux.seccomp"));
    }
    Ok(Some(filter))
}

#[cfg(test)]
mod hostile;
