//! Which system calls change the state of the kernel, written down once; and which of their arguments are compared.

/// Calls of one sort, and why they count.
pub struct Family {
    /// What they have to do with.
    pub name: &'static str,
    /// What would go unseen if they were not told.
    pub why: &'static str,
    /// The calls, also those that rlab does not use: should it begin to, it has to tell.
    pub calls: &'static [&'static str],
}

/// The state-changing calls. Left out are calls that change nothing but the caller itself, and that end with it: its memory,
/// its descriptors (but for those that a program is left with, see `descriptors`), its own handling of signals; and locks.
/// Connections and messages are no state. How a process ended is told by the `wait4` of its parent.
pub static STATE: &[Family] = &[
    Family {
        name: "mounts",
        why: "what a process finds behind a path",
        calls: &[
            "mount",
            "umount",
            "umount2",
            "pivot_root",
            "open_tree",
            "move_mount",
            "mount_setattr",
            "fsopen",
            "fsconfig",
            "fsmount",
            "fspick",
            "swapon",
            "swapoff",
            "quotactl",
        ],
    },
    Family {
        name: "root and directory",
        why: "where a path begins: a directory left open outside is a way out",
        calls: &["chroot", "chdir", "fchdir"],
    },
    Family {
        name: "namespaces",
        why: "which names a process shares with others",
        calls: &["unshare", "setns", "sethostname", "setdomainname"],
    },
    Family {
        name: "processes",
        why: "who is there, what it runs and who has been collected",
        calls: &[
            "clone", "clone3", "fork", "vfork", "execve", "execveat", "wait4", "waitid", "setsid", "setpgid", "ptrace",
        ],
    },
    Family {
        name: "signals",
        why: "what is done to another process",
        calls: &["kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal"],
    },
    Family {
        name: "users, groups, capabilities",
        why: "what a process may do",
        calls: &[
            "setuid",
            "setgid",
            "setreuid",
            "setregid",
            "setresuid",
            "setresgid",
            "setfsuid",
            "setfsgid",
            "setgroups",
            "capset",
            "keyctl",
            "add_key",
            "request_key",
        ],
    },
    Family {
        name: "attributes and filters",
        why: "what a process can be made to do, and which calls it has left",
        calls: &["prctl", "seccomp", "bpf", "personality", "umask"],
    },
    Family {
        name: "limits",
        why: "how much a process may have",
        calls: &["prlimit64", "setrlimit", "setpriority", "sched_setaffinity", "sched_setscheduler", "ioprio_set"],
    },
    Family {
        name: "nodes and links",
        why: "which names there are: in the container's tree, of cgroups, of pinned namespaces, of the fifo",
        calls: &[
            "mkdir",
            "mkdirat",
            "rmdir",
            "mknod",
            "mknodat",
            "symlink",
            "symlinkat",
            "link",
            "linkat",
            "unlink",
            "unlinkat",
            "rename",
            "renameat",
            "renameat2",
            "creat",
            "open",
            "openat",
            "truncate",
            "ftruncate",
        ],
    },
    Family {
        name: "owners and modes",
        why: "who may use them",
        calls: &[
            "chmod",
            "fchmod",
            "fchmodat",
            "chown",
            "lchown",
            "fchown",
            "fchownat",
            "setxattr",
            "lsetxattr",
            "fsetxattr",
        ],
    },
    Family {
        name: "writes",
        why: "id maps, cgroup files, sysctls and attributes in /proc are set by writing to a file",
        calls: &["write", "pwrite64", "writev", "pwritev"],
    },
    Family {
        name: "netlink",
        why: "links, addresses and routes are set by messages",
        calls: &["sendto", "sendmsg", "sendmmsg"],
    },
    Family { name: "terminals", why: "who gets the keys, and what is done with them on the way", calls: &["ioctl"] },
    Family {
        name: "descriptors",
        why: "what a program has open from the start: a leaked one is a way out",
        calls: &["dup3", "close_range"],
    },
];

