//! The command: which file a name means inside the container, and why the kernel would not run it.

use super::error::Failure;
use super::plan::Plan;
use super::stage::{Outcome, Refusal};
use crate::sys;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A name with a slash is a path; one without is looked up in PATH, the container's.
pub fn find(plan: &Plan) -> Outcome<PathBuf> {
    let name = &plan.args[0];
    if name.contains('/') {
        let path = Path::new("/").join(&plan.cwd).join(name);
        return match std::fs::metadata(&path) {
            Ok(found) => runnable(&found).map(|()| path).map_err(|reason| not_executable(name, reason)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(not_found(name, "no such file in the image"))
            }
            Err(error) => Err(not_executable(name, &error.to_string())),
        };
    }
    let paths = plan.env.iter().find_map(|entry| entry.strip_prefix("PATH=")).unwrap_or_default();
    let mut denied = None;
    for path in std::env::split_paths(paths).map(|dir| dir.join(name)) {
        match std::fs::metadata(&path).map(|found| runnable(&found)) {
            Ok(Ok(())) => return Ok(path),
            Ok(Err(reason)) => denied = denied.or(Some((path, reason))),
            Err(_) => {}
        }
    }
    match denied {
        Some((path, reason)) => Err(not_executable(&path.to_string_lossy(), reason)),
        None => Err(not_found(name, &format!("not found in PATH={paths}"))),
    }
}

fn runnable(found: &std::fs::Metadata) -> Result<(), &'static str> {
    match (found.is_dir(), found.permissions().mode() & 0o111) {
        (true, _) => Err("is a directory"),
        (false, 0) => Err("permission denied: no execute bit is set"),
        _ => Ok(()),
    }
}

fn not_found(name: &str, reason: &str) -> Refusal {
    Refusal::Command(Failure::NotFound { name: name.to_owned(), reason: reason.to_owned() })
}

fn not_executable(path: &str, reason: &str) -> Refusal {
    Refusal::Command(Failure::NotRunnable { path: path.to_owned(), reason: reason.to_owned() })
}

/// The kernel's answer, and the cause behind the two that mislead everyone: ENOENT and ENOEXEC for a file that is there.
pub fn not_runnable(program: &Path, error: &sys::Error) -> Refusal {
    let injected = if error.injected { " (INJECTED)" } else { "" };
    let answer = format!("{} ({}){injected}", sys::errno_text(error.errno), sys::errno_name(error.errno));
    let cause = match sys::errno_name(error.errno) {
        "ENOENT" => missing_interpreter(program),
        "ENOEXEC" => Some("it is no program for this machine, and no script with #! in its first line".to_owned()),
        _ => None,
    };
    let reason = cause.map_or(answer.clone(), |cause| format!("{answer}: {cause}"));
    not_executable(&program.to_string_lossy(), &reason)
}

/// A script names its interpreter after `#!`, a dynamically linked program names its loader: either may be missing.
fn missing_interpreter(program: &Path) -> Option<String> {
    use object::read::elf::{FileHeader, ProgramHeader};
    let content = std::fs::read(program).ok()?;
    if let Some(line) = content.strip_prefix(b"#!") {
        let line = String::from_utf8_lossy(line.split(|byte| *byte == b'\n').next()?);
        let carriage_return =
            if line.ends_with('\r') { " (the line ends in a carriage return, as on Windows)" } else { "" };
        let interpreter = line.split_whitespace().next()?;
        return Some(format!("the script's interpreter {interpreter} is not in the image{carriage_return}"));
    }
    let header = object::elf::FileHeader64::<object::Endianness>::parse(content.as_slice()).ok()?;
    let endian = header.endian().ok()?;
    let headers = header.program_headers(endian, content.as_slice()).ok()?;
    let loader = headers.iter().find_map(|part| part.interpreter(endian, content.as_slice()).ok().flatten())?;
    let loader = String::from_utf8_lossy(loader);
    Some(format!("the loader it was linked for, {loader}, is not in the image (another C library?)"))
}
