//! What the kernel says of this process and of its mounts: read to explain a refusal, or for `rlab doctor`.
//!
//! Only reads. The texts are parsed by functions of their own, so that a host that is not at hand can be told by its
//! text alone.

use super::capability_number;
use std::path::{Path, PathBuf};

/// The power of this process: lines of /proc/self/status, see proc(5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Power {
    /// The capabilities that count, bit n is capability n.
    pub effective: u64,
    /// Those that any program run from here can have at most.
    pub bounding: u64,
    /// Whether execve(2) can't give more rights any more.
    pub no_new_privs: bool,
    /// Whether a seccomp filter looks at the calls of this process.
    pub filtered: bool,
}

impl Power {
    /// Reads it.
    pub fn read() -> Power {
        Power::parse(&std::fs::read_to_string("/proc/self/status").unwrap_or_default())
    }

    /// By the text of the file.
    pub fn parse(status: &str) -> Power {
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
        let mask = |name: &str| u64::from_str_radix(field(name), 16).unwrap_or_default();
        Power {
            effective: mask("CapEff:"),
            bounding: mask("CapBnd:"),
            no_new_privs: field("NoNewPrivs:") == "1",
            filtered: field("Seccomp:") == "2",
        }
    }

    /// Whether it has a capability, by name.
    pub fn has(&self, name: &str) -> bool {
        capability_number(name).is_some_and(|number| self.effective >> number & 1 == 1)
    }
}

/// One line of /proc/self/mountinfo, see proc(5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountLine {
    /// Which part of its filesystem is seen.
    pub root: PathBuf,
    /// Where.
    pub point: PathBuf,
    /// Options of this mount: `rw,noexec`.
    pub options: String,
    /// Whether mounts made below it show up elsewhere.
    pub shared: bool,
    /// `ext4`, `overlay`.
    pub kind: String,
    /// A device, or a word.
    pub source: String,
}

/// All mounts of this mount namespace, in the kernel's order.
pub fn mounts() -> Vec<MountLine> {
    parse_mounts(&std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default())
}

/// By the text of the file.
pub fn parse_mounts(text: &str) -> Vec<MountLine> {
    let line = |line: &str| {
        let (mount, filesystem) = line.split_once(" - ")?;
        let fields: Vec<&str> = mount.split(' ').collect();
        let (kind, rest) = filesystem.split_once(' ')?;
        Some(MountLine {
            root: unescape(fields.get(3)?),
            point: unescape(fields.get(4)?),
            options: (*fields.get(5)?).to_owned(),
            shared: fields.iter().skip(6).any(|tag| tag.starts_with("shared:")),
            kind: kind.to_owned(),
            source: rest.split(' ').next().unwrap_or_default().to_owned(),
        })
    };
    text.lines().filter_map(line).collect()
}

/// The mount that a path lies on: of those above it the nearest, and of two at one place the later. A path that is gone
/// counts as what it was in.
pub fn mount_of<'a>(mounts: &'a [MountLine], path: &Path) -> Option<&'a MountLine> {
    let real = existing(path);
    let above = mounts.iter().enumerate().filter(|(_, mount)| real.starts_with(&mount.point));
    above.max_by_key(|(at, mount)| (mount.point.components().count(), *at)).map(|(_, mount)| mount)
}

/// The nearest directory above a path, or itself, that is there; without links.
pub fn existing(path: &Path) -> PathBuf {
    path.ancestors().find_map(|above| above.canonicalize().ok()).unwrap_or_else(|| PathBuf::from("/"))
}

/// The kernel writes space, tab, newline and backslash as three octal digits.
fn unescape(field: &str) -> PathBuf {
    let marks = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    PathBuf::from(marks.iter().fold(field.to_owned(), |text, (code, mark)| text.replace(code, mark)))
}

/// How much room a filesystem has, see statvfs(3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Bytes that may still be written.
    pub free_bytes: u64,
    /// Files that may still be made.
    pub free_inodes: u64,
    /// Files it can hold; 0 where it has no such limit.
    pub inodes: u64,
}

/// The room at a path, or at what is above it.
pub fn room(path: &Path) -> Option<Room> {
    let stat = nix::sys::statvfs::statvfs(&existing(path)).ok()?;
    let free_bytes = stat.blocks_available().saturating_mul(stat.fragment_size());
    Some(Room { free_bytes, free_inodes: stat.files_available(), inodes: stat.files() })
}

/// Filesystems that overlayfs does not write onto: they lack what a whiteout is made of, or are overlays themselves.
pub fn refuses_upper(kind: &str) -> bool {
    let refusing =
        ["overlay", "nfs", "nfs4", "9p", "cifs", "smb3", "vfat", "msdos", "exfat", "squashfs", "erofs", "iso9660"];
    refusing.contains(&kind)
}

/// Whether the mount that a file lies on forbids to run what is on it.
pub fn is_noexec(path: &Path) -> bool {
    let flags = nix::sys::statvfs::statvfs(path).map(|found| found.flags());
    flags.is_ok_and(|flags| flags.contains(nix::sys::statvfs::FsFlags::ST_NOEXEC))
}

/// Whether the kernel would let this process write there: access(2), which knows of read-only mounts, too.
pub fn may_write(path: &Path) -> Result<(), super::Errno> {
    nix::unistd::access(path, nix::unistd::AccessFlags::W_OK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_power_of_a_process_is_read_from_its_status() {
        let status =
            "CapInh:\t0\nCapEff:\t00000000a80425fb\nCapBnd:\t1ff\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n";
        let power = Power::parse(status);
        assert!(power.has("CAP_CHOWN") && !power.has("CAP_SYS_ADMIN") && power.no_new_privs && power.filtered);
        assert_eq!(power.bounding, 0x1ff);
        assert_eq!(Power::parse(""), Power::default());
    }

    #[test]
    fn a_path_lies_on_the_nearest_and_the_latest_mount() {
        let text = "1 0 0:1 / / rw shared:1 - ext4 /dev/a rw\n2 1 0:2 / /proc rw - proc proc rw\n\
                    3 1 0:3 / /proc ro,noexec master:2 - tmpfs a\\040b ro\n";
        let mounts = parse_mounts(text);
        assert_eq!(mount_of(&mounts, Path::new("/proc/nothing")).unwrap().kind, "tmpfs");
        assert_eq!(mount_of(&mounts, Path::new("/no/such/path")).unwrap().kind, "ext4");
        assert_eq!(mounts.iter().map(|mount| mount.shared).collect::<Vec<_>>(), [true, false, false]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_harm(text in "([0-9a-z/:, \\\\-]{0,40}\n){0,4}") {
            parse_mounts(&text);
            Power::parse(&text);
        }
    }
}
