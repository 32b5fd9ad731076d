//! What a container sees at /sys/fs/cgroup: the same arrangement as the host's, with its own group as the top.

use super::group::Cgroup;
use super::layout::Version;
use std::path::PathBuf;

/// One thing to make in the container's tree, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum ContainerMount {
    /// A filesystem to mount. Mounted from inside the container's own cgroup namespace, its top is the container's group.
    Filesystem {
        /// Below /sys/fs/cgroup; empty for the directory itself.
        destination: PathBuf,
        /// Its type: tmpfs, cgroup or cgroup2.
        filesystemtype: &'static str,
        /// Its options: the controllers, for v1.
        data: String,
    },
    /// A symbolic link: controllers that share a hierarchy are looked for under each of their names.
    Link {
        /// Below /sys/fs/cgroup.
        destination: PathBuf,
        /// The directory beside it.
        target: String,
    },
}

impl Cgroup {
    /// The mounts that show this group. Hierarchies it isn't in are left out: there its namespace has no place of its own,
    /// and the container would see the host's groups.
    pub fn container_mounts(&self) -> Vec<ContainerMount> {
        let mount = |destination: &str, filesystemtype, data: &str| ContainerMount::Filesystem {
            destination: PathBuf::from(destination),
            filesystemtype,
            data: data.to_owned(),
        };
        if self.directories.iter().all(|directory| directory.version == Version::V2) {
            return self.directories.iter().map(|_| mount("", "cgroup2", "")).collect();
        }
        let mut mounts = vec![mount("", "tmpfs", "mode=755")];
        for directory in &self.directories {
            let names = directory.controllers.join(",");
            match directory.version {
                Version::V2 => mounts.push(mount("unified", "cgroup2", "")),
                Version::V1 => mounts.push(mount(&names, "cgroup", &names)),
            }
            if directory.version == Version::V1 && directory.controllers.len() > 1 {
                mounts.extend(
                    directory
                        .controllers
                        .iter()
                        .map(|name| ContainerMount::Link { destination: PathBuf::from(name), target: names.clone() }),
                );
            }
        }
        mounts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::group::Directory;

    fn seen(directories: &[(Version, &[&str])]) -> Vec<String> {
        let directories = directories.iter().map(|(version, controllers)| Directory {
            version: *version,
            controllers: controllers.iter().map(|name| (*name).to_owned()).collect(),
            base: PathBuf::new(),
            path: PathBuf::new(),
        });
        let cgroup = Cgroup { path: PathBuf::from("rlab/x"), directories: directories.collect() };
        let spelt = cgroup.container_mounts().into_iter().map(|mount| match mount {
            ContainerMount::Filesystem { destination, filesystemtype, data } => {
                format!("{filesystemtype} {} {data}", destination.display())
            }
            ContainerMount::Link { destination, target } => format!("{} -> {target}", destination.display()),
        });
        spelt.collect()
    }

    #[test]
    fn v2_is_one_mount() {
        assert_eq!(seen(&[(Version::V2, &["memory", "pids"])]), ["cgroup2  "]);
        assert_eq!(seen(&[]), Vec::<String>::new());
    }

    #[test]
    fn v1_is_one_for_each_hierarchy_with_links_for_shared_ones() {
        assert_eq!(
            seen(&[(Version::V1, &["cpu", "cpuacct"]), (Version::V1, &["memory"]), (Version::V2, &[])]),
            [
                "tmpfs  mode=755",
                "cgroup cpu,cpuacct cpu,cpuacct",
                "cpu -> cpu,cpuacct",
                "cpuacct -> cpu,cpuacct",
                "cgroup memory memory",
                "cgroup2 unified "
            ]
        );
    }
}
