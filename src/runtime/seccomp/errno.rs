//! Names for the errnos that profiles return, so that a lesson says `EPERM` and not `1`.

/// `EPERM`: what a denied syscall returns unless the profile says otherwise.
pub(super) const EPERM: u32 = 1;
/// `ENOSYS`: "this kernel has no such syscall", on which libraries fall back to an older one.
pub(super) const ENOSYS: u32 = 38;

/// The name of `errno`, or its number when no profile in use returns it.
pub(super) fn name(errno: u32) -> String {
    let known = match errno {
        0 => "0",
        EPERM => "EPERM",
        2 => "ENOENT",
        3 => "ESRCH",
        4 => "EINTR",
        5 => "EIO",
        9 => "EBADF",
        11 => "EAGAIN",
        12 => "ENOMEM",
        13 => "EACCES",
        14 => "EFAULT",
        16 => "EBUSY",
        17 => "EEXIST",
        19 => "ENODEV",
        22 => "EINVAL",
        30 => "EROFS",
        ENOSYS => "ENOSYS",
        93 => "EPROTONOSUPPORT",
        95 => "EOPNOTSUPP",
        97 => "EAFNOSUPPORT",
        111 => "ECONNREFUSED",
        _ => return errno.to_string(),
    };
    known.to_owned()
}
