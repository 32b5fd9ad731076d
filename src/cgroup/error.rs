//! What can go wrong with a cgroup, by kind, each with the step to take next.

use super::layout::Version;
use crate::sys;
use crate::sys::cause::{self, Cause};
use std::io;
use std::path::{Path, PathBuf};

/// Why a cgroup could not be planned, made, entered or removed.
#[derive(thiserror::Error, Debug)]
pub enum Error {
    /// No hierarchy at all.
    #[error("no cgroup filesystem is mounted")]
    NotMounted,
    /// A file of the kernel's could not be read.
    #[error("can't read {}", path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },
    /// The path asked for is not one that rlab makes.
    #[error("the cgroup path {path:?} {fault}")]
    Path {
        /// As it was asked for.
        path: String,
        /// What is wrong with it.
        fault: PathFault,
    },
    /// A limit was asked for, and its controller is out of reach.
    #[error("can't set {file}: the controller {controller} {lack}")]
    Unavailable {
        /// The controller's name.
        controller: String,
        /// The file that would have been written.
        file: String,
        /// Why it is out of reach.
        lack: Lack,
    },
    /// A setting that this version of cgroups doesn't have.
    #[error("can't set {setting}: cgroup {version} has no such setting")]
    NoSuchSetting {
        /// The setting, by its name in config.json.
        setting: &'static str,
        /// The version in use for its controller.
        version: Version,
    },
    /// A value that makes no sense, whatever the kernel.
    #[error("{setting} can't be {value:?}: {fault}")]
    Value {
        /// The setting, by its name in config.json.
        setting: &'static str,
        /// The value as it was asked for.
        value: String,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// The directory is there already, with someone inside.
    #[error("the cgroup {} is in use already", path.display())]
    Occupied {
        /// Its directory.
        path: PathBuf,
    },
    /// Controllers can't be handed down by a group that holds processes itself.
    #[error("can't hand {controllers} down to the groups in {}: it holds processes itself", directory.display())]
    Inhabited {
        /// The group whose children should get them.
        directory: PathBuf,
        /// What would have been written, as `+memory +pids`.
        controllers: String,
    },
    /// The kernel refused to hand controllers down to a group's children.
    #[error("can't hand {controllers} down to the groups in {}", directory.display())]
    Enable {
        /// The group whose children should get them.
        directory: PathBuf,
        /// What was written, as `+memory +pids`.
        controllers: String,
        /// The kernel's answer.
        #[source]
        source: sys::Error,
    },
    /// A call was refused.
    #[error(transparent)]
    Call(#[from] sys::Error),
    /// Processes that would not end.
    #[error("{count} processes in {} did not end", path.display())]
    StillRunning {
        /// One of the group's directories.
        path: PathBuf,
        /// How many are left.
        count: usize,
    },
}

/// What is wrong with a cgroup path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathFault {
    /// It names no group.
    Empty,
    /// It climbs out with `..`.
    Climbs,
    /// It is `slice:prefix:name`, for a runtime that asks systemd to make its groups.
    Systemd,
}

impl std::fmt::Display for PathFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            PathFault::Empty => "names no group",
            PathFault::Climbs => "has a .. in it",
            PathFault::Systemd => "is written for systemd's cgroup driver",
        })
    }
}

/// Why a controller is out of reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// The kernel was built without it.
    NotInKernel,
    /// It is built in, and was switched off when the kernel started.
    Disabled,
    /// No hierarchy that is mounted here has it.
    NotMounted,
    /// Our part of the v2 hierarchy was not given it.
    NotDelegated,
    /// It works, but as cgroup v1, where this file does not exist.
    OnV1,
}

impl std::fmt::Display for Lack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Lack::NotInKernel => "is not in this kernel",
            Lack::Disabled => "is switched off in this kernel",
            Lack::NotMounted => "is in no cgroup hierarchy that is mounted",
            Lack::NotDelegated => "was not delegated to this part of the cgroup tree",
            Lack::OnV1 => "is mounted as cgroup v1, which has no such file",
        })
    }
}

impl Error {
    /// The likeliest cause, by this host's facts. `root` is where rlab keeps things.
    pub fn cause(&self, root: &Path) -> Option<Cause> {
        match self {
            Error::NotMounted => Some(Cause::new(
                "neither version is mounted",
                "grep ' - cgroup' /proc/self/mountinfo || echo none is mounted",
                "",
            )),
            Error::Read { path, source } => cause::of_file(path, source),
            Error::Unavailable { controller, lack, .. } => {
                Some(Cause::new(format!("{controller} {lack}"), lack.check(controller), ""))
            }
            Error::Inhabited { directory, .. } => {
                let why = "cgroup v2 lets only the kernel's root group have both processes and controllers below it";
                Some(Cause::new(why, format!("cat {}/cgroup.procs", directory.display()), ""))
            }
            Error::Enable { source, .. } | Error::Call(source) => cause::of_call(source, root),
            _ => None,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::NotMounted => Some("mount -t cgroup2 cgroup2 /sys/fs/cgroup".to_owned()),
            Error::Read { .. } => None,
            Error::Path { fault: PathFault::Systemd, .. } => {
                Some("use the cgroupfs driver, such as podman --cgroup-manager=cgroupfs".to_owned())
            }
            Error::Path { .. } => {
                Some("use a path such as /rlab/web, counted from the top of the hierarchy".to_owned())
            }
            Error::Unavailable { controller, lack, .. } => Some(lack.hint(controller)),
            Error::NoSuchSetting { setting, .. } => Some(format!("leave {setting} out")),
            Error::Value { .. } => Some("compare with the OCI runtime-spec, config-linux.md".to_owned()),
            Error::Occupied { path } => {
                Some(format!("see who is in it: cat {}/cgroup.procs; or ask for another path", path.display()))
            }
            Error::Enable { directory, source, .. } => Some(enable_hint(directory, source.errno)),
            Error::Inhabited { directory, .. } => Some(inhabited_hint(directory)),
            Error::Call(refusal) => refusal_hint(refusal),
            Error::StillRunning { path, .. } => Some(format!(
                "a process that hangs in the kernel can't be killed: ps -o pid,stat,wchan -p $(cat {}/cgroup.procs)",
                path.display()
            )),
        }
    }
}

