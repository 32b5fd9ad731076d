//! Who a process is and what it may do: names, ids, capabilities, limits, filters.

use super::{Result, traced};
use crate::trace::Call;
use nix::errno::Errno;
use nix::sys::prctl;
use nix::unistd::{Gid, Uid};
use serde_json::json;
use std::path::Path;

/// sethostname(2), in the UTS namespace of the caller.
pub fn sethostname(name: &str) -> Result<()> {
    traced(|| Call::new("sethostname").arg("name", name), || nix::unistd::sethostname(name))
}

/// setdomainname(2), in the UTS namespace of the caller.
pub fn setdomainname(name: &str) -> Result<()> {
    traced(
        || Call::new("setdomainname").arg("name", name),
        // SAFETY: the pointer and the length describe one live string.
        || Errno::result(unsafe { libc::setdomainname(name.as_ptr().cast(), name.len()) }).map(drop),
    )
}

/// setgroups(2): the supplementary groups.
pub fn setgroups(groups: &[u32]) -> Result<()> {
    let list: Vec<Gid> = groups.iter().map(|group| Gid::from_raw(*group)).collect();
    traced(|| Call::new("setgroups").arg("list", json!(groups)), || nix::unistd::setgroups(&list))
}

/// setresgid(2): real, effective and saved group at once.
pub fn setresgid(gid: u32) -> Result<()> {
    let id = Gid::from_raw(gid);
    traced(
        || Call::new("setresgid").arg("rgid", gid).arg("egid", gid).arg("sgid", gid),
        || nix::unistd::setresgid(id, id, id),
    )
}

/// setresuid(2): real, effective and saved user at once.
pub fn setresuid(uid: u32) -> Result<()> {
    let id = Uid::from_raw(uid);
    traced(
        || Call::new("setresuid").arg("ruid", uid).arg("euid", uid).arg("suid", uid),
        || nix::unistd::setresuid(id, id, id),
    )
}

/// prctl(2) PR_SET_KEEPCAPS: whether the permitted capabilities survive the change from user 0 to another.
pub fn set_keepcaps(on: bool) -> Result<()> {
    traced(
        || Call::new("prctl").arg("op", "PR_SET_KEEPCAPS").arg("arg", if on { "1" } else { "0" }),
        || prctl::set_keepcaps(on),
    )
}

/// prctl(2) PR_SET_DUMPABLE 0: no process without CAP_SYS_PTRACE may look into this one through /proc.
pub fn set_undumpable() -> Result<()> {
    traced(
        || Call::new("prctl").arg("op", "PR_SET_DUMPABLE").arg("arg", "SUID_DUMP_DISABLE"),
        || prctl::set_dumpable(false),
    )
}

/// prctl(2) PR_SET_NO_NEW_PRIVS: execve(2) will never again give more rights than there are now.
pub fn set_no_new_privs() -> Result<()> {
    traced(|| Call::new("prctl").arg("op", "PR_SET_NO_NEW_PRIVS").arg("arg", "1"), prctl::set_no_new_privs)
}

/// prctl(2) PR_CAPBSET_DROP: takes a capability out of the bounding set, for good.
pub fn drop_bounding(capability: u32, name: &str) -> Result<()> {
    traced(
        || Call::new("prctl").arg("op", "PR_CAPBSET_DROP").arg("arg", name),
        || {
            // SAFETY: plain numbers.
            Errno::result(unsafe { libc::prctl(libc::PR_CAPBSET_DROP, libc::c_ulong::from(capability), 0, 0, 0) })
                .map(drop)
        },
    )
}

/// Whether the kernel has this capability at all: prctl(2) PR_CAPBSET_READ. Not told: it changes nothing.
pub fn knows_capability(capability: u32) -> bool {
    // SAFETY: plain numbers.
    unsafe { libc::prctl(libc::PR_CAPBSET_READ, libc::c_ulong::from(capability), 0, 0, 0) >= 0 }
}

/// prctl(2) PR_CAP_AMBIENT_RAISE: a capability that survives the execve(2) of a program without file capabilities.
pub fn raise_ambient(capability: u32, name: &str) -> Result<()> {
    traced(
        || Call::new("prctl").arg("op", "PR_CAP_AMBIENT").arg("arg", format!("PR_CAP_AMBIENT_RAISE, {name}")),
        || {
            // SAFETY: plain numbers.
            Errno::result(unsafe {
                let (op, raise) = (libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_RAISE as libc::c_ulong);
                libc::prctl(op, raise, libc::c_ulong::from(capability), 0, 0)
            })
            .map(drop)
        },
    )
}

