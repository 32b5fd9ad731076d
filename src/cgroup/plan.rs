//! From config.json's `resources` to the files to write, controller by controller. Pure: nothing is touched yet.

use super::devices;
use super::error::{Error, Lack, PathFault};
use super::layout::{Hierarchy, Layout, Version};
use super::{v1, v2};
use crate::sys::BpfInstruction;
use oci_spec::runtime::LinuxResources;
use std::path::{Component, Path, PathBuf};

/// One write to one file of the group.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// Which version the file belongs to.
    pub version: Version,
    /// The file's name, which begins with its controller's.
    pub file: String,
    /// What is written.
    pub value: String,
    /// True for a limit that nobody asked for by name: where its file is missing, it is left out, and told.
    pub skippable: bool,
}

/// What is to be made for one container.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The group's path below the top of each hierarchy.
    pub(super) path: PathBuf,
    /// The hierarchies in which it is made.
    pub(super) hierarchies: Vec<Hierarchy>,
    /// The writes, in order.
    pub(super) writes: Vec<Write>,
    /// Controllers of the v2 hierarchy that a write needs.
    pub(super) required: Vec<String>,
    /// Those whose counters are of use, if they can be had.
    pub(super) welcome: Vec<String>,
    /// The v2 way to allow devices.
    pub(super) device_program: Option<Vec<BpfInstruction>>,
}

/// The v1 hierarchies that every container enters: they count and limit what a container is about. Others, such as
/// cpuset, have to be set up before anyone may enter, so they are entered only when asked for.
const USUAL_V1: [&str; 6] = ["memory", "cpu", "cpuacct", "pids", "devices", "freezer"];

/// The v2 controllers that are switched on where possible, for their counters.
const USUAL_V2: [&str; 3] = ["cpu", "memory", "pids"];

/// Plans the group at `path` (config.json's `cgroupsPath`) with `resources`.
pub fn plan(path: &str, resources: Option<&LinuxResources>, layout: &Layout) -> Result<Plan, Error> {
    let mut plan = Plan {
        path: below_top(path)?,
        hierarchies: vec![],
        writes: vec![],
        required: vec![],
        welcome: vec![],
        device_program: None,
    };
    if let Some(resources) = resources {
        plan.limits(resources, layout)?;
        plan.unified(resources, layout)?;
        plan.devices(resources, layout)?;
    }
    plan.choose_hierarchies(layout);
    Ok(plan)
}

impl Plan {
    fn limits(&mut self, resources: &LinuxResources, layout: &Layout) -> Result<(), Error> {
        if let Some(memory) = resources.memory() {
            if memory.kernel().is_some_and(|limit| limit != 0) {
                // Kernel memory counts as memory; a limit of its own has no effect since Linux 5.16.
                let version = layout.with("memory").map_or(Version::V2, |hierarchy| hierarchy.version);
                return Err(Error::NoSuchSetting { setting: "memory.kernel", version });
            }
            self.add(layout, ["memory", "memory"], || v1::memory(memory), || v2::memory(memory))?;
        }
        if let Some(cpu) = resources.cpu() {
            self.add(layout, ["cpu", "cpu"], || v1::cpu(cpu), || v2::cpu(cpu))?;
            let set = |version| {
                let named = [("cpuset.mems", cpu.mems()), ("cpuset.cpus", cpu.cpus())];
                let asked = named.into_iter().filter_map(|(file, list)| Some((file, list.as_deref()?)));
                let asked = asked.filter(|(_, list)| !list.is_empty());
                Ok(asked.map(|(file, list)| Write::new(version, file, list)).collect())
            };
            self.add(layout, ["cpuset", "cpuset"], || set(Version::V1), || set(Version::V2))?;
        }
        if let Some(pids) = resources.pids() {
            let number = |version| {
                // Docker writes 0 for what it was not asked for, and a group that may have no process is of no use.
                let limit = Some(pids.limit()).filter(|limit| *limit != 0);
                let text = |limit: i64| if limit < 0 { "max".to_owned() } else { limit.to_string() };
                Ok(limit.map(|limit| Write::new(version, "pids.max", text(limit))).into_iter().collect())
            };
            self.add(layout, ["pids", "pids"], || number(Version::V1), || number(Version::V2))?;
        }
        self.rarer_limits(resources, layout)
    }

    fn rarer_limits(&mut self, resources: &LinuxResources, layout: &Layout) -> Result<(), Error> {
        if let Some(io) = resources.block_io() {
            self.add(layout, ["blkio", "io"], || v1::block_io(io), || v2::block_io(io))?;
        }
        if let Some(limits) = resources.hugepage_limits() {
            self.add(layout, ["hugetlb", "hugetlb"], || v1::hugepages(limits), || v2::hugepages(limits))?;
        }
        if let Some(network) = resources.network() {
            for write in v1::network(network) {
                self.add(layout, [write.controller(); 2], || Ok(vec![write.clone()]), || Ok(vec![write.clone()]))?;
            }
        }
        if let Some(rdma) = resources.rdma() {
            let mut devices: Vec<_> = rdma.iter().collect();
            devices.sort_by_key(|(device, _)| device.as_str());
            for (device, limit) in devices {
                let text = |count: Option<u32>| count.map_or("max".to_owned(), |count| count.to_string());
                let (handles, objects) = (text(limit.hca_handles()), text(limit.hca_objects()));
                let value = format!("{device} hca_handle={handles} hca_object={objects}");
                let write = |version| Ok(vec![Write::new(version, "rdma.max", &value)]);
                self.add(layout, ["rdma", "rdma"], || write(Version::V1), || write(Version::V2))?;
            }
        }
        Ok(())
    }

