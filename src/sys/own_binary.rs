//! rlab's own file, out of a container's reach.
//!
//! Until it becomes its program, a container's first process runs rlab's file. An image can have that very file run inside
//! (`/proc/self/exe` as its program, or behind `#!`), keep it open, and wait for the moment when nobody runs it any more to
//! write its own code into it, for the next `sudo rlab` to run (CVE-2019-5736). The link leads to the file *by the mount
//! it was run from*: so that mount is one of rlab's own, read-only, and hung up nowhere, where nobody can change it.

use super::mount::{mount_setattr_read_only, open_tree};
use super::{Error, Result, geteuid};
use crate::trace::Call;
use nix::sys::statvfs::{FsFlags, fstatvfs, statvfs};
use std::ffi::{CString, OsString};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

const OWN: &str = "/proc/self/exe";

/// Goes on as the same program with the same arguments, run from a read-only mount. Comes back when it is already, and for
/// users who are not root, who make no containers.
///
/// To be called before anything else is begun: whatever this process holds goes with it.
pub fn run_from_read_only() -> Result<()> {
    let read_only = |found: nix::Result<FsFlags>| found.is_ok_and(|flags| flags.contains(FsFlags::ST_RDONLY));
    if geteuid() != 0 || read_only(statvfs(OWN).map(|found| found.flags())) {
        return Ok(());
    }
    let tree = open_tree(Path::new(OWN))?;
    mount_setattr_read_only(tree.as_fd())?;
    let call = || Call::new("execveat").arg("path", "").arg("flags", "AT_EMPTY_PATH");
    // Without this a kernel that says yes and does nothing would have us do this for ever.
    if !read_only(fstatvfs(&tree).map(|found| found.flags())) {
        return Err(Error::new(call(), nix::errno::Errno::EROFS as i32));
    }
    let args: Vec<CString> = std::env::args_os().map(text).collect();
    let env: Vec<CString> = std::env::vars_os()
        .map(|(mut entry, value)| {
            entry.push("=");
            entry.push(value);
            text(entry)
        })
        .collect();
    let flags = nix::fcntl::AtFlags::AT_EMPTY_PATH;
    super::inject::refusal(call).map_or(Ok(()), Err)?;
    let Err(errno) = nix::unistd::execveat(&tree, c"", &args, &env, flags);
    Err(Error::new(call(), errno as i32))
}

/// The kernel gave it to us as a C string, so there is no NUL in it.
fn text(from: OsString) -> CString {
    CString::new(from.into_vec()).unwrap_or_default()
}
