//! Bytes on the host's disk that each side needs before it starts.
//!
//! A container needs the image's layers, unpacked; its own layer is empty at first. A machine needs a disk image made of
//! them, a kernel and an initramfs: which files these are is read from QEMU's own command line. Apparent is as long as a file
//! says it is; allocated is what it takes, in the 512-byte blocks of stat(2).

use super::Side;
use super::plan::Plan;
use super::report::{FileSize, Kind, Part, Unit};
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

const ALLOCATED: Kind = Kind {
    id: "disk_allocated",
    name: "disk, allocated",
    part: Part::Disk,
    unit: Unit::Bytes,
    how: "blocks of the unpacked layers; of the disk image, the kernel and the initramfs named on QEMU's command line",
};

const APPARENT: Kind = Kind {
    id: "disk_apparent",
    name: "disk, apparent",
    part: Part::Disk,
    unit: Unit::Bytes,
    how: "the same, by the lengths of the files",
};

/// Both sides.
pub fn measure(plan: &mut Plan<'_>) {
    let layers = plan.layers.clone();
    let layers = layers.iter().enumerate().map(|(at, path)| size_of(&format!("layer {}", at + 1), Path::new(path)));
    plan.report.container.files = layers.collect();
    for side in [Side::Container, Side::Machine] {
        let files = plan.report.side(side).files.clone();
        if !files.is_empty() {
            let sum = |of: fn(&FileSize) -> u64| files.iter().map(of).sum::<u64>() as f64;
            plan.report.sample(&ALLOCATED, side, sum(|file| file.allocated_bytes));
            plan.report.sample(&APPARENT, side, sum(|file| file.apparent_bytes));
        }
    }
}

/// The files that a QEMU was given.
pub fn files_of(command_line: &[String]) -> Vec<FileSize> {
    named(command_line)
        .into_iter()
        .filter(|(_, path)| Path::new(path).is_file())
        .map(|(what, path)| size_of(what, Path::new(&path)))
        .collect()
}

/// What QEMU's arguments name as files, and what for.
fn named(command_line: &[String]) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    for pair in command_line.windows(2) {
        match pair[0].as_str() {
            "-kernel" => found.push(("kernel", pair[1].clone())),
            "-initrd" => found.push(("initramfs", pair[1].clone())),
            "-drive" | "-blockdev" => {
                let path = pair[1].split(',').find_map(|part| {
                    part.strip_prefix("file=")
                        .or(part.strip_prefix("filename="))
                        .or(part.strip_prefix("file.filename="))
                });
                found.extend(path.map(|path| ("disk image", path.to_owned())));
            }
            _ => {}
        }
    }
    found
}

/// A file, or a tree; what has several names in it counts once.
fn size_of(what: &str, path: &Path) -> FileSize {
    let (mut apparent_bytes, mut allocated_bytes) = (0, 0);
    let mut seen = BTreeSet::new();
    let mut waiting = vec![path.to_owned()];
    while let Some(path) = waiting.pop() {
        // What can't be read or is gone takes no room that could be told.
        let Ok(metadata) = path.symlink_metadata() else { continue };
        if !seen.insert((metadata.dev(), metadata.ino())) {
            continue;
        }
        allocated_bytes += metadata.blocks() * 512;
        if metadata.is_dir() {
            waiting.extend(std::fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
        } else {
            apparent_bytes += metadata.len();
        }
    }
    FileSize { what: what.to_owned(), path: path.display().to_string(), apparent_bytes, allocated_bytes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_takes_no_room_and_a_second_name_neither() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::File::create(dir.path().join("holes")).unwrap().set_len(1 << 20).unwrap();
        std::fs::write(dir.path().join("a"), vec![1; 10_000]).unwrap();
        std::fs::hard_link(dir.path().join("a"), dir.path().join("b")).unwrap();
        std::os::unix::fs::symlink("/", dir.path().join("out")).unwrap();
        let size = size_of("tree", dir.path());
        assert_eq!(size.apparent_bytes, (1 << 20) + 10_000 + 1);
        assert!(size.allocated_bytes < 1 << 20, "{size:?}");
    }

    #[test]
    fn files_are_named_in_three_ways() {
        let line =
            ["qemu", "-kernel", "/k", "-append", "console=ttyS0", "-initrd", "/i", "-drive", "if=none,file=/d,ro=on"];
        let line: Vec<String> =
            line.iter().chain(&["-blockdev", "driver=file,filename=/e"]).map(ToString::to_string).collect();
        let found = named(&line);
        let paths: Vec<(&str, &str)> = found.iter().map(|(what, path)| (*what, path.as_str())).collect();
        assert_eq!(paths, [("kernel", "/k"), ("initramfs", "/i"), ("disk image", "/d"), ("disk image", "/e")]);
        assert!(files_of(&["-kernel".to_owned(), "/no/such/file".to_owned()]).is_empty());
    }
}
