//! Where images and writable layers lie, and the settings.

use crate::engine::doctor::rows::as_root;
use crate::engine::doctor::{Facts, Row};
use crate::sys::facts::refuses_upper;
use crate::sys::{errno_name, errno_text};

const MIB: u64 = 1 << 20;
/// nginx's image, unpacked beside its blobs.
const COMFORTABLE_BYTES: u64 = 1024 * MIB;
/// The lab image.
const LEAST_BYTES: u64 = 64 * MIB;
/// About as many files as nginx's image has.
const COMFORTABLE_INODES: u64 = 10_000;

/// See the file's opening.
pub fn rows(facts: &Facts) -> Vec<Row> {
    vec![overlay(facts), place(facts), room(facts), settings(facts)]
}

fn overlay(facts: &Facts) -> Row {
    let (check, overlay) = ("overlayfs", &facts.overlay);
    match &overlay.tried {
        Ok(_) => Row::ok(check, "one was mounted"),
        Err(refused) if facts.uid != 0 => {
            let listed = if overlay.listed { "the kernel has it" } else { "not loaded" };
            Row::limited(check, format!("{listed}; mounting one was refused: {refused}"), as_root(facts, ""))
        }
        Err(refused) if !overlay.listed => {
            Row::missing(check, format!("not in /proc/filesystems; {refused}"), "modprobe overlay")
        }
        Err(refused) => Row::missing(check, format!("refused: {refused}"), "dmesg | tail names the reason"),
    }
}

fn place(facts: &Facts) -> Row {
    let (check, storage) = ("rlab's root", &facts.storage);
    let fact = format!("{}, on {}", storage.root.display(), storage.kind);
    let elsewhere = "rlab --root DIR, or RLAB_ROOT, on a disk with ext4, xfs or btrfs";
    if refuses_upper(&storage.kind) {
        return Row::missing(check, format!("{fact}, where overlayfs can't write"), elsewhere);
    }
    match storage.writable {
        Ok(()) => Row::ok(check, fact),
        Err(errno) => {
            let (words, name) = (errno_text(errno as i32), errno_name(errno as i32));
            let fact = format!("{fact}; {} can't be written: {words} ({name})", storage.existing.display());
            Row::missing(check, fact, as_root(facts, elsewhere))
        }
    }
}

fn room(facts: &Facts) -> Row {
    let check = "room";
    let Some(room) = facts.storage.room else { return Row::limited(check, "not known: statvfs(3) failed", "") };
    let inodes = if room.inodes == 0 { "no limit of".to_owned() } else { room.free_inodes.to_string() };
    let fact = format!("{} MiB free, {inodes} files (inodes) free", room.free_bytes / MIB);
    let few_inodes = room.inodes > 0 && room.free_inodes < COMFORTABLE_INODES;
    let fix = "rlab image rm takes images away; df -h and df -i show the disk";
    if room.free_bytes < LEAST_BYTES || (room.inodes > 0 && room.free_inodes < 100) {
        Row::missing(check, fact, fix)
    } else if room.free_bytes < COMFORTABLE_BYTES || few_inodes {
        Row::limited(check, fact, fix)
    } else {
        Row::ok(check, fact)
    }
}

fn settings(facts: &Facts) -> Row {
    match &facts.settings {
        Ok(()) => Row::ok("settings", "config.toml can be read, or there is none"),
        Err(reason) => Row::missing("settings", reason.clone(), "correct the file, or name another with --config FILE"),
    }
}
