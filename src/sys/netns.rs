//! Network namespaces as `ip netns` keeps them: a namespace is pinned by mounting its file of /proc onto another file.
//!
//! A thread's namespace is not the process's: all of this goes by /proc/thread-self, so that it is right in a process
//! with several threads too (the test harness is one), though rlab itself has one when it makes containers.

use super::{Error, Result, traced};
use crate::trace::Call;
use nix::fcntl::{OFlag, open};
use nix::sched::CloneFlags;
use nix::sys::stat::Mode;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

/// A network namespace, kept open so that a thread can enter it.
#[derive(Debug)]
pub struct NetworkNamespace {
    fd: OwnedFd,
    path: String,
}

const OWN: &str = "/proc/thread-self/ns/net";

impl NetworkNamespace {
    /// The one in which the calling thread is. Not told: opening it changes nothing.
    pub fn current() -> Result<NetworkNamespace> {
        NetworkNamespace::open(Path::new(OWN))
    }

    /// The one that a file names. Not told: opening it changes nothing.
    pub fn open(path: &Path) -> Result<NetworkNamespace> {
        let call =
            || Call::new("openat").arg("dirfd", "AT_FDCWD").path("pathname", path).arg("flags", "O_RDONLY|O_CLOEXEC");
        let fd = open(path, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())
            .map_err(|errno| Error::new(call(), errno as i32))?;
        // A pinned one is known by its file's path, the caller's own by its number: `net:[4026531840]`.
        let link = std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd()));
        let path = link.unwrap_or_else(|_| path.to_owned()).to_string_lossy().into_owned();
        Ok(NetworkNamespace { fd, path })
    }

    /// setns(2): the calling thread enters it.
    pub fn enter(&self) -> Result<()> {
        traced(
            || Call::new("setns").arg("fd", self.path.as_str()).arg("nstype", "CLONE_NEWNET"),
            || nix::sched::setns(&self.fd, CloneFlags::CLONE_NEWNET),
        )
    }

    /// The number by which the kernel names it, as in `net:[4026531840]`.
    pub fn inode(&self) -> Result<u64> {
        let call = || Call::new("fstat").arg("fd", self.path.as_str());
        let stat = nix::sys::stat::fstat(&self.fd).map_err(|errno| Error::new(call(), errno as i32))?;
        Ok(stat.st_ino)
    }
}

impl AsFd for NetworkNamespace {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// unshare(2) with CLONE_NEWNET: the calling thread gets a network namespace that begins with a loopback link, down.
pub fn unshare_network() -> Result<()> {
    super::unshare(libc::CLONE_NEWNET, "CLONE_NEWNET")
}

/// Makes the empty file that a namespace is going to be mounted on. It must not exist: two containers would share it.
pub fn create_pin(path: &Path) -> Result<()> {
    let flags = OFlag::O_RDONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
    traced(
        || {
            Call::new("openat")
                .arg("dirfd", "AT_FDCWD")
                .path("pathname", path)
                .arg("flags", "O_RDONLY|O_CREAT|O_EXCL|O_CLOEXEC")
                .arg("mode", 0)
        },
        || open(path, flags, Mode::empty()),
    )
    .map(drop)
}

/// Pins the calling thread's network namespace to a file: it lives until that mount is gone and nobody is in it.
pub fn pin(path: &Path) -> Result<()> {
    super::mount::mount(Some(OWN), path, None, super::mount::MsFlags::MS_BIND, None)
}

/// unlink(2).
pub fn unlink(path: &Path) -> Result<()> {
    traced(|| Call::new("unlink").path("pathname", path), || nix::unistd::unlink(path))
}
