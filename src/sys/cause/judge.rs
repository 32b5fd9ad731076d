//! The judgement: call, errno and facts in, the likeliest cause out. Pure but for the facts it is given.

use super::{Cause, Host};
use crate::sys::errno_name;
use crate::sys::facts::{existing, refuses_upper};
use crate::trace::Call;
use std::path::{Path, PathBuf};

const SHOW_CAPABILITIES: &str = "grep CapEff /proc/self/status";
const SHOW_FILTER: &str = "grep Seccomp: /proc/self/status";
const SHOW_USERS: &str = "cat /proc/self/uid_map";
const MORE_POWER: &str =
    "start what rlab runs in with more: docker run --privileged, CapabilityBoundingSet= of a service";
/// Below this a filesystem is taken for full: the last blocks may be kept for root, or too few for what was written.
const FULL_BYTES: u64 = 1 << 20;
/// An image of a distribution has about as many files.
const FEW_INODES: u64 = 5_000;

/// Of a call that was refused.
pub fn call(call: &Call, errno: i32, root: &Path, host: &Host) -> Option<Cause> {
    let name = call.name.as_ref();
    let text = |arg: &str| call.args.get(arg).and_then(|value| value.as_str());
    let place = place(call);
    match (name, errno_name(errno)) {
        ("clone3" | "unshare", "ENOSPC" | "EUSERS") => namespace_limit(text("flags").unwrap_or_default(), host),
        ("mount" | "move_mount", "ENOSPC") => Some(Cause::new(
            "the mount namespace holds as many mounts as fs.mount-max lets it",
            "wc -l /proc/self/mountinfo; cat /proc/sys/fs/mount-max",
            "sysctl fs.mount-max=…, or umount what is not needed",
        )),
        ("mount", "EINVAL") if text("filesystemtype") == Some("overlay") => {
            overlay(text("data").unwrap_or_default(), host)
        }
        ("mount", "EINVAL") if text("target") == Some("/") => no_mount_at_root(host),
        ("pivot_root", "EINVAL") => no_mount_at_root(host),
        ("mount", "ENODEV") => text("filesystemtype").map(|kind| {
            Cause::new(
                format!("this kernel has no {kind}"),
                format!("grep -w {kind} /proc/filesystems"),
                format!("modprobe {kind}"),
            )
        }),
        ("mount", "EPERM") if text("filesystemtype").is_some_and(|kind| matches!(kind, "proc" | "sysfs")) => {
            lacking("CAP_SYS_ADMIN", host)
                .or_else(|| too_revealing(text("filesystemtype").unwrap_or_default(), host))
                .or_else(|| confined(host))
        }
        ("fchown", "EINVAL") => unmapped(host),
        ("write", "EPERM") if place.is_some_and(|path| path.ends_with("id_map")) => unmapped(host),
        (_, "ENOSYS") if host.power.filtered => filter(host),
        (_, "ENOSYS") => {
            Some(Cause::new(format!("this kernel has no {name}"), "uname -r", "rlab needs Linux 5.12 or newer"))
        }
        (_, "EPERM" | "EACCES") => refused_power(call, errno, place, host),
        _ => file(place.map_or(root, Path::new), errno, host),
    }
}

/// The host's path that a call is about. A path below a descriptor, and what is mounted on, are the container's.
fn place(call: &Call) -> Option<&str> {
    let inside = call.args.get("dirfd").is_some_and(|dirfd| dirfd.is_number());
    let names: &[&str] = if call.name == "mount" { &["source"] } else { &["pathname", "path", "to_path"] };
    let named = names.iter().find_map(|name| call.args.get(*name).and_then(|value| value.as_str()));
    named.filter(|path| path.starts_with('/') && !inside)
}

/// Of a file that could not be made, written or read.
pub fn file(path: &Path, errno: i32, host: &Host) -> Option<Cause> {
    match errno_name(errno) {
        "ENOSPC" | "EDQUOT" => no_room(path, host),
        "EROFS" => Some(Cause::new(
            format!("the filesystem that {} lies on is mounted read-only", path.display()),
            format!("findmnt -n -o TARGET,OPTIONS -T {}", existing(path).display()),
            "mount -o remount,rw, or another place with --root DIR",
        )),
        "EACCES" => lacking("CAP_DAC_OVERRIDE", host).or_else(|| blocked(path, host)),
        _ => descriptors(errno, host),
    }
}

