//! mke2fs(8), told of everything that it would else take from the host, and debugfs(8) for the little that it cannot do.
//!
//! The same tree makes the same disk, byte for byte: no configuration of the host, no random number, no time of day.
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::Error;
use super::size::{BLOCK, INODE, Needs};
use crate::image::digest::Digest;
use crate::sys::{Ended, Program, find_program, signal_name, spawn};

/// No journal, which a disk that is only read has no use for; no checksums, for which a guest might lack the driver.
const FEATURES: &str =
    "none,dir_nlink,ext_attr,extent,extra_isize,filetype,flex_bg,huge_file,large_file,sparse_super,64bit";

/// Writes a filesystem with the files of `tree` to `path`.
pub fn write(tree: &Path, path: &Path, name: &Digest) -> Result<(), Error> {
    let mke2fs = find_program("mke2fs").ok_or(Error::NoProgram { program: "mke2fs" })?;
    let needs = Needs::of(tree)?;
    let mut last = Err(String::new());
    for blocks in [needs.filesystem(), needs.generous()] {
        create(path, blocks)?;
        let args = arguments(tree, path, name, &needs, blocks);
        last = run(&mke2fs, "mke2fs", args, "")?;
        match &last {
            // The tree needs more than could be seen of it.
            Err(message) if message.contains("Could not allocate block") => {}
            _ => break,
        }
    }
    last.map_err(|message| refusal("mke2fs", path, &needs, message))?;
    finish(path, &needs)
}

/// Anew: what another attempt has written would be taken for zeros, and whoever made that may be writing still.
fn create(path: &Path, blocks: u64) -> Result<(), Error> {
    let removed = match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    };
    let opened = removed.and_then(|()| OpenOptions::new().create_new(true).write(true).mode(0o600).open(path));
    opened.and_then(|file| file.set_len(blocks * BLOCK)).map_err(|source| Error::write(path, source))
}

fn arguments(tree: &Path, path: &Path, name: &Digest, needs: &Needs, blocks: u64) -> Vec<String> {
    let (tree, path) = (tree.to_string_lossy(), path.to_string_lossy());
    let (block, inode, inodes, count) =
        (BLOCK.to_string(), INODE.to_string(), needs.table().to_string(), blocks.to_string());
    let id = uuid(name);
    let (owner, group) = needs.root.owner;
    let extended = format!("hash_seed={id},root_owner={owner}:{group},nodiscard");
    let args = [
        "mke2fs", "-q", "-F", "-t", "ext4", "-O", FEATURES, "-b", &block, "-I", &inode, "-N", &inodes, "-m", "0", "-U",
        &id, "-E", &extended, "-d", &tree, &path, &count,
    ];
    args.map(str::to_owned).into()
}

/// From the disk's own name, so that it is no other disk's.
fn uuid(name: &Digest) -> String {
    let hex = name.hex();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..32])
}

/// What mke2fs adds is taken away, and the root made what the tree's is. The times of last access and of last change are
/// made all the same.
///
/// mke2fs copies them, and sets the first anew by doing so, as it reads the files. The second is when the image was
/// unpacked. Left as they are, the next disk of the same tree would be another.
fn finish(path: &Path, needs: &Needs) -> Result<(), Error> {
    let debugfs = find_program("debugfs").ok_or(Error::NoProgram { program: "debugfs" })?;
    let root = &needs.root;
    let mut commands = if root.has_lost_and_found { String::new() } else { "rmdir lost+found\n".to_owned() };
    commands.push_str(&format!("set_inode_field / mode 0{:o}\n", root.mode));
    // Inode 11 is lost+found. Those of the tree follow without a gap: nothing was taken away while they were made.
    for inode in 11..=10 + needs.inodes {
        for (time, value) in [("atime", "@1"), ("atime_extra", "0"), ("ctime", "@1"), ("ctime_extra", "0")] {
            commands.push_str(&format!("set_inode_field <{inode}> {time} {value}\n"));
        }
    }
    for time in ["atime", "ctime", "mtime"] {
        commands.push_str(&format!("set_inode_field / {time} @{}\n", root.mtime_s));
    }
    let args = ["debugfs", "-w", "-f", "-", &path.to_string_lossy()].map(str::to_owned).into();
    run(&debugfs, "debugfs", args, &commands)?.map_err(|message| refusal("debugfs", path, needs, message))
}

/// Runs it to its end. What it said is an answer of its own: only a program that could not be run at all is an error.
fn run(program: &Path, name: &'static str, args: Vec<String>, input: &str) -> Result<Result<(), String>, Error> {
    let env = ["LC_ALL=C", "TZ=UTC", "MKE2FS_CONFIG=/dev/null", "E2FSPROGS_FAKE_TIME=1", "SOURCE_DATE_EPOCH=1"];
    let env = env.map(str::to_owned).into();
    // It must not go on writing when the lock on the disks has ended with us.
    let program = Program { path: program, args, env, stays: false, dies_with_us: true, keeps: &[] };
    let output = spawn(&program)?.finish(input.as_bytes())?;
    if let Ended::Signalled(signal) = output.ended {
        return Err(Error::Ended { program: name, signal: signal_name(signal) });
    }
    let words = String::from_utf8_lossy(&output.stderr);
    // With no configuration mke2fs misses its list of kinds, which is only for what was not said here; debugfs introduces
    // itself.
    let is_told =
        |line: &&str| !line.is_empty() && !line.contains("mke2fs.conf") && !line.starts_with(&format!("{name} 1."));
    let mut told: Vec<&str> = words.lines().map(str::trim).filter(is_told).collect();
    told.dedup(); // debugfs has a word on each of its commands
    let failed = output.ended != Ended::Exited(0) || (name == "debugfs" && !told.is_empty());
    Ok(if failed { Err(told.join("; ")) } else { Ok(()) })
}

fn refusal(program: &'static str, path: &Path, needs: &Needs, message: String) -> Error {
    if message.contains("No space left on device") {
        let dir = path.parent().unwrap_or(path).to_owned();
        return Error::Full { bytes: needs.blocks * BLOCK, dir };
    }
    Error::Refused { program, path: path.to_owned(), message }
}
