//! Where the kernel's controllers are to be found on this host: in one v2 hierarchy, in several v1 ones, or in both.
//!
//! A controller belongs to one hierarchy at a time, so the question is asked for each by itself. A *hybrid* host is not
//! a third kind of cgroups: some controllers are in v1 hierarchies there, and what is left is in v2.

use super::error::{Error, Lack};
use serde::{Deserialize, Serialize};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// Which version of cgroups a hierarchy is of.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Version {
    /// One hierarchy for one controller, or for a few.
    V1,
    /// One hierarchy for all.
    V2,
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if *self == Version::V1 { "v1" } else { "v2" })
    }
}

/// One hierarchy, as it is mounted here.
#[derive(Clone, Debug, PartialEq)]
pub struct Hierarchy {
    /// Of which version.
    pub version: Version,
    /// Which controllers it has, by their names in the kernel.
    pub controllers: Vec<String>,
    /// The directory under which groups are made.
    pub base: PathBuf,
    /// Our own group's directory in it.
    own: PathBuf,
    read_only: bool,
    /// True when `base` is the kernel's root group, which is given every controller there is.
    at_top: bool,
}

/// The host's hierarchies.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    hierarchies: Vec<Hierarchy>,
    /// Name, and whether it is switched on, of each controller in the kernel.
    known: Vec<(String, bool)>,
}

impl Layout {
    /// Reads this host's layout from /proc.
    pub fn detect() -> Result<Layout, Error> {
        let read = |path: &str| {
            std::fs::read_to_string(path).map_err(|source| Error::Read { path: PathBuf::from(path), source })
        };
        let (mountinfo, own) = (read("/proc/self/mountinfo")?, read("/proc/self/cgroup")?);
        // Where this file is hidden, nothing is known about controllers that aren't mounted.
        let known = std::fs::read_to_string("/proc/cgroups").unwrap_or_default();
        let mut layout = Layout::parse(&mountinfo, &own, &known);
        for hierarchy in &mut layout.hierarchies {
            hierarchy.choose_base();
            hierarchy.read_controllers();
        }
        if layout.hierarchies.is_empty() { Err(Error::NotMounted) } else { Ok(layout) }
    }

    /// The layout by the text of /proc/self/mountinfo, /proc/self/cgroup and /proc/cgroups alone.
    pub(super) fn parse(mountinfo: &str, own: &str, known: &str) -> Layout {
        let known = known.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
            let mut fields = line.split_whitespace();
            Some((fields.next()?.to_owned(), fields.nth(2)? == "1"))
        });
        let mut layout = Layout { hierarchies: vec![], known: known.collect() };
        // Seen twice, as in a container that got the host's mounts too, a hierarchy counts where its top is visible.
        let mut mounts: Vec<Mount<'_>> = mountinfo.lines().filter_map(Mount::parse).collect();
        mounts.sort_by_key(|mount| mount.root != "/");
        for line in own.lines() {
            if let Some(hierarchy) = Hierarchy::of(line, &mounts) {
                layout.hierarchies.push(hierarchy);
            }
        }
        layout
    }

    /// How the host is set up, in one word.
    pub fn name(&self) -> &'static str {
        let has = |version| self.hierarchies.iter().any(|hierarchy| hierarchy.version == version);
        match (has(Version::V1), has(Version::V2)) {
            (true, true) => "hybrid",
            (true, false) => "v1",
            _ => "v2",
        }
    }

    /// All hierarchies, v1 before v2.
    pub fn hierarchies(&self) -> &[Hierarchy] {
        &self.hierarchies
    }

    /// The hierarchy that has a controller.
    pub fn with(&self, controller: &str) -> Option<&Hierarchy> {
        self.hierarchies.iter().find(|hierarchy| hierarchy.controllers.iter().any(|name| name == controller))
    }

    /// The v2 hierarchy, with or without controllers.
    pub fn unified(&self) -> Option<&Hierarchy> {
        self.hierarchies.iter().find(|hierarchy| hierarchy.version == Version::V2)
    }

    /// Why a controller that no hierarchy has is out of reach.
    pub fn lack(&self, controller: &str) -> Lack {
        // What v2 calls io is blkio everywhere else in the kernel.
        let name = if controller == "io" { "blkio" } else { controller };
        match self.known.iter().find(|(known, _)| known == name) {
            None if !self.known.is_empty() => Lack::NotInKernel,
            Some((_, false)) => Lack::Disabled,
            _ if self.unified().is_some_and(|unified| !unified.at_top) => Lack::NotDelegated,
            _ => Lack::NotMounted,
        }
    }
}

