//! A kernel for the machine: named, found, or fetched.
//!
//! A container uses the kernel that is running; a machine has to be given one. Fetched means: by the distribution's package
//! manager, unpacked into rlab's own directory and not installed, so the host's boot loader never hears of it.
mod error;
mod fetch;
mod header;

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::modules::{self, DRIVERS};
use crate::sys::tool;
pub use error::Error;
use header::{HEADER_BYTES, Refusal};

/// A kernel, and what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// Its file.
    pub image: PathBuf,
    /// What `uname -r` says in the machine.
    pub release: String,
    /// The directory `lib/modules/RELEASE` of its drivers. A kernel may have none, and all it needs built in.
    pub modules: Option<PathBuf>,
    /// How it was come by.
    pub came: Came,
}

/// How a kernel was come by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// By `--kernel`.
    Named,
    /// The host boots from it, or could.
    Found,
    /// From the distribution, just now.
    Fetched,
    /// From the distribution, earlier.
    Kept,
}

impl Came {
    /// For people.
    pub fn words(&self) -> &'static str {
        match self {
            Came::Named => "named",
            Came::Found => "found on this host",
            Came::Fetched => "fetched",
            Came::Kept => "kept",
        }
    }
}

/// The kernel for a machine. `announce` is told what goes on where that takes a while.
pub fn find(cache: &Path, wanted: Option<&Path>, announce: &dyn Fn(&str)) -> Result<Kernel, Error> {
    if let Some(path) = wanted {
        return named(path);
    }
    let running = tool::uname().map(|uname| uname.release).unwrap_or_default();
    if let Some(kernel) = found(Path::new("/"), &running) {
        return Ok(kernel);
    }
    fetch::kept_or_fetched(&cache.join("kernels"), announce)
}

fn named(path: &Path) -> Result<Kernel, Error> {
    // QEMU and the trace name it from elsewhere.
    let image = std::path::absolute(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    let release = release(&image)?;
    // Beside it in a tree that was unpacked, or beside it as a build leaves them.
    let above = image.ancestors().skip(1).take(2);
    let trees = above.chain([Path::new("/")]).flat_map(|dir| [dir.join("lib"), dir.join("usr/lib")]);
    let modules = trees.map(|lib| lib.join("modules").join(&release)).find(|dir| dir.is_dir());
    Ok(Kernel { image, release, modules, came: Came::Named })
}

/// One that the host has: the one that runs now first, then the newest. Without its drivers it would not get far, and the
/// distribution's may do better.
fn found(root: &Path, running: &str) -> Option<Kernel> {
    let entries = fs::read_dir(root.join("boot")).ok()?.flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| name.starts_with("vmlinuz-")).collect();
    names.sort_by_key(|name| (name.strip_prefix("vmlinuz-") == Some(running), by_number(name)));
    names.iter().rev().find_map(|name| {
        let image = root.join("boot").join(name);
        let release = release(&image).ok()?;
        let modules = ["lib/modules", "usr/lib/modules"].map(|dir| root.join(dir).join(&release));
        let modules = modules.into_iter().find(|dir| dir.is_dir())?;
        let kernel = Kernel { image, release, modules: Some(modules), came: Came::Found };
        modules::needed(&kernel, DRIVERS, &[]).is_ok().then_some(kernel)
    })
}

/// 6.10 is newer than 6.9.
fn by_number(name: &str) -> Vec<(u64, String)> {
    let mut parts: Vec<(u64, String)> = vec![(0, String::new())];
    for letter in name.chars() {
        let last = parts.len() - 1;
        match letter.to_digit(10) {
            Some(digit) if parts[last].1.is_empty() => {
                parts[last].0 = parts[last].0.saturating_mul(10).saturating_add(digit.into());
            }
            Some(digit) => parts.push((digit.into(), String::new())),
            None => parts[last].1.push(letter),
        }
    }
    parts
}

fn release(image: &Path) -> Result<String, Error> {
    let failed = |source| Error::Read { path: image.to_owned(), source };
    let mut file = File::open(image).map_err(failed)?;
    let mut data = Vec::new();
    file.by_ref().take(HEADER_BYTES as u64).read_to_end(&mut data).map_err(failed)?;
    if header::is_elf(&data) {
        file.read_to_end(&mut data).map_err(failed)?;
    }
    let path = || image.to_owned();
    header::release(&data).map_err(|refusal| match refusal {
        Refusal::NotAKernel(what) => Error::NotAKernel { path: path(), what },
        Refusal::Machine(machine) => Error::Machine { path: path(), machine },
        Refusal::Unnamed => Error::Unnamed { path: path() },
    })
}

#[cfg(test)]
mod tests;
