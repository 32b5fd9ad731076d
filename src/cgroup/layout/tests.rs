//! Layouts, read from what real hosts show.

use super::*;
use proptest::prelude::*;

/// A host with systemd and nothing but v2, as most are now. Seen by a login shell.
pub(crate) const V2_MOUNTS: &str = "\
24 31 0:22 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
29 24 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot
31 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
";
pub(crate) const V2_OWN: &str = "0::/user.slice/user-1000.slice/session-2.scope\n";

/// A host whose init system knows only v1: each hierarchy by itself, two of them shared.
pub(crate) const V1_MOUNTS: &str = "\
25 18 0:22 / /sys/fs/cgroup ro,nosuid,nodev,noexec shared:9 - tmpfs tmpfs ro,mode=755
26 25 0:23 / /sys/fs/cgroup/systemd rw,relatime shared:10 - cgroup cgroup rw,xattr,release_agent=/lib/agent,name=systemd
28 25 0:25 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:11 - cgroup cgroup rw,cpu,cpuacct
29 25 0:26 / /sys/fs/cgroup/memory rw,relatime shared:12 - cgroup cgroup rw,memory
30 25 0:27 / /sys/fs/cgroup/pids rw,relatime shared:13 - cgroup cgroup rw,pids
31 25 0:28 / /sys/fs/cgroup/devices rw,relatime shared:14 - cgroup cgroup rw,devices
";
pub(crate) const V1_OWN: &str = "\
6:devices:/user.slice
5:pids:/user.slice/user-0.slice
4:memory:/user.slice
3:cpu,cpuacct:/user.slice
1:name=systemd:/user.slice/user-0.slice/session-1.scope
";

/// A hybrid host with systemd, of the years between: v2 is there for systemd's own use, without controllers.
const HYBRID_EXTRA_MOUNT: &str =
    "27 25 0:24 / /sys/fs/cgroup/unified rw,relatime shared:15 - cgroup2 cgroup2 rw,nsdelegate\n";
const HYBRID_EXTRA_OWN: &str = "0::/user.slice/user-0.slice/session-1.scope\n";

/// A hybrid host without systemd, where each controller is by itself and the shell is in a group of its own in one.
const SINGLE_MOUNTS: &str = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
33 31 0:30 / /sys/fs/cgroup/cpuacct rw,relatime - cgroup cgroup rw,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";
const SINGLE_OWN: &str = "9:name=systemd:/\n4:memory:/api/fbade43\n2:cpuacct:/\n1:cpu:/\n0::/\n";

pub(crate) const KNOWN: &str = "\
#subsys_name	hierarchy	num_cgroups	enabled
cpuset	3	1	1
cpu	1	1	1
cpuacct	2	1	1
blkio	7	1	1
memory	4	12	0
net_cls	0	1	1
pids	8	1	1
";

fn hybrid() -> Layout {
    Layout::parse(&(V1_MOUNTS.to_owned() + HYBRID_EXTRA_MOUNT), &(V1_OWN.to_owned() + HYBRID_EXTRA_OWN), KNOWN)
}

fn told(layout: &Layout) -> Vec<String> {
    let line = |hierarchy: &Hierarchy| {
        let (base, own) = (hierarchy.base.display(), hierarchy.own.display());
        format!("{} {} {base} {own}", hierarchy.version, hierarchy.controllers.join(","))
    };
    layout.hierarchies().iter().map(line).collect()
}

#[test]
fn a_v2_host() {
    let layout = Layout::parse(V2_MOUNTS, V2_OWN, KNOWN);
    assert_eq!(layout.name(), "v2");
    assert_eq!(
        told(&layout),
        ["v2  /sys/fs/cgroup /sys/fs/cgroup/user.slice/user-1000.slice/session-2.scope"],
        "which controllers v2 has is in a file of its own"
    );
}

#[test]
fn a_v1_host_has_shared_hierarchies_and_a_named_one_that_limits_nothing() {
    let layout = Layout::parse(V1_MOUNTS, V1_OWN, KNOWN);
    assert_eq!(layout.name(), "v1");
    assert_eq!(
        told(&layout),
        [
            "v1 devices /sys/fs/cgroup/devices /sys/fs/cgroup/devices/user.slice",
            "v1 pids /sys/fs/cgroup/pids /sys/fs/cgroup/pids/user.slice/user-0.slice",
            "v1 memory /sys/fs/cgroup/memory /sys/fs/cgroup/memory/user.slice",
            "v1 cpu,cpuacct /sys/fs/cgroup/cpu,cpuacct /sys/fs/cgroup/cpu,cpuacct/user.slice",
        ]
    );
    assert_eq!(layout.with("cpuacct"), layout.with("cpu"));
}