impl Hierarchy {
    /// The hierarchy of one line of /proc/self/cgroup, `number:controllers:path`, if it is mounted.
    fn of(line: &str, mounts: &[Mount<'_>]) -> Option<Hierarchy> {
        let mut fields = line.splitn(3, ':');
        let (number, list, own) = (fields.next()?, fields.next()?, fields.next()?);
        let controllers: Vec<String> = list.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        let version = if number == "0" && controllers.is_empty() { Version::V2 } else { Version::V1 };
        // A named hierarchy, such as systemd's, limits nothing: it is its owner's private list of processes.
        if controllers.iter().any(|name| name.starts_with("name=")) {
            return None;
        }
        let mount = mounts.iter().find(|mount| match version {
            Version::V1 => mount.filesystem == "cgroup" && controllers.iter().all(|name| mount.has(name)),
            Version::V2 => mount.filesystem == "cgroup2",
        })?;
        let point = unescape(mount.point);
        let inside = Path::new(own).strip_prefix(unescape(mount.root)).unwrap_or(Path::new(""));
        // A path that climbs, as /../x, leads out of what is mounted here. Joining an empty one would add a slash.
        let climbs = inside.components().any(|part| !matches!(part, Component::Normal(_)));
        let own = if climbs || inside.as_os_str().is_empty() { point.clone() } else { point.join(inside) };
        Some(Hierarchy { version, controllers, base: point, own, read_only: mount.read_only(), at_top: true })
    }

    /// Groups are made at the top of the hierarchy, so that limits on rlab's own group don't count for its containers.
    /// Where the top isn't ours to write, our own group may have been delegated to us.
    fn choose_base(&mut self) {
        if !self.read_only && !is_ours(&self.base) && is_ours(&self.own) {
            self.base = self.own.clone();
        }
        // In v2, only the kernel's root group is without this file; v1 has no such file, and needs no handing down.
        self.at_top = !self.base.join("cgroup.events").exists();
    }

    fn read_controllers(&mut self) {
        if self.version == Version::V2 {
            let text = std::fs::read_to_string(self.base.join("cgroup.controllers")).unwrap_or_default();
            self.controllers = text.split_whitespace().map(str::to_owned).collect();
        }
    }
}

/// Whether a directory belongs to us. The mode says nothing: the top of each hierarchy has no write permission, which
/// doesn't stop root. In a user namespace it belongs to someone who has no number there.
fn is_ours(directory: &Path) -> bool {
    let (Ok(directory), Ok(ours)) = (directory.metadata(), Path::new("/proc/self").metadata()) else { return false };
    directory.uid() == ours.uid()
}

/// What is needed of a line of mountinfo, see proc(5).
struct Mount<'a> {
    root: &'a str,
    point: &'a str,
    options: &'a str,
    filesystem: &'a str,
    super_options: &'a str,
}

impl<'a> Mount<'a> {
    fn parse(line: &'a str) -> Option<Mount<'a>> {
        let (mount, filesystem) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(3);
        let (root, point, options) = (fields.next()?, fields.next()?, fields.next()?);
        let mut fields = filesystem.split(' ');
        let (filesystem, super_options) = (fields.next()?, fields.nth(1)?);
        Some(Mount { root, point, options, filesystem, super_options })
    }

    fn has(&self, controller: &str) -> bool {
        self.super_options.split(',').any(|option| option == controller)
    }

    fn read_only(&self) -> bool {
        [self.options, self.super_options].iter().any(|options| options.split(',').any(|option| option == "ro"))
    }
}

/// The kernel writes space, tab, newline and backslash as three octal digits.
fn unescape(field: &str) -> PathBuf {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        match (first, tail) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..]) => {
                out.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
                rest = tail;
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    PathBuf::from(<std::ffi::OsString as std::os::unix::ffi::OsStringExt>::from_vec(out))
}

#[cfg(test)]
pub(super) mod tests;