    /// Takes the writes of the version that the controller is to be found in; `names` are its names in v1 and v2.
    fn add(
        &mut self,
        layout: &Layout,
        names: [&str; 2],
        v1: impl FnOnce() -> Result<Vec<Write>, Error>,
        v2: impl FnOnce() -> Result<Vec<Write>, Error>,
    ) -> Result<(), Error> {
        let home = names.iter().find_map(|name| layout.with(name)).map(|hierarchy| hierarchy.version);
        let version = home.unwrap_or(if layout.unified().is_some() { Version::V2 } else { Version::V1 });
        let writes = if version == Version::V1 { v1()? } else { v2()? };
        match writes.first() {
            Some(first) if home.is_none() => {
                let controller = first.controller().to_owned();
                Err(Error::Unavailable { lack: layout.lack(&controller), controller, file: first.file.clone() })
            }
            _ => {
                self.writes.extend(writes);
                Ok(())
            }
        }
    }

    /// `resources.unified`: files of cgroup v2 by name, written as they are.
    fn unified(&mut self, resources: &LinuxResources, layout: &Layout) -> Result<(), Error> {
        let mut files: Vec<_> = resources.unified().iter().flatten().collect();
        files.sort();
        for (file, value) in files {
            let controller = file.split('.').next().unwrap_or_default().to_owned();
            // A name with a slash would lead to a file of another group.
            if file.contains('/') || !file.contains('.') || controller.is_empty() {
                return Err(Error::Value {
                    setting: "unified",
                    value: file.clone(),
                    fault: "it is no file of a cgroup",
                });
            }
            match layout.with(&controller).map(|hierarchy| hierarchy.version) {
                Some(Version::V2) => {}
                None if controller == "cgroup" && layout.unified().is_some() => {}
                Some(Version::V1) => {
                    return Err(Error::Unavailable { controller, file: file.clone(), lack: Lack::OnV1 });
                }
                None => {
                    return Err(Error::Unavailable { lack: layout.lack(&controller), controller, file: file.clone() });
                }
            }
            self.writes.push(Write::new(Version::V2, file, value));
        }
        Ok(())
    }

    /// `resources.devices`: a file in v1, a program in v2.
    fn devices(&mut self, resources: &LinuxResources, layout: &Layout) -> Result<(), Error> {
        let rules = devices::rules(resources.devices().as_deref().unwrap_or_default())?;
        if rules.is_empty() || devices::all_allowed(&rules) {
            return Ok(());
        }
        if layout.with("devices").is_some() {
            let lines = devices::lines(&rules)?;
            self.writes.extend(lines.into_iter().map(|(file, value)| Write::new(Version::V1, file, value)));
        } else if layout.unified().is_some() {
            self.device_program = Some(devices::program(&rules));
        } else {
            let (controller, file) = ("devices".to_owned(), "devices.deny".to_owned());
            return Err(Error::Unavailable { lack: layout.lack("devices"), controller, file });
        }
        Ok(())
    }

    fn choose_hierarchies(&mut self, layout: &Layout) {
        for hierarchy in layout.hierarchies() {
            let has = |name: &str| hierarchy.controllers.iter().any(|controller| controller == name);
            if hierarchy.version == Version::V2 {
                let needed = self.writes.iter().filter(|write| write.version == Version::V2).map(Write::controller);
                self.required = needed.filter(|name| has(name)).map(str::to_owned).collect();
                self.required.sort();
                self.required.dedup();
                let others = USUAL_V2.into_iter().filter(|name| has(name));
                self.welcome =
                    others.filter(|name| !self.required.iter().any(|known| known == name)).map(str::to_owned).collect();
                self.hierarchies.push(hierarchy.clone());
            } else if USUAL_V1.into_iter().any(has)
                || self.writes.iter().any(|write| write.version == Version::V1 && has(write.controller()))
            {
                self.hierarchies.push(hierarchy.clone());
            }
        }
    }
}

impl Write {
    pub(super) fn new(version: Version, file: &str, value: impl ToString) -> Write {
        Write { version, file: file.to_owned(), value: value.to_string(), skippable: false }
    }

    /// The controller, by the file's name.
    pub fn controller(&self) -> &str {
        self.file.split('.').next().unwrap_or_default()
    }

    /// Swap can be uncounted on a host. `docker run -m` without `--memory-swap` stands for twice the memory, so this
    /// total tells that nobody asked for it; no limit at all is what such a host has anyway.
    pub(super) fn unless_defaulted(mut self, limit: Option<i64>, total: i64) -> Write {
        self.skippable = total < 0 || limit.is_some_and(|limit| limit.saturating_mul(2) == total);
        self
    }
}

/// The group's path below the top. An absolute `cgroupsPath` is meant from the top, says the runtime-spec; a relative
/// one is ours to place.
fn below_top(path: &str) -> Result<PathBuf, Error> {
    let refuse = |fault| Err(Error::Path { path: path.to_owned(), fault });
    if path.split(':').count() == 3 && !path.contains('/') {
        return refuse(PathFault::Systemd);
    }
    let mut below = if path.starts_with('/') { PathBuf::new() } else { PathBuf::from(super::PARENT) };
    let mut named = false;
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) => {
                below.push(name);
                named = true;
            }
            Component::ParentDir => return refuse(PathFault::Climbs),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    if named { Ok(below) } else { refuse(PathFault::Empty) }
}

/// The writes as text, a question mark after those that may be left out.
#[cfg(test)]
pub(super) fn spelt(writes: &[Write]) -> Vec<String> {
    let mark = |skippable| if skippable { " ?" } else { "" };
    writes.iter().map(|write| format!("{} = {}{}", write.file, write.value, mark(write.skippable))).collect()
}

#[cfg(test)]
mod tests;
