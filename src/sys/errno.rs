//! Names and words of error numbers, see errno(3).

/// The kernel's error numbers.
pub use nix::errno::Errno;

/// `EPERM` for 1, and so on. A number without a name is `EUNKNOWN`.
pub fn errno_name(errno: i32) -> &'static str {
    // The names are static inside nix, but only reachable through Debug; the ones below are those that calls of ours
    // can meet by their man pages.
    match Errno::from_raw(errno) {
        Errno::EPERM => "EPERM",
        Errno::ENOENT => "ENOENT",
        Errno::ESRCH => "ESRCH",
        Errno::EINTR => "EINTR",
        Errno::EIO => "EIO",
        Errno::ENXIO => "ENXIO",
        Errno::E2BIG => "E2BIG",
        Errno::ENOEXEC => "ENOEXEC",
        Errno::EBADF => "EBADF",
        Errno::ECHILD => "ECHILD",
        Errno::EAGAIN => "EAGAIN",
        Errno::ENOMEM => "ENOMEM",
        Errno::EACCES => "EACCES",
        Errno::EFAULT => "EFAULT",
        Errno::ENOTBLK => "ENOTBLK",
        Errno::EBUSY => "EBUSY",
        Errno::EEXIST => "EEXIST",
        Errno::EXDEV => "EXDEV",
        Errno::ENODEV => "ENODEV",
        Errno::ENOTDIR => "ENOTDIR",
        Errno::EISDIR => "EISDIR",
        Errno::EINVAL => "EINVAL",
        Errno::ENFILE => "ENFILE",
        Errno::EMFILE => "EMFILE",
        Errno::ENOTTY => "ENOTTY",
        Errno::ETXTBSY => "ETXTBSY",
        Errno::EFBIG => "EFBIG",
        Errno::ENOSPC => "ENOSPC",
        Errno::ESPIPE => "ESPIPE",
        Errno::EROFS => "EROFS",
        Errno::EMLINK => "EMLINK",
        Errno::EPIPE => "EPIPE",
        Errno::EDOM => "EDOM",
        Errno::ERANGE => "ERANGE",
        Errno::ENAMETOOLONG => "ENAMETOOLONG",
        Errno::ENOSYS => "ENOSYS",
        Errno::ENOTEMPTY => "ENOTEMPTY",
        Errno::ELOOP => "ELOOP",
        Errno::ENODATA => "ENODATA",
        Errno::EOVERFLOW => "EOVERFLOW",
        Errno::EOPNOTSUPP => "EOPNOTSUPP",
        Errno::ENOBUFS => "ENOBUFS",
        Errno::EADDRINUSE => "EADDRINUSE",
        Errno::EADDRNOTAVAIL => "EADDRNOTAVAIL",
        Errno::EALREADY => "EALREADY",
        Errno::EINPROGRESS => "EINPROGRESS",
        Errno::ECONNRESET => "ECONNRESET",
        Errno::EHOSTUNREACH => "EHOSTUNREACH",
        Errno::EMSGSIZE => "EMSGSIZE",
        Errno::ENOTSOCK => "ENOTSOCK",
        Errno::EPROTO => "EPROTO",
        Errno::EDEADLK => "EDEADLK",
        Errno::ENOLCK => "ENOLCK",
        Errno::ENETUNREACH => "ENETUNREACH",
        Errno::ECONNREFUSED => "ECONNREFUSED",
        Errno::ETIMEDOUT => "ETIMEDOUT",
        Errno::ESTALE => "ESTALE",
        Errno::EDQUOT => "EDQUOT",
        Errno::EUSERS => "EUSERS",
        Errno::EAFNOSUPPORT => "EAFNOSUPPORT",
        Errno::EPROTONOSUPPORT => "EPROTONOSUPPORT",
        Errno::ELIBBAD => "ELIBBAD",
        _ => "EUNKNOWN",
    }
}

/// 1 for `EPERM`, and so on.
pub fn errno_number(name: &str) -> Option<i32> {
    (1..=133).find(|errno| errno_name(*errno) == name && name != "EUNKNOWN")
}

/// The error in words, as errno(3) has them.
pub fn errno_text(errno: i32) -> &'static str {
    Errno::from_raw(errno).desc()
}