fn descriptors(errno: i32, host: &Host) -> Option<Cause> {
    match errno_name(errno) {
        "EMFILE" => {
            let limits = (host.setting)("/proc/self/limits").unwrap_or_default();
            let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap_or_default();
            let soft = line.split_whitespace().next().unwrap_or("few");
            Some(Cause::new(
                format!("rlab may have {soft} files open at once, and had them"),
                "ulimit -n",
                "ulimit -n 1024 before rlab, or LimitNOFILE= of its service",
            ))
        }
        "ENFILE" => Some(Cause::new(
            "the whole host has as many files open as fs.file-max lets it",
            "cat /proc/sys/fs/file-nr",
            "end what has them open: lsof; or sysctl fs.file-max=…",
        )),
        _ => None,
    }
}

/// The disk is full, or only its table of files is: both are ENOSPC.
fn no_room(path: &Path, host: &Host) -> Option<Cause> {
    let room = (host.room)(path)?;
    let here = existing(path);
    let here = here.display();
    // What was half made is taken away before anyone looks, so a few are free again.
    if room.inodes > 0 && room.free_inodes < FEW_INODES && room.free_bytes >= FULL_BYTES {
        let why = format!(
            "the filesystem of {here} ran out of inodes, {} of {} are free now: no file could be made, though {} MiB are free",
            room.free_inodes,
            room.inodes,
            room.free_bytes >> 20
        );
        return Some(Cause::new(
            why,
            format!("df -i {here}"),
            "remove files that nobody needs, or another place with --root DIR",
        ));
    }
    let why = match room.free_bytes {
        ..FULL_BYTES => format!("the filesystem of {here} is full: {} KiB are free", room.free_bytes >> 10),
        // What did not fit was taken away again before anyone looked.
        free => format!(
            "the filesystem of {here} was full: {} MiB are free now that what was half written is gone",
            free >> 20
        ),
    };
    Some(Cause::new(why, format!("df -h {here}"), "free some space: rlab image rm; or another place with --root DIR"))
}

fn namespace_limit(flags: &str, host: &Host) -> Option<Cause> {
    let kinds = ["user", "pid", "net", "mnt", "uts", "ipc", "cgroup", "time"];
    let spelt =
        |kind: &str| if kind == "mnt" { "CLONE_NEWNS".to_owned() } else { format!("CLONE_NEW{}", kind.to_uppercase()) };
    let asked = kinds.iter().filter(|kind| flags.split('|').any(|flag| flag == spelt(kind)));
    let limits: Vec<(&str, u64)> = asked
        .filter_map(|kind| {
            Some((*kind, (host.setting)(&format!("/proc/sys/user/max_{kind}_namespaces"))?.parse().ok()?))
        })
        .collect();
    let (kind, limit) = limits.into_iter().min_by_key(|(_, limit)| *limit)?;
    Some(Cause::new(
        format!("user.max_{kind}_namespaces is {limit}: no more of that kind can be made"),
        format!("cat /proc/sys/user/max_{kind}_namespaces"),
        format!("sysctl user.max_{kind}_namespaces=15000"),
    ))
}

/// The one of overlayfs's directories that lies where it can't.
fn overlay(data: &str, host: &Host) -> Option<Cause> {
    let option = |name: &str| data.split(',').find_map(|option| option.strip_prefix(name)?.strip_prefix('='));
    let refusing = ["upperdir", "workdir"].iter().find_map(|name| {
        let path = PathBuf::from(option(name)?.replace("\\:", ":"));
        let kind = host.kind_at(&path).filter(|kind| refuses_upper(kind))?;
        Some((*name, path.clone(), kind))
    });
    let (name, path, kind) = refusing?;
    let here = existing(&path);
    Some(Cause::new(
        format!("{name} lies on {kind}, at {}, and overlayfs can't write onto that", here.display()),
        format!("findmnt -n -o FSTYPE -T {}", here.display()),
        "--root DIR on a disk with ext4, xfs or btrfs; inside a container, on a volume",
    ))
}

fn no_mount_at_root(host: &Host) -> Option<Cause> {
    match host.mounts.iter().rev().find(|mount| mount.point == Path::new("/")) {
        None => Some(Cause::new(
            "/ is no mount point here, as in a chroot, and mounts below it can't be cut off from the host's",
            "findmnt --mountpoint / || echo / is no mount point",
            "run rlab outside of the chroot; or make it a mount point before: mount --rbind DIR DIR; chroot DIR",
        )),
        Some(mount) if matches!(mount.kind.as_str(), "rootfs" | "ramfs") => Some(Cause::new(
            "/ is the kernel's first filesystem in memory (initramfs), which can't be moved away",
            "findmnt -n -o FSTYPE /",
            "rlab run --chroot, or start from a disk",
        )),
        Some(_) => None,
    }
}

