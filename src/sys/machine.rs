//! What only the first process of a whole machine does: drivers come, and the power goes.

use super::{Result, traced};
use crate::trace::Call;
use nix::errno::Errno;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;

/// finit_module(2): loads a driver into the running kernel.
///
/// Errors: EEXIST when it is there already, ENOENT when it uses a symbol that no loaded one has, ENOEXEC when it was built
/// for another kernel.
pub fn finit_module(file: &File, path: &Path) -> Result<()> {
    let number = file.as_raw_fd();
    traced(
        || Call::new("finit_module").path("fd", path).arg("param_values", "").arg("flags", "0"),
        // SAFETY: an open descriptor, and a string that ends with NUL.
        || Errno::result(unsafe { libc::syscall(libc::SYS_finit_module, number, c"".as_ptr(), 0) }).map(drop),
    )
}

/// reboot(2): switches the machine off. Comes back only when it was refused.
pub fn power_off() -> Result<()> {
    reboot(libc::RB_POWER_OFF, "LINUX_REBOOT_CMD_POWER_OFF")
}

/// reboot(2): restarts the machine, as the reset button does. Comes back only when it was refused.
pub fn restart() -> Result<()> {
    reboot(libc::RB_AUTOBOOT, "LINUX_REBOOT_CMD_RESTART")
}

fn reboot(command: i32, spelt: &str) -> Result<()> {
    traced(
        || Call::new("reboot").arg("op", spelt),
        // SAFETY: a plain number. The C library's wrapper does not write disks back first: see sync(2).
        || Errno::result(unsafe { libc::reboot(command) }).map(drop),
    )
}
