//! The facts that a cause is found by.

use crate::sys::facts::{self, MountLine, Power, Room};
use std::path::{Path, PathBuf};

/// What is known of the host when something was refused.
pub struct Host {
    /// What rlab itself may do.
    pub power: Power,
    /// /proc/self/uid_map.
    pub uid_map: String,
    /// Its mounts.
    pub mounts: Vec<MountLine>,
    /// How much room is left somewhere.
    pub room: fn(&Path) -> Option<Room>,
    /// The first folder on a way that strangers may not walk through, with its mode.
    pub blocked: fn(&Path) -> Option<(PathBuf, u32)>,
    /// A file's text, for the kernel's settings.
    pub setting: fn(&str) -> Option<String>,
}

impl Host {
    /// Reads this host.
    pub fn read() -> Host {
        Host {
            power: Power::read(),
            uid_map: setting("/proc/self/uid_map").unwrap_or_default(),
            mounts: facts::mounts(),
            room: facts::room,
            blocked,
            setting,
        }
    }

    /// Whether rlab is in a user namespace that is not the host's.
    pub fn nested(&self) -> bool {
        let numbers: Vec<&str> = self.uid_map.split_whitespace().collect();
        !numbers.is_empty() && numbers != ["0", "0", "4294967295"]
    }

    /// What is mounted over parts of /proc or of /sys, other than what belongs there.
    pub fn covers(&self, of: &str) -> Option<&MountLine> {
        let own = ["proc", "sysfs", "cgroup", "cgroup2", "binfmt_misc", "autofs", "securityfs", "debugfs", "tracefs"];
        let own = |mount: &MountLine| own.contains(&mount.kind.as_str()) && mount.root == Path::new("/");
        let top = Path::new(of);
        self.mounts.iter().find(|mount| {
            let known = ["/sys/fs/cgroup", "/sys/fs/bpf", "/sys/fs/pstore", "/sys/fs/fuse/connections"];
            mount.point.starts_with(top)
                && mount.point != top
                && !own(mount)
                && !known.iter().any(|known| mount.point.starts_with(known))
        })
    }

    /// The kind of filesystem that a path lies on.
    pub fn kind_at(&self, path: &Path) -> Option<&str> {
        facts::mount_of(&self.mounts, path).map(|mount| mount.kind.as_str())
    }
}

fn setting(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

/// Walkable for a stranger is a folder that all may search, or the members of a group other than root's.
fn blocked(path: &Path) -> Option<(PathBuf, u32)> {
    use std::os::unix::fs::MetadataExt;
    let mut above: Vec<&Path> = path.ancestors().collect();
    above.reverse();
    above.into_iter().find_map(|folder| {
        let found = folder.metadata().ok().filter(std::fs::Metadata::is_dir)?;
        let walkable = found.mode() & 0o001 != 0 || (found.mode() & 0o010 != 0 && found.gid() != 0);
        (!walkable).then(|| (folder.to_owned(), found.mode() & 0o7777))
    })
}
