//! The command: which file a name means inside the container, and why the kernel would not run it.

use super::error::{Failure, Look};
use super::executable;
use super::stage::{Outcome, Refusal};
use crate::sys;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A name with a slash is a path; one without is looked up in PATH, the container's.
pub fn find(name: &str, env: &[String], cwd: &Path) -> Outcome<PathBuf> {
    if name.contains('/') {
        let path = Path::new("/").join(cwd).join(name);
        return match std::fs::metadata(&path) {
            Ok(found) => match runnable(&found) {
                Ok(()) => Ok(path),
                Err(reason) => Err(not_executable(name, reason, look("ls -l -d {}", &path))),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(absent(name, &path)),
            Err(error) => Err(not_executable(name, &error.to_string(), look("ls -l -d {}", &path))),
        };
    }
    let paths = env.iter().find_map(|entry| entry.strip_prefix("PATH=")).unwrap_or_default();
    let mut denied = None;
    for path in std::env::split_paths(paths).map(|dir| dir.join(name)) {
        match std::fs::metadata(&path).map(|found| runnable(&found)) {
            Ok(Ok(())) => return Ok(path),
            Ok(Err(reason)) => denied = denied.or(Some((path, reason))),
            Err(_) => {}
        }
    }
    match denied {
        Some((path, reason)) => Err(not_executable(&path.to_string_lossy(), reason, look("ls -l -d {}", &path))),
        None => {
            let first = std::env::split_paths(paths).next().unwrap_or_default().join(name);
            Err(not_found(name, &format!("not found in PATH={paths}"), look("ls -l -d {}", &first)))
        }
    }
}

fn runnable(found: &std::fs::Metadata) -> Result<(), &'static str> {
    match (found.is_dir(), found.permissions().mode() & 0o111) {
        (true, _) => Err("is a directory"),
        (false, 0) => Err("permission denied: no execute bit is set"),
        _ => Ok(()),
    }
}

/// A path that leads to nothing: there may be a link all the same.
fn absent(name: &str, path: &Path) -> Refusal {
    let reason = match std::fs::read_link(path) {
        Ok(target) => format!("it is a link to {}, which is not in the image", target.display()),
        Err(_) => "no such file in the image".to_owned(),
    };
    not_found(name, &reason, look("ls -l -d {}", path))
}

fn look(command: &str, file: &Path) -> Box<Look> {
    // Without links, so that whoever knows where the container's files are on the host can find it there.
    Box::new(Look { command: command.to_owned(), file: file.canonicalize().unwrap_or_else(|_| file.to_owned()) })
}

fn not_found(name: &str, reason: &str, look: Box<Look>) -> Refusal {
    Refusal::Command(Failure::NotFound { name: name.to_owned(), reason: reason.to_owned(), look })
}

fn not_executable(path: &str, reason: &str, look: Box<Look>) -> Refusal {
    Refusal::Command(Failure::NotRunnable { path: path.to_owned(), reason: reason.to_owned(), look })
}

/// The kernel's answer, and the cause behind those that mislead everyone: ENOENT, ENOEXEC and EACCES for a file that is
/// there and has its execute bit.
pub fn not_runnable(program: &Path, error: &sys::Error) -> Refusal {
    let injected = if error.injected { " (INJECTED)" } else { "" };
    let answer = format!("{} ({}){injected}", sys::errno_text(error.errno), sys::errno_name(error.errno));
    let found = match sys::errno_name(error.errno) {
        "ENOENT" => executable::missing(program),
        "ENOEXEC" => executable::foreign(program),
        "EACCES" => executable::denied(program),
        _ => None,
    };
    let name = program.to_string_lossy();
    match found {
        Some((cause, look)) => not_executable(&name, &format!("{answer}: {cause}"), look),
        None => not_executable(&name, &answer, look("ls -l -d {}", program)),
    }
}
