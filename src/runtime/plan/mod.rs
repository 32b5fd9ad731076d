//! config.json, read once: from here on there are no options to puzzle over.
//!
//! A [`Plan`] is what the stages work from. Whatever can't be done is refused here, before anything was made.

mod mounts;

pub use mounts::MountOptions;

use super::create::{CreateOptions, EnterRoot};
use super::seccomp;
use crate::cgroup;
use crate::sys::{self, mount::MsFlags};
use oci_spec::runtime::{Linux, LinuxDeviceType, LinuxNamespaceType, Mount as SpecMount, Process, Spec};
use std::path::{Path, PathBuf};

/// What config.json asks for and can't have.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A field that must be there is not.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A field holds something that means nothing.
    #[error("{field}: {value:?} {reason}")]
    Invalid {
        /// The field's path.
        field: &'static str,
        /// What it holds.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Something the spec knows and rlab does not.
    #[error("{0} is not supported by rlab")]
    Unsupported(&'static str),
    /// The seccomp profile.
    #[error("linux.seccomp: {0}")]
    Seccomp(#[from] seccomp::Error),
}

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
        let process = spec.process().as_ref().ok_or(PlanError::Missing("process"))?;
        let linux = spec.linux().as_ref().ok_or(PlanError::Missing("linux"))?;
        let root = spec.root().as_ref().ok_or(PlanError::Missing("root"))?;
        let cgroups_path = linux.cgroups_path().clone().unwrap_or_else(|| Path::new("/rlab").join(&options.id));
        let cgroup = cgroup::plan(&cgroups_path.to_string_lossy(), linux.resources().as_ref(), layout)?;
        refuse_unsupported(spec, linux, process)?;
        Ok(Plan {
            rootfs: bundle.join(root.path()),
            root_readonly: root.readonly().unwrap_or(false),
            root_propagation: root_propagation(linux)?,
            enter_root: options.enter_root,
            namespaces: namespaces(linux)?,
            uid_map: id_map("linux.uidMappings", linux.uid_mappings().as_deref())?,
            gid_map: id_map("linux.gidMappings", linux.gid_mappings().as_deref())?,
            mounts: spec.mounts().iter().flatten().map(mount).collect::<Result<_, _>>()?,
            devices: devices(linux)?,
            masked_paths: absolutes("linux.maskedPaths", linux.masked_paths())?,
            readonly_paths: absolutes("linux.readonlyPaths", linux.readonly_paths())?,
            hostname: spec.hostname().clone(),
            domainname: spec.domainname().clone(),
            sysctl: sysctl(linux)?,
            rlimits: process.rlimits().iter().flatten().map(rlimit).collect::<Result<_, _>>()?,
            uid: process.user().uid(),
            gid: process.user().gid(),
            groups: process.user().additional_gids().clone().unwrap_or_default(),
            umask: process.user().umask().unwrap_or(0o022),
            capabilities: process.capabilities().as_ref().map(capabilities).transpose()?,
            no_new_privileges: process.no_new_privileges().unwrap_or(false),
            seccomp: filter(linux)?,
            oom_score_adj: process.oom_score_adj(),
            args: args(process)?,
            env: env(process)?,
            cwd: absolute("process.cwd", process.cwd())?,
            terminal: process.terminal().unwrap_or(false),
            console_size: console_size(process),
            init: options.init,
            group: cgroup.cgroup()?,
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
    let unsupported = [
        (spec.hooks().is_some(), "hooks"),
        (linux.intel_rdt().is_some(), "linux.intelRdt"),
        (linux.personality().is_some(), "linux.personality"),
        (linux.net_devices().is_some(), "linux.netDevices"),
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

fn args(process: &Process) -> Result<Vec<String>, PlanError> {
    let args = process.args().clone().unwrap_or_default();
    match args.iter().find(|arg| arg.contains('\0')) {
        _ if args.first().is_none_or(String::is_empty) => Err(PlanError::Missing("process.args")),
        Some(arg) => Err(invalid("process.args", arg, "holds a NUL byte")),
        None => Ok(args),
    }
}

fn env(process: &Process) -> Result<Vec<String>, PlanError> {
    let env = process.env().clone().unwrap_or_default();
    match env.iter().find(|entry| entry.contains('\0')) {
        Some(entry) => Err(invalid("process.env", entry, "holds a NUL byte")),
        None => Ok(env),
    }
}

fn absolute(field: &'static str, path: &Path) -> Result<PathBuf, PlanError> {
    match path.is_absolute() {
        true => Ok(path.to_owned()),
        false => Err(invalid(field, &path.to_string_lossy(), "is not an absolute path")),
    }
}

fn absolutes(field: &'static str, paths: &Option<Vec<String>>) -> Result<Vec<PathBuf>, PlanError> {
    paths.iter().flatten().map(|path| absolute(field, Path::new(path))).collect()
}

fn invalid(field: &'static str, value: &str, reason: &'static str) -> PlanError {
    PlanError::Invalid { field, value: value.to_owned(), reason }
}

fn console_size(process: &Process) -> Option<sys::WindowSize> {
    let size = process.console_size()?;
    Some(sys::WindowSize {
        rows: u16::try_from(size.height()).unwrap_or(u16::MAX),
        columns: u16::try_from(size.width()).unwrap_or(u16::MAX),
    })
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
        Namespace { flag, spelt, path: namespace.path().clone() }
    };
    let namespaces: Vec<Namespace> = linux.namespaces().iter().flatten().map(read).collect();
    let by_path = |flag: i32| namespaces.iter().any(|namespace| namespace.flag == flag && namespace.path.is_some());
    if by_path(sys::CLONE_NEWPID) || by_path(sys::CLONE_NEWUSER) {
        return Err(PlanError::Unsupported("joining a pid or user namespace by path"));
    }
    let user = namespaces.iter().any(|namespace| namespace.flag == sys::CLONE_NEWUSER);
    if user && [linux.uid_mappings(), linux.gid_mappings()].iter().any(|maps| maps.as_ref().is_none_or(Vec::is_empty)) {
        return Err(PlanError::Missing("linux.uidMappings or gidMappings of the new user namespace"));
    }
    // Without a mount namespace of its own, the container's mounts and its pivot_root would be the host's.
    if !namespaces.iter().any(|namespace| namespace.flag == sys::CLONE_NEWNS && namespace.path.is_none()) {
        return Err(PlanError::Missing("a new mount namespace in linux.namespaces"));
    }
    Ok(namespaces)
}

fn id_map(
    field: &'static str,
    mappings: Option<&[oci_spec::runtime::LinuxIdMapping]>,
) -> Result<Vec<IdMap>, PlanError> {
    let line = |map: &oci_spec::runtime::LinuxIdMapping| {
        let (inside, outside, length) = (map.container_id(), map.host_id(), map.size());
        // The kernel refuses such a line as well, but after the sum was made here.
        if length == 0 || inside.checked_add(length).is_none() || outside.checked_add(length).is_none() {
            let line = format!("{inside} {outside} {length}");
            return Err(invalid(field, &line, "is empty or runs beyond the last number there is"));
        }
        Ok(IdMap { inside, outside, length })
    };
    mappings.unwrap_or_default().iter().map(line).collect()
}

fn mount(mount: &SpecMount) -> Result<Mount, PlanError> {
    let options = mount.options().clone().unwrap_or_default();
    let options = MountOptions::parse(&options);
    let kind = mount.typ().clone().unwrap_or_else(|| "none".to_owned());
    let source = mount.source().as_ref().map_or_else(|| kind.clone(), |source| source.to_string_lossy().into_owned());
    let destination = absolute("mounts.destination", mount.destination())?;
    if options.flags.contains(MsFlags::MS_BIND) && !Path::new(&source).is_absolute() {
        return Err(invalid("mounts.source", &source, "is not an absolute path"));
    }
    Ok(Mount { destination, kind, source, options })
}

/// The devices every container has, as runtime-spec's `Default Devices` lists them, and those asked for besides.
fn devices(linux: &Linux) -> Result<Vec<Device>, PlanError> {
    let default = |path: &str, major, minor| Device {
        path: PathBuf::from(path),
        block: false,
        numbers: (major, minor),
        mode: 0o666,
    };
    let mut devices = vec![
        default("/dev/null", 1, 3),
        default("/dev/zero", 1, 5),
        default("/dev/full", 1, 7),
        default("/dev/random", 1, 8),
        default("/dev/urandom", 1, 9),
        default("/dev/tty", 5, 0),
    ];
    for asked in linux.devices().iter().flatten() {
        let path = absolute("linux.devices.path", asked.path())?;
        let block = match asked.typ() {
            LinuxDeviceType::B => true,
            LinuxDeviceType::C | LinuxDeviceType::U => false,
            LinuxDeviceType::P | LinuxDeviceType::A => {
                return Err(PlanError::Unsupported("linux.devices of type p or a"));
            }
        };
        let number = |number: i64| {
            let beyond = || invalid("linux.devices", &path.to_string_lossy(), "has a number that no device has");
            u32::try_from(number).map(u64::from).map_err(|_| beyond())
        };
        let numbers = (number(asked.major())?, number(asked.minor())?);
        devices.retain(|device| device.path != path);
        devices.push(Device { path, block, numbers, mode: asked.file_mode().unwrap_or(0o666) });
    }
    Ok(devices)
}

/// `net.ipv4.ip_forward` is the file /proc/sys/net/ipv4/ip_forward.
fn sysctl(linux: &Linux) -> Result<Vec<(PathBuf, String)>, PlanError> {
    let setting = |(name, value): (&String, &String)| {
        let path = name.replace('.', "/");
        // With an empty part the name would be a path of its own: `.etc.passwd` is no setting.
        if path.contains('\0') || path.split('/').any(str::is_empty) {
            return Err(invalid("linux.sysctl", name, "is no name of a setting"));
        }
        Ok((Path::new("/proc/sys").join(path), value.clone()))
    };
    let mut settings: Vec<_> = linux.sysctl().iter().flatten().map(setting).collect::<Result<_, _>>()?;
    settings.sort();
    Ok(settings)
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
            .ok_or_else(|| invalid("process.capabilities", &names.join(" "), "names no capability"))
    };
    Ok(Capabilities {
        bounding: mask(sets.bounding())?,
        effective: mask(sets.effective())?,
        permitted: mask(sets.permitted())?,
        inheritable: mask(sets.inheritable())?,
        ambient: mask(sets.ambient())?,
    })
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
