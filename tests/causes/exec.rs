//! A program that is there and is not run: which of the many causes it is.

use super::{Place, says};
use crate::harness::lab::lab;
use crate::harness::need;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The header of a program for a processor, as far as the kernel looks before it says no.
fn header(machine: u16) -> Vec<u8> {
    let mut header = b"\x7fELF\x02\x01\x01".to_vec();
    header.resize(16, 0);
    header.extend([3, 0]);
    header.extend(machine.to_le_bytes());
    header.resize(64, 0);
    header
}

/// rlab's own program, linked for another C library.
fn for_musl() -> Vec<u8> {
    let mut program = std::fs::read(env!("CARGO_BIN_EXE_rlab")).unwrap();
    let own =
        program.windows(12).position(|bytes| bytes.starts_with(b"/lib") && bytes.windows(8).any(|b| b == b"ld-linux"));
    let at = own.or_else(|| program.windows(14).position(|bytes| bytes.starts_with(b"/lib64/ld-linu"))).unwrap();
    let length = program[at..].iter().position(|byte| *byte == 0).unwrap();
    let other = b"/lib/ld-musl.so";
    program[at..at + length].fill(0);
    program[at..at + other.len()].copy_from_slice(other);
    program
}

fn place(folder: &Path, name: &str, content: &[u8], mode: u32) {
    let file = folder.join(name);
    std::fs::write(&file, content).unwrap();
    std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
}

#[test]
fn why_a_file_that_is_there_is_not_run() {
    let lab = lab!();
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let foreign = if cfg!(target_arch = "aarch64") { 62 } else { 183 };
    place(folder.path(), "no-interpreter", b"#!/usr/bin/nothing -x\n", 0o755);
    place(folder.path(), "windows", b"#!/bin/sh\r\necho\r\n", 0o755);
    place(folder.path(), "foreign", &header(foreign), 0o755);
    place(folder.path(), "foreign-script", b"#!/mnt/foreign\n", 0o755);
    place(folder.path(), "musl", &for_musl(), 0o755);
    place(folder.path(), "no-line", b"echo hello\n", 0o755);
    place(folder.path(), "empty", b"", 0o755);
    place(folder.path(), "plain", b"#!/bin/sh\n", 0o644);
    std::os::unix::fs::symlink("/nowhere/at/all", folder.path().join("link")).unwrap();
    let volume = format!("{}:/mnt", folder.path().display());
    let machine = format!(" {foreign}\n");
    let host = Place::host(&lab);
    for (file, code, sentence, shown) in [
        ("no-interpreter", 126, "(ENOENT): the script's interpreter /usr/bin/nothing is not in the image", "ENOENT"),
        ("windows", 126, "(ENOENT): the script's first line ends in a carriage return", "#!/bin/sh^M$"),
        ("foreign", 126, "(ENOEXEC): it is a program for", machine.as_str()),
        ("foreign-script", 126, "(ENOEXEC): it is a program for", machine.as_str()),
        ("musl", 126, "/lib/ld-musl.so, is not in the image (another C library?)", "ENOENT"),
        ("no-line", 126, "(ENOEXEC): it is no program, and no script with #! in its first line", "e   c   h   o"),
        ("empty", 126, "(ENOEXEC): the file is empty", "0000000"),
        ("plain", 126, "permission denied: no execute bit is set", "-rw-r--r--"),
        ("link", 127, "it is a link to /nowhere/at/all, which is not in the image", "-> /nowhere/at/all"),
        ("absent", 127, "no such file in the image", "ENOENT"),
    ] {
        let path = format!("/mnt/{file}");
        let output = lab.tool(&["-v", &volume], &[&path]).ended_with(code);
        says(&output, sentence);
        let seen = host.check(&output);
        assert!(seen.contains(shown), "the check shows no {shown:?}, but {seen:?}\n{output}");
    }
}

#[test]
fn who_may_run_it_and_from_where() {
    let lab = lab!();
    need!(programs(&["findmnt", "unshare"], "apt install util-linux"));
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    place(folder.path(), "roots", b"#!/bin/sh\n", 0o700);
    place(folder.path(), "script", b"#!/mnt/plain\n", 0o755);
    place(folder.path(), "plain", b"", 0o644);
    let volume = format!("{}:/mnt", folder.path().display());
    let host = Place::host(&lab);
    // A user who is not root has no capability by which execve would pass over the mode.
    let output = lab.tool(&["-v", &volume, "-u", "student"], &["/mnt/roots"]).ended_with(126);
    says(&output, "(EACCES): its mode lets others run it, not this user");
    assert!(host.check(&output).starts_with("-rwx------"), "{output}");
    lab.tool(&["-v", &volume], &["/mnt/roots"]).succeeded();

    let output = lab.tool(&["-v", &volume], &["/mnt/script"]).ended_with(126);
    says(&output, "(EACCES): its interpreter /mnt/plain may not be run by this user");
    assert!(host.check(&output).starts_with("-rw-r--r--"), "{output}");

    let output = lab.tool(&[], &["/etc"]).ended_with(126);
    says(&output, "is a directory");
    assert!(host.check(&output).starts_with("drwx"), "{output}");

    let lines = format!("mount -t tmpfs -o noexec none /mnt; cp {}/roots /mnt/x", folder.path().display());
    let noexec = Place::mounts(&lab, lines);
    let output = noexec.tool(&["-v", "/mnt:/mnt"], &["/mnt/x"]).ended_with(126);
    says(&output, "(EACCES): it lies on a mount with noexec, from which nothing is run");
    assert!(noexec.check(&output).contains("noexec"), "{output}");
}
