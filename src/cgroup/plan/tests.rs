//! Plans: which files are written, with what, in which order.

use super::*;
use crate::cgroup::layout::tests::{V1_MOUNTS, V1_OWN, V2_MOUNTS, V2_OWN};
use serde_json::{Value, json};

fn v1() -> Layout {
    Layout::fixture(V1_MOUNTS, V1_OWN, &[])
}

fn v2() -> Layout {
    Layout::fixture(V2_MOUNTS, V2_OWN, &["cpuset", "cpu", "io", "memory", "pids"])
}

fn planned(resources: Value, layout: &Layout) -> Result<Plan, String> {
    let resources = serde_json::from_value(resources).unwrap();
    plan("/rlab/x", Some(&resources), layout).map_err(|error| format!("{error}; {}", error.hint().unwrap_or_default()))
}

fn usual() -> Value {
    json!({
        "memory": {"limit": 67108864, "swap": 134217728},
        "cpu": {"quota": 50000, "period": 100000, "shares": 512},
        "pids": {"limit": 100},
        "devices": [{"allow": false, "access": "rwm"}],
    })
}

#[test]
fn the_same_wishes_on_v1_and_on_v2() {
    let on_v1 = planned(usual(), &v1()).unwrap();
    assert_eq!(
        spelt(&on_v1.writes)[..7],
        [
            "memory.limit_in_bytes = 67108864",
            "memory.memsw.limit_in_bytes = 134217728 ?",
            "cpu.shares = 512",
            "cpu.cfs_period_us = 100000",
            "cpu.cfs_quota_us = 50000",
            "pids.max = 100",
            "devices.deny = a *:* rwm",
        ]
    );
    assert!(spelt(&on_v1.writes).contains(&"devices.allow = c 1:3 rwm".to_owned()));
    assert_eq!(on_v1.device_program, None);

    let on_v2 = planned(usual(), &v2()).unwrap();
    assert_eq!(
        spelt(&on_v2.writes),
        [
            "memory.max = 67108864",
            "memory.swap.max = 67108864 ?",
            "cpu.weight = 59",
            "cpu.max = 50000 100000",
            "pids.max = 100",
        ]
    );
    assert!(on_v2.device_program.is_some(), "devices are no file in v2");
    assert_eq!(on_v2.required, ["cpu", "memory", "pids"]);
    assert_eq!(on_v2.welcome, Vec::<String>::new());
}

#[test]
fn without_wishes_the_group_is_there_for_counting() {
    let counting = plan("/rlab/x", None, &v2()).unwrap();
    assert_eq!((counting.writes.len(), counting.required.len()), (0, 0));
    assert_eq!(counting.welcome, ["cpu", "memory", "pids"]);
    assert_eq!(plan("/rlab/x", None, &v1()).unwrap().hierarchies.len(), 4);
}

#[test]
fn a_limit_whose_controller_is_missing_is_refused_by_name() {
    assert_eq!(
        planned(json!({"cpu": {"cpus": "0-1"}}), &v1()).unwrap_err(),
        "can't set cpuset.cpus: the controller cpuset is in no cgroup hierarchy that is mounted; \
         mkdir -p /sys/fs/cgroup/cpuset && mount -t cgroup -o cpuset cgroup /sys/fs/cgroup/cpuset"
    );
    let without_memory = Layout::fixture(V2_MOUNTS, V2_OWN, &["cpu"]);
    assert_eq!(
        planned(json!({"memory": {"limit": 5}}), &without_memory).unwrap_err(),
        "can't set memory.max: the controller memory is switched off in this kernel; \
         take cgroup_disable=memory off the kernel's command line, or where it is off by default, as on a Raspberry Pi, \
         add cgroup_enable=memory; then restart"
    );
}

#[test]
fn a_controller_nobody_asked_for_may_be_missing() {
    let docker_sends = json!({"memory": {"disableOOMKiller": false}, "cpu": {"shares": 0}, "pids": {"limit": 0},
        "blockIO": {"weight": 0}, "network": {}, "devices": []});
    assert_eq!(planned(docker_sends, &Layout::fixture(V2_MOUNTS, V2_OWN, &[])).unwrap().writes, []);
}

#[test]
fn files_of_v2_go_through_as_they_are_and_nowhere_else() {
    let asked = planned(json!({"unified": {"memory.high": "1000000", "cgroup.max.depth": "2"}}), &v2()).unwrap();
    assert_eq!(spelt(&asked.writes), ["cgroup.max.depth = 2", "memory.high = 1000000"]);
    assert_eq!(asked.required, ["memory"]);
    for (name, fault) in [("memory/../x.y", "is no file"), ("../x", "is no file"), ("max", "is no file")] {
        assert!(planned(json!({"unified": {name: "1"}}), &v2()).unwrap_err().contains(fault), "{name}");
    }
    let refused = planned(json!({"unified": {"memory.high": "1"}}), &v1()).unwrap_err();
    assert!(refused.starts_with("can't set memory.high: the controller memory is mounted as cgroup v1"), "{refused}");
}

#[test]
fn rarer_limits() {
    let rdma = json!({"rdma": {"mlx5_1": {"hcaHandles": 3}, "mlx5_0": {"hcaObjects": 10000}}});
    assert!(planned(rdma, &v2()).unwrap_err().contains("the controller rdma is not in this kernel"));
    let with_rdma = Layout::fixture(V2_MOUNTS, V2_OWN, &["rdma", "hugetlb"]);
    let rdma = json!({"rdma": {"mlx5_1": {"hcaHandles": 3}, "mlx5_0": {"hcaObjects": 10000}},
        "hugepageLimits": [{"pageSize": "2MB", "limit": 0}]});
    assert_eq!(
        spelt(&planned(rdma, &with_rdma).unwrap().writes),
        [
            "hugetlb.2MB.max = 0",
            "rdma.max = mlx5_0 hca_handle=max hca_object=10000",
            "rdma.max = mlx5_1 hca_handle=3 hca_object=max"
        ]
    );
    let climbing = json!({"hugepageLimits": [{"pageSize": "2MB/../x", "limit": 0}]});
    assert!(planned(climbing, &with_rdma).unwrap_err().starts_with("hugepageLimits.pageSize can't be"));
    assert!(
        planned(json!({"memory": {"kernel": 5}}), &v1()).unwrap_err().starts_with("can't set memory.kernel: cgroup v1")
    );
    assert!(planned(json!({"network": {"classID": 5}}), &v1()).unwrap_err().contains("controller net_cls is in no"));
}

#[test]
fn the_path_stays_below_the_top() {
    let of = |path: &str| plan(path, None, &v2()).map(|plan| plan.path.display().to_string());
    assert_eq!(of("/rlab/3f9c").unwrap(), "rlab/3f9c");
    assert_eq!(of("//libpod_parent/./libpod-1/").unwrap(), "libpod_parent/libpod-1");
    assert_eq!(of("web").unwrap(), "rlab/web", "a relative one is ours to place");
    for (path, fault) in [
        ("/", PathFault::Empty),
        ("", PathFault::Empty),
        ("/rlab/../..", PathFault::Climbs),
        ("machine.slice:libpod:3f9c", PathFault::Systemd),
    ] {
        match of(path) {
            Err(Error::Path { fault: found, .. }) => assert_eq!(found, fault, "{path}"),
            other => panic!("{path}: {other:?}"),
        }
    }
}
