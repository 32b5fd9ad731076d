//! Names and words of error numbers, see errno(3).

/// The kernel's error numbers.
pub use nix::errno::Errno;

macro_rules! known {
    ($($name:ident)*) => { &[$((Errno::$name, stringify!($name))),*] };
}

/// The errors that calls of ours can meet by their man pages. nix has their names, too, but only behind Debug.
static KNOWN: &[(Errno, &str)] = known! {
    EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT
    ENOTBLK EBUSY EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG
    ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE ENAMETOOLONG ENOSYS ENOTEMPTY ELOOP ENODATA
    EOVERFLOW EOPNOTSUPP ENOBUFS EADDRINUSE EADDRNOTAVAIL EALREADY EINPROGRESS ECONNRESET
    EHOSTUNREACH EMSGSIZE ENOTSOCK EPROTO EDEADLK ENOLCK ENETUNREACH ECONNREFUSED ETIMEDOUT ESTALE
    EDQUOT EUSERS EAFNOSUPPORT EPROTONOSUPPORT ELIBBAD
};

/// `EPERM` for 1, and so on. A number without a name is `EUNKNOWN`.
pub fn errno_name(errno: i32) -> &'static str {
    KNOWN.iter().find(|(known, _)| *known as i32 == errno).map_or("EUNKNOWN", |(_, name)| name)
}

/// 1 for `EPERM`, and so on.
pub fn errno_number(name: &str) -> Option<i32> {
    KNOWN.iter().find(|(_, known)| *known == name).map(|(errno, _)| *errno as i32)
}

/// The error in words, as errno(3) has them.
pub fn errno_text(errno: i32) -> &'static str {
    Errno::from_raw(errno).desc()
}
