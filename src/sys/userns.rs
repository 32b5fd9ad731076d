//! A user namespace without a process in it: what an id-mapped mount wants to be told its mapping by.

use super::{Cloned, Result, clone3, exit_now, open_read, pipe, read, wait, write_file};
use crate::trace::Call;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

/// Makes a user namespace with `map` for users and groups, and gives its descriptor; nobody is in it.
///
/// A process has to live in it for as long as its maps are written. Must be called from a process with one thread.
pub fn user_namespace(map: &str) -> Result<OwnedFd> {
    let refused = |errno| super::Error::new(Call::new("pipe2"), errno as i32);
    let (over, done) = pipe().map_err(refused)?;
    match clone3(super::CLONE_NEWUSER, "CLONE_NEWUSER")? {
        Cloned::Child => {
            drop(done); // else it would wait for itself
            let _end_of_file = read(&over, &mut [0]);
            exit_now(0)
        }
        Cloned::Parent { pid, .. } => {
            let file = |name: &str| PathBuf::from(format!("/proc/{pid}/{name}"));
            let made = write_file(&file("uid_map"), map)
                .and_then(|()| write_file(&file("gid_map"), map))
                .and_then(|()| open_read(&file("ns/user")));
            drop(done);
            wait(pid, true)?;
            made
        }
    }
}