/// capset(2) with the three sets as masks; bit n is capability n.
pub fn capset(effective: u64, permitted: u64, inheritable: u64) -> Result<()> {
    #[repr(C)]
    struct Header {
        version: u32,
        pid: i32,
    }
    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Data {
        effective: u32,
        permitted: u32,
        inheritable: u32,
    }
    /// _LINUX_CAPABILITY_VERSION_3: two words of 32 bits a set.
    const VERSION_3: u32 = 0x2008_0522;
    let header = Header { version: VERSION_3, pid: 0 };
    let word = |shift: u32| Data {
        effective: (effective >> shift) as u32,
        permitted: (permitted >> shift) as u32,
        inheritable: (inheritable >> shift) as u32,
    };
    let data = [word(0), word(32)];
    traced(
        || {
            Call::new("capset")
                .arg("effective", format!("{effective:#018x}"))
                .arg("permitted", format!("{permitted:#018x}"))
                .arg("inheritable", format!("{inheritable:#018x}"))
        },
        // SAFETY: the header announces version 3, whose data are two structures; both live across the call.
        || Errno::result(unsafe { libc::syscall(libc::SYS_capset, &raw const header, data.as_ptr()) }).map(drop),
    )
}

/// The capabilities this process may use, as a mask, from /proc/self/status; all of them when that can't be read.
pub fn permitted_capabilities() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("CapPrm:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or((1 << 41) - 1)
}

/// setrlimit(2), by prlimit64 as the C library does it. `u64::MAX` is RLIM_INFINITY.
pub fn setrlimit(resource: u32, name: &str, soft: u64, hard: u64) -> Result<()> {
    let limit = libc::rlimit64 { rlim_cur: soft, rlim_max: hard };
    traced(
        || Call::new("prlimit64").arg("resource", name).arg("soft", spelt(soft)).arg("hard", spelt(hard)),
        // SAFETY: the structure lives across the call, and the old limit is not asked for.
        || Errno::result(unsafe { libc::prlimit64(0, resource, &raw const limit, std::ptr::null_mut()) }).map(drop),
    )
}

fn spelt(limit: u64) -> String {
    if limit == u64::MAX { "RLIM64_INFINITY".to_owned() } else { limit.to_string() }
}

/// One instruction of a classic BPF program, laid out as the kernel's `struct sock_filter`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Operation.
    pub code: u16,
    /// How far to jump when true.
    pub jt: u8,
    /// How far to jump when false.
    pub jf: u8,
    /// Operand.
    pub k: u32,
}

/// seccomp(2) SECCOMP_SET_MODE_FILTER: from here on every system call of this process goes through the program.
pub fn seccomp(program: &[Instruction], flags: u32, spelt_flags: &str) -> Result<()> {
    #[repr(C)]
    struct Program {
        len: u16,
        filter: *const Instruction,
    }
    let filter = Program { len: u16::try_from(program.len()).unwrap_or(u16::MAX), filter: program.as_ptr() };
    traced(
        || {
            Call::new("seccomp")
                .arg("op", "SECCOMP_SET_MODE_FILTER")
                .arg("flags", spelt_flags)
                .arg("instructions", program.len())
        },
        || {
            let op = libc::SECCOMP_SET_MODE_FILTER;
            // SAFETY: the program and the structure that points to it live across the call; the kernel copies and checks it.
            Errno::result(unsafe { libc::syscall(libc::SYS_seccomp, op, flags, &raw const filter) }).map(drop)
        },
    )
}

/// unshare(2) of namespaces, by the CLONE_NEW* flags.
pub fn unshare(flags: i32, spelt_flags: &str) -> Result<()> {
    traced(
        || Call::new("unshare").arg("flags", spelt_flags),
        // SAFETY: a plain number.
        || Errno::result(unsafe { libc::unshare(flags) }).map(drop),
    )
}

/// setns(2) into the namespace whose file is at `path`. It is told by the name that its own file has.
pub fn setns(path: &Path, flag: i32, spelt_flag: &str) -> Result<()> {
    let file = super::open_read(path)?;
    let number = std::os::fd::AsRawFd::as_raw_fd(&file);
    let named = || std::fs::read_link(format!("/proc/self/fd/{number}")).unwrap_or_else(|_| path.to_owned());
    traced(
        || Call::new("setns").path("fd", named()).arg("nstype", spelt_flag),
        // SAFETY: plain numbers; the descriptor is open.
        || Errno::result(unsafe { libc::setns(number, flag) }).map(drop),
    )
}

/// The effective user of this process, see geteuid(2).
pub fn geteuid() -> u32 {
    nix::unistd::geteuid().as_raw()
}
