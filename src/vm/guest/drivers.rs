//! The drivers: pieces of the kernel that came as files.
//!
//! A distribution's kernel has drivers for thousands of devices, and no machine has them all: so they are files, modules,
//! and someone has to know which are needed. On an installed system that is udev, by what the buses report. Here rlab chose
//! the machine's devices itself, so the list was made outside.
//!
//! Man: finit_module(2), modprobe(8).

use crate::shim::Failure;
use crate::sys;
use crate::vm::order::refused;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Where the initramfs has them, named so that a sorted list is the order in which each finds what it uses.
const MODULES: &str = "/modules";

/// Loads all of them.
pub fn load() -> Result<(), Failure> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(MODULES).map(|all| all.flatten().map(|one| one.path()).collect()).unwrap_or_default();
    files.sort();
    files.iter().try_for_each(|path| insert(path))
}

fn insert(path: &Path) -> Result<(), Failure> {
    let lost = |error: std::io::Error| Failure::Refused {
        stage: "guest_init".to_owned(),
        reason: format!("{}: {error}", path.display()),
    };
    let file = File::open(path).map_err(lost)?;
    match sys::finit_module(&file, path) {
        // Built into this kernel after all, or already loaded because another one asked for it.
        Err(error) if error.errno == sys::Errno::EEXIST as i32 => Ok(()),
        other => other.map_err(refused("guest_init")),
    }
}