/// See mount_namespaces(7) and the kernel's mount_too_revealing(): who is root only in a user namespace may mount a new
/// /proc only where the old one can be seen whole.
fn too_revealing(kind: &str, host: &Host) -> Option<Cause> {
    let top = if kind == "proc" { "/proc" } else { "/sys" };
    let cover = host.covers(top)?.point.display().to_string();
    Some(Cause::new(
        format!(
            "{cover} is covered by a mount, as containers do: a new {kind} in a user namespace would show what that hides"
        ),
        format!("grep ' {top}/' /proc/self/mountinfo"),
        format!("leave out --userns private; or umount {cover}; or docker run --security-opt systempaths=unconfined"),
    ))
}

fn unmapped(host: &Host) -> Option<Cause> {
    host.nested().then(|| {
        Cause::new(
            format!(
                "rlab is in a user namespace whose uid_map is `{}`, and --userns private takes the users 100000 to 165535",
                host.uid_map.split_whitespace().collect::<Vec<_>>().join(" ")
            ),
            SHOW_USERS,
            "leave out --userns private, or give the namespace around rlab more numbers",
        )
    })
}

/// EPERM and EACCES, whose causes are many: what rlab itself lacks first, then what is around it.
fn refused_power(call: &Call, errno: i32, place: Option<&str>, host: &Host) -> Option<Cause> {
    let denied = errno_name(errno) == "EACCES";
    capability_for(call)
        .and_then(|capability| lacking(capability, host))
        .or_else(|| lacking("CAP_DAC_OVERRIDE", host).filter(|_| denied))
        .or_else(|| blocked(Path::new(place?), host).filter(|_| denied))
        .or_else(|| confined(host))
}

fn confined(host: &Host) -> Option<Cause> {
    filter(host).or_else(|| {
        host.nested().then(|| {
            let why = "rlab is in a user namespace, whose root has no power over what belongs to the host's";
            Cause::new(why, SHOW_USERS, "run rlab as the host's root: sudo rlab …")
        })
    })
}

fn filter(host: &Host) -> Option<Cause> {
    host.power.filtered.then(|| {
        let why = "a seccomp filter around rlab answers in the kernel's place, as in a container with Docker's profile";
        Cause::new(why, SHOW_FILTER, "run rlab outside of it, or docker run --security-opt seccomp=unconfined")
    })
}

fn lacking(capability: &str, host: &Host) -> Option<Cause> {
    (!host.power.has(capability)).then(|| {
        let number = crate::sys::capability_number(capability).unwrap_or_default();
        let why = format!("it takes {capability} (bit {number}), which rlab itself was not given");
        let fix = if capability == "CAP_SYS_RESOURCE" { "ask for no more than `ulimit -H` shows" } else { MORE_POWER };
        Cause::new(why, SHOW_CAPABILITIES, fix)
    })
}

/// The folder that a container's root, who is a stranger outside, may not walk through.
fn blocked(path: &Path, host: &Host) -> Option<Cause> {
    let (folder, mode) = (host.blocked)(path)?;
    let folder = folder.display();
    Some(Cause::new(
        format!(
            "{folder} has mode {mode:04o}: the container's root is another user outside, and may not walk through it"
        ),
        format!("stat -c '%A %U %n' {folder}"),
        format!("chmod o+x {folder}, or another place with --root DIR"),
    ))
}

/// What a call asks for, by its man page.
fn capability_for(call: &Call) -> Option<&'static str> {
    let text = |arg: &str| call.args.get(arg).and_then(|value| value.as_str()).unwrap_or_default();
    match call.name.as_ref() {
        "clone3" | "unshare" | "setns" | "mount" | "umount2" | "pivot_root" | "open_tree" | "move_mount"
        | "mount_setattr" | "sethostname" | "setdomainname" => Some("CAP_SYS_ADMIN"),
        "seccomp" => Some("CAP_SYS_ADMIN"),
        "mknodat" => Some("CAP_MKNOD"),
        "fchown" | "fchownat" | "lchown" => Some("CAP_CHOWN"),
        "setgroups" | "setresgid" => Some("CAP_SETGID"),
        "setresuid" => Some("CAP_SETUID"),
        "prctl" if text("op") == "PR_CAPBSET_DROP" => Some("CAP_SETPCAP"),
        "sendto" => Some("CAP_NET_ADMIN"),
        "prlimit64" => Some("CAP_SYS_RESOURCE"),
        "chroot" => Some("CAP_SYS_CHROOT"),
        "kill" | "pidfd_send_signal" => Some("CAP_KILL"),
        "bpf" => Some("CAP_SYS_ADMIN"),
        "write" if text("path").ends_with("oom_score_adj") => Some("CAP_SYS_RESOURCE"),
        "write" if text("path").starts_with("/proc/sys/net") => Some("CAP_NET_ADMIN"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