/// How an argument of the kernel's is found and read, to be compared with the one that is told. The numbers are places in
/// the call.
#[derive(Clone, Copy, Debug)]
pub enum How {
    /// A string, or NULL.
    Text(usize),
    /// A path. `/proc/self/fd/N` is what N stands for, and what is inside the container's tree begins at its root.
    Path(usize),
    /// A name beneath a descriptor; likewise.
    Beneath(usize, usize),
    /// What a descriptor stands for.
    Behind(usize),
    /// The process that a pidfd stands for.
    Pidfd(usize),
    /// A number, also one of a descriptor, or a calculation such as `8192*1024`.
    Number(usize),
    /// A number in octal.
    Mode(usize),
    /// A word, or words between bars, in any order.
    Flags(usize),
    /// A word in a structure, or words between bars.
    Field(usize, &'static str),
    /// A number in a structure.
    NumberField(usize, &'static str),
    /// The word behind `flags=` in a call whose arguments have names.
    Named(&'static str),
    /// A device: `makedev(0x1, 0x3)`; none is 0:0.
    Device(usize),
    /// A list of strings or numbers.
    List(usize),
    /// How many variables: `/* 3 vars */`.
    Count(usize),
    /// How a process ended.
    Status(usize),
    /// Capabilities in a structure: `1<<CAP_CHOWN|…`; told as a mask.
    Capabilities(usize, &'static str),
    /// This argument and those after it, without zeros at the end.
    Rest(usize),
    /// An rtnetlink message.
    Message,
}

/// What is compared of a call.
pub struct Compared {
    /// Its name.
    pub call: &'static str,
    /// Arguments by the name under which they are told.
    pub args: &'static [(&'static str, How)],
    /// Arguments that are told and not compared, and why.
    pub not: &'static [(&'static str, &'static str)],
    /// Whether it returns a descriptor, whose number says nothing to anyone else.
    pub gives_descriptor: bool,
}

const fn all(call: &'static str, args: &'static [(&'static str, How)]) -> Compared {
    Compared { call, args, not: &[], gives_descriptor: false }
}

const DIRFD: (&str, &str) = ("dirfd", "its number says nothing: what it stands for is compared as part of the path");

use How::*;

/// What is compared of every call that rlab tells of.
pub static COMPARED: &[Compared] = &[
    all(
        "mount",
        &[
            ("source", Text(0)),
            ("target", Path(1)),
            ("filesystemtype", Text(2)),
            ("mountflags", Flags(3)),
            ("data", Text(4)),
        ],
    ),
    all("umount2", &[("target", Path(0)), ("flags", Flags(1))]),
    all("pivot_root", &[("new_root", Text(0)), ("put_old", Text(1))]),
    Compared { not: &[DIRFD], gives_descriptor: true, ..all("open_tree", &[("path", Path(1)), ("flags", Flags(2))]) },
    Compared {
        not: &[("from_fd", "a mount that hangs nowhere has no name")],
        ..all("move_mount", &[("to_path", Path(3)), ("flags", Flags(4))])
    },
    Compared {
        not: &[("dirfd", "a mount that hangs nowhere has no name")],
        ..all("mount_setattr", &[("path", Text(1)), ("flags", Flags(2)), ("attr", Field(3, "attr_set"))])
    },
    all("chroot", &[("path", Path(0))]),
    all("chdir", &[("path", Path(0))]),
    all("unshare", &[("flags", Flags(0))]),
    all("setns", &[("fd", Behind(0)), ("nstype", Flags(1))]),
    all("sethostname", &[("name", Text(0))]),
    all("setdomainname", &[("name", Text(0))]),
    all("clone3", &[("flags", Field(0, "flags")), ("exit_signal", Field(0, "exit_signal"))]),
    all("clone", &[("flags", Named("flags"))]),
    all("execve", &[("pathname", Text(0)), ("argv", List(1)), ("envc", Count(2))]),
    all("wait4", &[("pid", Number(0)), ("status", Status(1))]),
    all("setsid", &[]),
    all("setpgid", &[("pid", Number(0)), ("pgid", Number(1))]),
    all("kill", &[("pid", Number(0)), ("sig", Flags(1))]),
    all("pidfd_send_signal", &[("pid", Pidfd(0)), ("sig", Flags(1))]),
    all("setgroups", &[("list", List(1))]),
    all("setresgid", &[("rgid", Number(0)), ("egid", Number(1)), ("sgid", Number(2))]),
    all("setresuid", &[("ruid", Number(0)), ("euid", Number(1)), ("suid", Number(2))]),
    all(
        "capset",
        &[
            ("effective", Capabilities(1, "effective")),
            ("permitted", Capabilities(1, "permitted")),
            ("inheritable", Capabilities(1, "inheritable")),
        ],
    ),
    all("prctl", &[("op", Flags(0)), ("arg", Rest(1))]),
    all("seccomp", &[("op", Flags(0)), ("flags", Flags(1)), ("instructions", NumberField(2, "len"))]),
    all("umask", &[("mask", Mode(0))]),
    all(
        "prlimit64",
        &[("resource", Flags(1)), ("soft", NumberField(2, "rlim_cur")), ("hard", NumberField(2, "rlim_max"))],
    ),
    all("mkdir", &[("pathname", Path(0)), ("mode", Mode(1))]),
    Compared { not: &[DIRFD], ..all("mkdirat", &[("pathname", Beneath(0, 1)), ("mode", Mode(2))]) },
    all("rmdir", &[("pathname", Path(0))]),
    Compared {
        not: &[DIRFD],
        ..all("mknodat", &[("pathname", Beneath(0, 1)), ("mode", Flags(2)), ("dev", Device(3))])
    },
    Compared { not: &[DIRFD], ..all("symlinkat", &[("target", Text(0)), ("linkpath", Beneath(1, 2))]) },
    all("unlink", &[("pathname", Path(0))]),
    Compared { not: &[DIRFD], ..all("unlinkat", &[("pathname", Beneath(0, 1)), ("flags", Flags(2))]) },
    Compared {
        not: &[DIRFD],
        gives_descriptor: true,
        ..all("openat", &[("pathname", Beneath(0, 1)), ("flags", Flags(2)), ("mode", Mode(3))])
    },
    all("fchown", &[("fd", Number(0)), ("owner", Number(1)), ("group", Number(2))]),
    all("write", &[("path", Behind(0)), ("text", Text(1))]),
    Compared {
        not: &[
            ("protocol", "a message that reads as one of rtnetlink's was sent by that protocol"),
            ("extended_ack", "the kernel's words in its answer"),
        ],
        ..all("sendto", &[("message", Message)])
    },
    Compared {
        not: &[("fd", "its number says nothing: which terminal it is shows in what became of it")],
        ..all("ioctl", &[("op", Flags(1)), ("arg", Rest(2))])
    },
    all("dup3", &[("oldfd", Number(0)), ("newfd", Number(1)), ("flags", Flags(2))]),
    all("close_range", &[("first", Number(0)), ("last", Number(1)), ("flags", Flags(2))]),
];

/// What is compared of a call; None for one that rlab never tells of.
pub fn compared(call: &str) -> Option<&'static Compared> {
    COMPARED.iter().find(|compared| compared.call == call)
}
