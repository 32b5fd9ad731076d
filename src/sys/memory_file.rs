//! A file that lies in memory and has no name: it goes with the last process that has it open.

use super::{Error, Result};
use crate::trace::Call;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;

/// The file.
pub struct MemoryFile(OwnedFd);

/// memfd_create(2). `name` is what /proc/PID/fd shows.
pub fn memory_file(name: &str) -> Result<MemoryFile> {
    let made = rustix::fs::memfd_create(name, rustix::fs::MemfdFlags::CLOEXEC);
    made.map(MemoryFile).map_err(|errno| Error::new(Call::new("memfd_create").arg("name", name), errno.raw_os_error()))
}

impl MemoryFile {
    /// A path by which this process can open it once more, with an offset and flags of its own.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.0.as_raw_fd()))
    }
}
