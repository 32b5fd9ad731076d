//! The distribution's kernel for virtual machines: its packages fetched and unpacked, not installed.
//!
//! An installed kernel makes an initramfs, changes the boot loader's menu and is booted next time. None of that is wanted:
//! of the packages that apt names, only those with the kernel and its modules in them are taken.
use std::fs;
use std::path::Path;
use std::process::Command;

use super::super::error::{Error, Result};
use super::apt::{Apt, output};
use super::listing::Package;

/// What distributions call the kernel for machines in clouds, which is small; then Debian's for all machines.
const NAMES: [&str; 3] = ["linux-image-cloud-amd64", "linux-image-virtual", "linux-image-amd64"];

/// Fetches the kernel's packages by way of `work_dir` and unpacks them into `tree`. Gives their names.
pub fn unpack_kernel(work_dir: &Path, tree: &Path, progress: &dyn Fn(&str)) -> Result<Vec<String>> {
    let mut apt = Apt::new(work_dir, &work_dir.join("scratch"))?;
    let stale = if apt.lists_are_missing() {
        "there are no package lists here".to_owned()
    } else {
        match gather(&apt, progress) {
            Ok(packages) => return unpack(&apt, &packages, tree, progress),
            // Old lists name files that the archive no longer has; new ones may help.
            Err(error @ Error::Apt { .. }) => error.to_string(),
            Err(error) => return Err(error),
        }
    };
    progress(&format!("{stale}: fetching new ones"));
    apt.update()?;
    let packages = gather(&apt, progress)?;
    unpack(&apt, &packages, tree, progress)
}

fn gather(apt: &Apt, progress: &dyn Fn(&str)) -> Result<Vec<Package>> {
    progress("asking apt for the distribution's kernel for virtual machines");
    let mut all = apt.resolve(&[NAMES[0]]);
    for name in &NAMES[1..] {
        if matches!(all, Err(Error::Apt { .. })) {
            all = apt.resolve(&[name]);
        }
    }
    let packages: Vec<Package> = all?.into_iter().filter(|package| is_wanted(&package.name)).collect();
    let bytes: u64 = packages.iter().map(|package| package.size_bytes).sum();
    let names: Vec<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    progress(&format!("fetching {}, {} MB", names.join(" and "), bytes.div_ceil(1_000_000)));
    apt.download(&packages)?;
    Ok(packages)
}

/// Named after a release: those without are empty, and lead to the newest one.
fn is_wanted(name: &str) -> bool {
    ["linux-image-", "linux-image-unsigned-", "linux-modules-"]
        .iter()
        .any(|kind| name.strip_prefix(kind).is_some_and(|release| release.starts_with(|c: char| c.is_ascii_digit())))
}

fn unpack(apt: &Apt, packages: &[Package], tree: &Path, progress: &dyn Fn(&str)) -> Result<Vec<String>> {
    fs::create_dir_all(tree).map_err(|source| Error::Write { path: tree.to_owned(), source })?;
    for package in packages {
        progress(&format!("unpacking {} {}, which is not installed by that", package.name, package.version));
        let mut command = Command::new("dpkg-deb");
        let said = output("dpkg-deb", command.arg("--extract").arg(apt.path(package)).arg(tree))?;
        if !said.status.success() {
            let message = String::from_utf8_lossy(&said.stderr).trim().to_owned();
            return Err(Error::Deb { package: package.name.clone(), message });
        }
    }
    Ok(packages.iter().map(|package| package.name.clone()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_packages_with_a_kernel_or_its_modules_are_wanted() {
        for name in ["linux-image-6.1.0-56-cloud-amd64", "linux-modules-6.8.0-31-generic"] {
            assert!(is_wanted(name), "{name}");
        }
        for name in ["linux-image-cloud-amd64", "linux-base", "linux-modules-extra-6.8.0-31-generic", "kmod"] {
            assert!(!is_wanted(name), "{name}");
        }
    }
}