#[test]
fn a_hybrid_host_is_both() {
    assert_eq!(hybrid().name(), "hybrid");
    assert_eq!(hybrid().with("memory").map(|found| found.version), Some(Version::V1));
    assert_eq!(hybrid().unified().map(|found| found.base.clone()), Some(PathBuf::from("/sys/fs/cgroup/unified")));
}

#[test]
fn a_hybrid_host_without_systemd() {
    let layout = Layout::parse(SINGLE_MOUNTS, SINGLE_OWN, KNOWN);
    assert_eq!(layout.name(), "hybrid");
    assert_eq!(
        told(&layout),
        [
            "v1 memory /sys/fs/cgroup/memory /sys/fs/cgroup/memory/api/fbade43",
            "v1 cpuacct /sys/fs/cgroup/cpuacct /sys/fs/cgroup/cpuacct",
            "v1 cpu /sys/fs/cgroup/cpu /sys/fs/cgroup/cpu",
            "v2  /sys/fs/cgroup/unified /sys/fs/cgroup/unified",
        ]
    );
}

/// A container without a cgroup namespace sees its own group mounted as the top, and its full path in /proc.
#[test]
fn in_a_container_the_mount_is_not_the_root_of_the_hierarchy() {
    let mounts = "700 690 0:29 /docker/3f9c /sys/fs/cgroup/memory ro,nosuid - cgroup cgroup rw,memory\n";
    let layout = Layout::parse(mounts, "4:memory:/docker/3f9c/inner\n", KNOWN);
    assert_eq!(told(&layout), ["v1 memory /sys/fs/cgroup/memory /sys/fs/cgroup/memory/inner"]);
    assert!(layout.with("memory").is_some_and(|found| found.read_only));
    // With a namespace of its own but the mount of the outer one, the path climbs: it must not be followed.
    let layout = Layout::parse(mounts, "4:memory:/../../other\n", KNOWN);
    assert_eq!(told(&layout), ["v1 memory /sys/fs/cgroup/memory /sys/fs/cgroup/memory"]);
}

#[test]
fn of_two_mounts_of_one_hierarchy_the_one_with_its_top_counts() {
    let mounts = "1 0 0:29 /deep /a rw - cgroup cgroup rw,memory\n2 0 0:29 / /b\\040c rw - cgroup cgroup rw,memory\n";
    assert_eq!(told(&Layout::parse(mounts, "4:memory:/\n", KNOWN)), ["v1 memory /b c /b c"]);
}

#[test]
fn why_a_controller_is_missing() {
    let layout = Layout::parse(V2_MOUNTS, V2_OWN, KNOWN);
    assert_eq!(layout.lack("rdma"), Lack::NotInKernel);
    assert_eq!(layout.lack("memory"), Lack::Disabled, "as on a Raspberry Pi");
    assert_eq!(layout.lack("io"), Lack::NotMounted);
    let mut delegated = layout.clone();
    delegated.hierarchies[0].at_top = false;
    assert_eq!(delegated.lack("io"), Lack::NotDelegated);
    assert_eq!(Layout::parse(V2_MOUNTS, V2_OWN, "").lack("rdma"), Lack::NotMounted, "nothing is known of it");
}

#[test]
fn a_host_without_cgroups_has_no_hierarchies() {
    assert_eq!(told(&Layout::parse("31 1 8:1 / / rw - ext4 /dev/sda1 rw\n", "0::/\n", KNOWN)), Vec::<String>::new());
}

proptest! {
    #[test]
    fn any_text_is_read_without_harm(mounts in "([ -~]{0,60}\n){0,4}", own in "([0-9:a-z,/=.]{0,30}\n){0,4}") {
        let layout = Layout::parse(&mounts, &own, &mounts);
        for hierarchy in layout.hierarchies() {
            prop_assert!(!hierarchy.own.components().any(|part| part == std::path::Component::ParentDir));
        }
    }
}

impl Layout {
    /// The v2 hierarchy of a fixture with the controllers it would have found in the file.
    pub(crate) fn fixture(mounts: &str, own: &str, controllers: &[&str]) -> Layout {
        let mut layout = Layout::parse(mounts, own, KNOWN);
        for hierarchy in layout.hierarchies.iter_mut().filter(|hierarchy| hierarchy.version == Version::V2) {
            hierarchy.controllers = controllers.iter().map(|name| (*name).to_owned()).collect();
        }
        layout
    }

    /// Only one part of a host's layout, to try that part on the real kernel.
    pub(crate) fn only(mut self, version: Version) -> Layout {
        self.hierarchies.retain(|hierarchy| hierarchy.version == version);
        self
    }

    /// The host as a container sees it whose group is at `base`.
    pub(crate) fn seen_from(mut self, base: &Path) -> Layout {
        for hierarchy in &mut self.hierarchies {
            (hierarchy.base, hierarchy.own) = (base.to_owned(), base.to_owned());
            hierarchy.at_top = false;
            hierarchy.read_controllers();
        }
        self
    }
}
