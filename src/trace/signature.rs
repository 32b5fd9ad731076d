//! What sort of value each argument is: the one table that quoting, masking and the man-page pointers rest on.
//!
//! With it the trace can stay plain JSON: `"ret": 48213` is known to be a process number because the signature of
//! `clone3` says so, and stable mode can give it a name without guessing from its looks.

use super::event::Call;
use serde_json::Value;

/// The sort of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Type {
    /// A number that means the same in every run.
    Int,
    /// A number that counts what happened to be there (files, packets); differs from run to run.
    Count,
    /// A size in bytes that differs from run to run.
    Bytes,
    /// A limit in bytes, a number of the user's own.
    Limit,
    /// A file mode, told in octal.
    Mode,
    /// A process number.
    Pid,
    /// A file descriptor.
    Fd,
    /// A constant or a set of flags, spelt as the man page does; told without quotes.
    Flags,
    /// Text the program chose; told in quotes.
    Text,
    /// A path; told in quotes; container ids, roots and numbers of processes in it are masked by segment.
    Path,
    /// Mount options: pieces between commas, equal signs and colons, some of which are paths.
    Options,
    /// A number that names a kernel object: a namespace, an inode.
    Inode,
    /// A container's id.
    Id,
    /// A host name: the beginning of the container's id, unless the user gave another.
    HostName,
    /// The release of a kernel, another one after each update.
    Release,
    /// A digest, `sha256:…` or its hex part.
    Digest,
    /// An address of the internet protocol.
    Ip,
    /// An address of the hardware's kind.
    Mac,
    /// The name of a network link made for this run.
    Link,
    /// The number of a network link.
    LinkIndex,
    /// A time span in nanoseconds.
    Nanos,
    /// A date.
    Time,
    /// A structure or list, told piece by piece.
    Struct,
    /// A number that means the same in every run, told in hexadecimal: an address of a guest, a register.
    Hex,
    /// An address of this process's memory, told in hexadecimal.
    Address,
    /// Words of someone else's with numbers of this run among them, such as a line of a kernel's log.
    Words,
}

/// A call's signature.
#[derive(Debug)]
pub struct Signature {
    /// The call as strace prints it.
    pub name: &'static str,
    /// Its man page.
    pub man: &'static str,
    /// The type of what it returns.
    pub ret: Type,
    /// Its arguments by name.
    pub args: &'static [(&'static str, Type)],
}

const fn sig(name: &'static str, man: &'static str, ret: Type, args: &'static [(&'static str, Type)]) -> Signature {
    Signature { name, man, ret, args }
}

use Type::{Address, Count, Fd, Flags, Hex, Int, Limit, Mode, Options, Path, Pid, Struct, Text, Words};

