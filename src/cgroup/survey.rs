//! Controller by controller: where it is on this host, and whether a limit could be set with it.

use super::error::Lack;
use super::layout::{Hierarchy, Layout, Version};
use crate::sys;
use std::path::PathBuf;

/// The controllers a container is limited, counted or stopped by, as cgroup v1 names them, and what for.
const CONTROLLERS: [(&str, &str); 7] = [
    ("cpu", "--cpus, --cpu-shares"),
    ("memory", "--memory, --memory-swap"),
    ("pids", "--pids-limit"),
    ("cpuset", "which processors"),
    ("blkio", "disk bandwidth"),
    ("devices", "which devices"),
    ("freezer", "to stop all at once"),
];

/// What can be done with one controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its name here: `io` is v2's for `blkio`.
    pub controller: String,
    /// What rlab uses it for.
    pub used_for: &'static str,
    /// Where groups would be made, and in which version; or why it is out of reach.
    pub place: Result<(Version, PathBuf), Lack>,
    /// Why no group could be made there.
    pub obstacle: Option<Obstacle>,
}

/// What stands in the way where a controller is in reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The kernel's answer to whether we may write there.
    NotWritable(sys::Errno),
    /// The group holds processes, and v2 does not hand controllers down from such a one.
    Inhabited,
}

/// Looks at each of them.
pub fn survey(layout: &Layout) -> Vec<Standing> {
    CONTROLLERS.iter().map(|(name, used_for)| standing(layout, name, used_for)).collect()
}

fn standing(layout: &Layout, name: &str, used_for: &'static str) -> Standing {
    let v2_name = if name == "blkio" { "io" } else { name };
    let found = layout.with(name).or_else(|| layout.with(v2_name));
    // These two are no controllers in v2, but part of every group: a BPF program and cgroup.freeze.
    let built_in = layout.unified().filter(|_| matches!(name, "devices" | "freezer"));
    match found.or(built_in) {
        Some(hierarchy) => Standing {
            controller: if hierarchy.version == Version::V2 { v2_name } else { name }.to_owned(),
            used_for,
            place: Ok((hierarchy.version, hierarchy.base.clone())),
            obstacle: obstacle(hierarchy, found.is_some()),
        },
        None => Standing { controller: name.to_owned(), used_for, place: Err(layout.lack(name)), obstacle: None },
    }
}

fn obstacle(hierarchy: &Hierarchy, handed_down: bool) -> Option<Obstacle> {
    if let Err(errno) = sys::facts::may_write(&hierarchy.base) {
        return Some(Obstacle::NotWritable(errno));
    }
    let read = |file: &str| std::fs::read_to_string(hierarchy.base.join(file)).unwrap_or_default();
    // Only groups below the kernel's root have a type, and only these are refused for having processes.
    let inhabited = handed_down && !read("cgroup.type").is_empty() && !read("cgroup.procs").is_empty();
    (hierarchy.version == Version::V2 && inhabited).then_some(Obstacle::Inhabited)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_controller_is_looked_up_by_its_name_in_that_version() {
        let layout = Layout::parse(
            "1 0 0:1 / /none/memory rw - cgroup cgroup rw,memory\n2 0 0:2 / /none/unified rw - cgroup2 cgroup2 rw\n",
            "4:memory:/\n0::/\n",
            "#name\nmemory 4 1 1\nblkio 0 1 1\npids 0 1 0\n",
        );
        let all = survey(&layout);
        let of = |name: &str| all.iter().find(|one| one.controller == name).unwrap();
        assert_eq!(of("memory").place, Ok((Version::V1, "/none/memory".into())));
        assert_eq!(of("memory").obstacle, Some(Obstacle::NotWritable(sys::Errno::ENOENT)));
        assert_eq!(of("devices").place, Ok((Version::V2, "/none/unified".into())));
        assert_eq!((&of("pids").place, &of("cpu").place), (&Err(Lack::Disabled), &Err(Lack::NotInKernel)));
        assert_eq!(of("blkio").place, Err(Lack::NotMounted));
    }
}