impl Lack {
    /// The command that shows it.
    fn check(self, controller: &str) -> String {
        // What v2 calls io is blkio everywhere else in the kernel.
        let name = if controller == "io" { "blkio" } else { controller };
        match self {
            Lack::NotInKernel => format!("grep -w {name} /proc/cgroups || echo not in this kernel"),
            Lack::Disabled => format!("grep -w {name} /proc/cgroups"),
            Lack::NotMounted => format!("grep ' - cgroup .*{name}' /proc/self/mountinfo || echo {name} is not mounted"),
            Lack::NotDelegated => "cat $(findmnt -n -o TARGET -t cgroup2 | tail -n 1)/cgroup.controllers".to_owned(),
            Lack::OnV1 => format!("grep ' - cgroup .*{name}' /proc/self/mountinfo"),
        }
    }

    /// What to do about it.
    pub fn hint(self, controller: &str) -> String {
        match self {
            Lack::NotInKernel => format!("cat /proc/cgroups lists what there is; {controller} needs another kernel"),
            Lack::Disabled => format!(
                "take cgroup_disable={controller} off the kernel's command line, or where it is off by default, as on a \
                 Raspberry Pi, add cgroup_enable={controller}; then restart"
            ),
            Lack::NotMounted => format!(
                "mkdir -p /sys/fs/cgroup/{controller} && mount -t cgroup -o {controller} cgroup /sys/fs/cgroup/{controller}"
            ),
            Lack::NotDelegated => {
                format!(
                    "have it delegated: systemd-run --scope -p Delegate=yes …, or write +{controller} to the cgroup.subtree_control above"
                )
            }
            Lack::OnV1 => "use the limit's own flag or field; unified is for cgroup v2 alone".to_owned(),
        }
    }
}

fn enable_hint(directory: &Path, errno: i32) -> String {
    match sys::errno_name(errno) {
        "EBUSY" | "EOPNOTSUPP" => inhabited_hint(directory),
        "EINVAL" => {
            "the cpu controller of cgroup v2 can't take realtime processes: chrt -a -p PID shows who is one".to_owned()
        }
        _ => format!("see which controllers there are: cat {}/cgroup.controllers", directory.display()),
    }
}

/// As in a container, where the group that looks like the top holds whatever runs there.
fn inhabited_hint(directory: &Path) -> String {
    let here = directory.display();
    format!(
        "cgroup v2 wants processes at the ends of the tree only; move them one level down: mkdir {here}/init && \
         for p in $(cat {here}/cgroup.procs); do echo $p > {here}/init/cgroup.procs; done"
    )
}

/// The likeliest cause, by the file that was written and the kernel's answer.
fn refusal_hint(refusal: &sys::Error) -> Option<String> {
    let argument = |name: &str| refusal.call.args.get(name).and_then(|value| value.as_str()).unwrap_or_default();
    let file = argument("path").rsplit('/').next().unwrap_or_default();
    let hint = match (refusal.call.name.as_ref(), file, sys::errno_name(refusal.errno)) {
        ("write", "cpu.max" | "cpu.cfs_quota_us" | "cpu.cfs_period_us", "EINVAL") => {
            "the kernel takes a quota of 1000 µs or more, and a period from 1000 to 1000000 µs"
        }
        ("write", "cpuset.cpus" | "cpuset.mems", _) => {
            "cat /sys/devices/system/cpu/online lists the processors there are"
        }
        ("write", "devices.allow", "EPERM") => "a group can't be allowed more devices than the group above it has",
        ("write", "cgroup.procs", "ESRCH") => "the process ended before it could be moved",
        ("write", "cgroup.procs", "ENOSPC") => {
            "in cgroup v1, cpuset.cpus and cpuset.mems must be set before a process may enter"
        }
        ("write", _, "ENOENT") => "this kernel has no such file in its cgroups",
        ("write", _, "EBUSY") => "more than the limit is in use already",
        ("bpf", _, "EPERM") => "a device program needs CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN",
        ("bpf", _, "ENOSYS") => "this kernel was built without bpf(2)",
        ("rmdir", _, "EBUSY") => "a process is still in it, or a group below it is",
        ("mkdir", _, "EROFS") => "the cgroup filesystem is mounted read-only here, as in most containers",
        (_, _, "EACCES" | "EPERM") => "rlab makes cgroups as root; see also cgroups(7), Delegation",
        _ => return None,
    };
    Some(hint.to_owned())
}