/// Every call that the trace can tell of.
pub static SIGNATURES: &[Signature] = &[
    sig("bpf", "bpf(2)", Fd, &[("cmd", Flags), ("attr", Struct)]),
    sig("capset", "capset(2)", Int, &[("effective", Flags), ("permitted", Flags), ("inheritable", Flags)]),
    sig("chdir", "chdir(2)", Int, &[("path", Path)]),
    sig("chroot", "chroot(2)", Int, &[("path", Path)]),
    sig("clone3", "clone(2)", Pid, &[("flags", Flags), ("exit_signal", Flags)]),
    sig("clone", "clone(2)", Pid, &[("flags", Flags)]),
    sig("close", "close(2)", Int, &[("fd", Fd)]),
    sig("close_range", "close_range(2)", Int, &[("first", Int), ("last", Flags), ("flags", Flags)]),
    sig("dup3", "dup(2)", Fd, &[("oldfd", Fd), ("newfd", Int), ("flags", Flags)]),
    sig("execve", "execve(2)", Int, &[("pathname", Path), ("argv", Struct), ("envc", Int)]),
    sig("execveat", "execveat(2)", Int, &[("path", Path), ("flags", Flags)]),
    sig("fchdir", "chdir(2)", Int, &[("fd", Fd)]),
    sig("fchown", "chown(2)", Int, &[("fd", Fd), ("owner", Int), ("group", Int)]),
    sig("finit_module", "init_module(2)", Int, &[("fd", Path), ("param_values", Text), ("flags", Flags)]),
    sig("ioctl", "ioctl(2)", Int, &[("fd", Fd), ("op", Flags), ("arg", Struct)]),
    sig("kill", "kill(2)", Int, &[("pid", Pid), ("sig", Flags)]),
    sig("mkdir", "mkdir(2)", Int, &[("pathname", Path), ("mode", Mode)]),
    sig("mkdirat", "mkdir(2)", Int, &[("dirfd", Fd), ("pathname", Path), ("mode", Mode)]),
    sig("mknodat", "mknod(2)", Int, &[("dirfd", Fd), ("pathname", Path), ("mode", Flags), ("dev", Text)]),
    sig(
        "mmap",
        "mmap(2)",
        Address,
        &[("addr", Address), ("length", Int), ("prot", Flags), ("flags", Flags), ("fd", Fd), ("offset", Int)],
    ),
    sig(
        "mount",
        "mount(2)",
        Int,
        &[("source", Path), ("target", Path), ("filesystemtype", Text), ("mountflags", Flags), ("data", Options)],
    ),
    sig("mount_setattr", "mount_setattr(2)", Int, &[("dirfd", Fd), ("path", Path), ("flags", Flags), ("attr", Flags)]),
    sig("move_mount", "move_mount(2)", Int, &[("from_fd", Fd), ("to_path", Path), ("flags", Flags)]),
    sig("munmap", "mmap(2)", Int, &[("addr", Address), ("length", Int)]),
    sig("open_tree", "open_tree(2)", Fd, &[("dirfd", Fd), ("path", Path), ("flags", Flags)]),
    sig("openat", "open(2)", Fd, &[("dirfd", Fd), ("pathname", Path), ("flags", Flags), ("mode", Mode)]),
    sig("openat2", "openat2(2)", Fd, &[("dirfd", Fd), ("pathname", Path), ("flags", Flags), ("resolve", Flags)]),
    sig("pidfd_send_signal", "pidfd_send_signal(2)", Int, &[("pid", Pid), ("sig", Flags)]),
    sig("pivot_root", "pivot_root(2)", Int, &[("new_root", Path), ("put_old", Path)]),
    sig("prctl", "prctl(2)", Int, &[("op", Flags), ("arg", Flags)]),
    sig("prlimit64", "getrlimit(2)", Int, &[("resource", Flags), ("soft", Text), ("hard", Text)]),
    sig("reboot", "reboot(2)", Int, &[("op", Flags)]),
    sig("rmdir", "rmdir(2)", Int, &[("pathname", Path)]),
    sig("seccomp", "seccomp(2)", Int, &[("op", Flags), ("flags", Flags), ("instructions", Count)]),
    sig("sendto", "netlink(7)", Count, &[("protocol", Flags), ("message", Struct)]),
    sig("setdomainname", "setdomainname(2)", Int, &[("name", Text)]),
    sig("setgroups", "setgroups(2)", Int, &[("list", Struct)]),
    sig("sethostname", "sethostname(2)", Int, &[("name", Type::HostName)]),
    sig("setns", "setns(2)", Int, &[("fd", Path), ("nstype", Flags)]),
    sig("setpgid", "setpgid(2)", Int, &[("pid", Int), ("pgid", Int)]),
    sig("setresgid", "setresuid(2)", Int, &[("rgid", Int), ("egid", Int), ("sgid", Int)]),
    sig("setresuid", "setresuid(2)", Int, &[("ruid", Int), ("euid", Int), ("suid", Int)]),
    sig("setsid", "setsid(2)", Pid, &[]),
    sig("socketpair", "socketpair(2)", Int, &[("domain", Flags), ("type", Flags), ("protocol", Int)]),
    sig("symlinkat", "symlink(2)", Int, &[("target", Path), ("dirfd", Fd), ("linkpath", Path)]),
    sig("umask", "umask(2)", Mode, &[("mask", Mode)]),
    sig("umount2", "umount(2)", Int, &[("target", Path), ("flags", Flags)]),
    sig("unlink", "unlink(2)", Int, &[("pathname", Path)]),
    sig("unlinkat", "unlink(2)", Int, &[("dirfd", Fd), ("pathname", Path), ("flags", Flags)]),
    sig("unshare", "unshare(2)", Int, &[("flags", Flags)]),
    sig("wait4", "wait(2)", Pid, &[("pid", Pid), ("status", Text)]),
    sig("write", "write(2)", Count, &[("path", Path), ("text", Text)]),
];

/// What bulk work counts, and of which sort it is. A name stands for itself in every kind of work.
static WORK: &[(&str, Type)] = &[
    ("bytes", Type::Bytes),
    ("bytes_in", Type::Bytes),
    ("bytes_out", Type::Bytes),
    ("resumed_from", Type::Bytes),
    ("size", Type::Bytes),
    ("files", Count),
    ("dirs", Count),
    ("symlinks", Count),
    ("hardlinks", Count),
    ("devices", Count),
    ("fifos", Count),
    ("whiteouts", Count),
    ("opaque", Count),
    ("xattrs", Count),
    ("setuid", Count),
    ("entries", Count),
    ("dur_ns", Type::Nanos),
    ("digest", Type::Digest),
    ("diff_id", Type::Digest),
    ("config", Type::Digest),
    ("manifest", Type::Digest),
    ("path", Path),
    ("url", Path),
    ("id", Type::Id),
    ("pid", Pid),
    ("ip", Type::Ip),
    ("local", Type::Ip),
    ("broadcast", Type::Ip),
    ("gateway", Type::Ip),
    ("subnet", Type::Ip),
    ("mac", Type::Mac),
    ("address", Type::Mac),
    ("link", Type::Link),
    ("peer", Type::Link),
    ("ifname", Type::Link),
    ("master", Type::Link),
    ("oif", Type::Link),
    ("netns", Path),
    ("index", Type::LinkIndex),
    ("root", Path),
    ("run", Path),
    ("inode", Type::Inode),
    ("created", Type::Time),
    ("rule", Options),
    ("command", Options),
    ("target_fd", Path),
    ("attach_bpf_fd", Fd),
    ("argv", Struct),
    ("message", Struct),
    // A machine's.
    ("release", Type::Release),
    ("args", Options),
    ("lines", Count),
    ("from_ms", Type::Nanos),
    ("took_ms", Type::Nanos),
    ("after_ms", Type::Nanos),
    ("told", Words),
    ("al", Flags),
    // Those of KVM's structures, and of a processor, see kvm_regs and kvm_sregs in the kernel's documentation.
    ("guest_phys_addr", Hex),
    ("userspace_addr", Address),
    ("base", Hex),
    ("limit", Hex),
    ("selector", Hex),
    ("rax", Hex),
    ("rbx", Hex),
    ("rcx", Hex),
    ("rdx", Hex),
    ("rsi", Hex),
    ("rdi", Hex),
    ("rsp", Hex),
    ("rbp", Hex),
    ("r8", Hex),
    ("r9", Hex),
    ("r10", Hex),
    ("r11", Hex),
    ("r12", Hex),
    ("r13", Hex),
    ("r14", Hex),
    ("r15", Hex),
    ("rip", Hex),
    ("rflags", Hex),
    ("cr0", Hex),
    ("cr2", Hex),
    ("cr3", Hex),
    ("cr4", Hex),
    ("efer", Hex),
    ("apic_base", Hex),
];

/// The signature of a call.
pub fn signature(name: &str) -> Option<&'static Signature> {
    SIGNATURES.iter().find(|signature| signature.name == name)
}

/// The type of what a call returned. An ioctl(2) returns what its operation is about.
pub fn returned_type(call: &Call) -> Option<Type> {
    let makes_a_machine = |op: &str| matches!(op, "KVM_CREATE_VM" | "KVM_CREATE_VCPU");
    if call.args.get("op").and_then(Value::as_str).is_some_and(makes_a_machine) {
        return Some(Fd);
    }
    signature(&call.name).map(|signature| signature.ret)
}

/// Whether rlab ever makes this call.
pub fn is_told(name: &str) -> bool {
    signature(name).is_some()
}

/// The man page of a call, `name(section)`.
pub fn man_page(name: &str) -> &'static str {
    signature(name).map_or("syscalls(2)", |signature| signature.man)
}

/// The type of an argument of a call.
pub fn argument_type(call: &str, argument: &str) -> Type {
    signature(call)
        .and_then(|signature| signature.args.iter().find(|(name, _)| *name == argument))
        .map_or(field_type(argument), |(_, kind)| *kind)
}

/// The type of a field of bulk work, of a note, or of a structure inside an argument.
pub fn field_type(name: &str) -> Type {
    WORK.iter().find(|(field, _)| *field == name).map_or(Text, |(_, kind)| *kind)
}

/// The type of what is read before and after, by the object that changed.
pub fn object_type(object: &str, key: &str) -> Type {
    match object {
        "namespace" => Type::Inode,
        "limit" => Limit,
        "cgroup" => Path,
        "mount" | "file" | "root" | "device" | "masked" => Options,
        // Whether it happened at all is the lesson, and it happens as often in every run.
        "counter" if matches!(key, "processes killed for memory" | "forks refused") => Int,
        "counter" if key.starts_with("bytes") => Type::Bytes,
        "counter" => Count,
        "process" => Pid,
        "register" => Hex,
        "route" | "address" => Type::Ip,
        _ => Text,
    }
}
