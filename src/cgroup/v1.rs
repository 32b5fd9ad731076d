//! Limits as cgroup v1 has them: which file takes which value. Pure.
//!
//! Order matters within a controller, because the kernel checks each write against what is set already.

use super::error::Error;
use super::layout::Version;
use super::plan::Write;
use super::value::{block_devices, limit_or_none, page_size, swap_total};
use oci_spec::runtime::{LinuxBlockIo, LinuxCpu, LinuxHugepageLimit, LinuxMemory, LinuxNetwork};

fn write(file: &str, value: impl ToString) -> Write {
    Write::new(Version::V1, file, value)
}

/// `resources.memory`. The limit of memory goes before that of memory and swap together, which must not be lower.
pub fn memory(memory: &LinuxMemory) -> Result<Vec<Write>, Error> {
    let mut writes = Vec::new();
    let limit = memory.limit().filter(|limit| *limit != 0);
    if let Some(limit) = limit {
        writes.push(write("memory.limit_in_bytes", limit_or_none("memory.limit", limit)?));
    }
    if let Some(reservation) = memory.reservation().filter(|reservation| *reservation != 0) {
        writes.push(write("memory.soft_limit_in_bytes", limit_or_none("memory.reservation", reservation)?));
    }
    if let Some(swap) = swap_total(memory)? {
        writes.push(write("memory.memsw.limit_in_bytes", swap).unless_defaulted(limit, swap));
    }
    if let Some(kernel_tcp) = memory.kernel_tcp().filter(|limit| *limit != 0) {
        writes.push(write("memory.kmem.tcp.limit_in_bytes", limit_or_none("memory.kernelTCP", kernel_tcp)?));
    }
    if let Some(swappiness) = memory.swappiness() {
        if swappiness > 100 {
            let (setting, value) = ("memory.swappiness", swappiness.to_string());
            return Err(Error::Value { setting, value, fault: "it is a share of 100" });
        }
        writes.push(write("memory.swappiness", swappiness));
    }
    if memory.disable_oom_killer() == Some(true) {
        writes.push(write("memory.oom_control", 1));
    }
    Ok(writes)
}

/// `resources.cpu`, without the set of processors. The period goes before the quota, which is a part of it, and the
/// quota before the burst, which must not be higher.
pub fn cpu(cpu: &LinuxCpu) -> Result<Vec<Write>, Error> {
    let mut writes = Vec::new();
    if let Some(shares) = cpu.shares().filter(|shares| *shares != 0) {
        writes.push(write("cpu.shares", shares));
    }
    if let Some(period_us) = cpu.period().filter(|period| *period != 0) {
        writes.push(write("cpu.cfs_period_us", period_us));
    }
    if let Some(quota_us) = cpu.quota().filter(|quota| *quota != 0) {
        writes.push(write("cpu.cfs_quota_us", limit_or_none("cpu.quota", quota_us)?));
    }
    if let Some(burst_us) = cpu.burst() {
        writes.push(write("cpu.cfs_burst_us", burst_us));
    }
    if let Some(idle) = cpu.idle() {
        writes.push(write("cpu.idle", idle));
    }
    if let Some(period_us) = cpu.realtime_period().filter(|period| *period != 0) {
        writes.push(write("cpu.rt_period_us", period_us));
    }
    if let Some(runtime_us) = cpu.realtime_runtime().filter(|runtime| *runtime != 0) {
        writes.push(write("cpu.rt_runtime_us", runtime_us));
    }
    Ok(writes)
}

/// `resources.blockIO`.
pub fn block_io(io: &LinuxBlockIo) -> Result<Vec<Write>, Error> {
    let mut writes = Vec::new();
    if io.leaf_weight().is_some_and(|weight| weight != 0) {
        return Err(Error::NoSuchSetting { setting: "blockIO.leafWeight", version: Version::V1 });
    }
    // The weight belongs to the scheduler bfq since the older cfq was taken out of the kernel.
    if let Some(weight) = io.weight().filter(|weight| *weight != 0) {
        writes.push(write("blkio.bfq.weight", weight));
    }
    for device in io.weight_device().iter().flatten() {
        if let Some(weight) = device.weight() {
            writes.push(write("blkio.bfq.weight_device", format!("{}:{} {weight}", device.major(), device.minor())));
        }
    }
    for (devices, file) in [
        (io.throttle_read_bps_device(), "blkio.throttle.read_bps_device"),
        (io.throttle_write_bps_device(), "blkio.throttle.write_bps_device"),
        (io.throttle_read_iops_device(), "blkio.throttle.read_iops_device"),
        (io.throttle_write_iops_device(), "blkio.throttle.write_iops_device"),
    ] {
        writes.extend(block_devices(devices).map(|(device, rate)| write(file, format!("{device} {rate}"))));
    }
    Ok(writes)
}

/// `resources.hugepageLimits`.
pub fn hugepages(limits: &[LinuxHugepageLimit]) -> Result<Vec<Write>, Error> {
    limits
        .iter()
        .map(|limit| {
            let size = page_size(limit)?;
            Ok(write(&format!("hugetlb.{size}.limit_in_bytes"), limit_or_none("hugepageLimits.limit", limit.limit())?))
        })
        .collect()
}

/// `resources.network`: marks on packets, for the host's own rules to go by.
pub fn network(network: &LinuxNetwork) -> Vec<Write> {
    let class = network.class_id().filter(|class| *class != 0).map(|class| write("net_cls.classid", class));
    let priorities = network.priorities().iter().flatten();
    let priorities =
        priorities.map(|entry| write("net_prio.ifpriomap", format!("{} {}", entry.name(), entry.priority())));
    class.into_iter().chain(priorities).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::plan::spelt;
    use serde_json::{from_value, json};

    #[test]
    fn memory_is_limited_before_memory_and_swap() {
        let asked = from_value(json!({"limit": 67108864, "reservation": 33554432, "swap": 134217728})).unwrap();
        assert_eq!(
            spelt(&memory(&asked).unwrap()),
            [
                "memory.limit_in_bytes = 67108864",
                "memory.soft_limit_in_bytes = 33554432",
                "memory.memsw.limit_in_bytes = 134217728 ?",
            ]
        );
    }

    #[test]
    fn what_docker_sends_for_nothing_asked_is_nothing() {
        let asked = from_value(json!({"disableOOMKiller": false, "limit": 0, "swap": 0})).unwrap();
        assert_eq!(memory(&asked).unwrap(), []);
        assert_eq!(cpu(&from_value(json!({"shares": 0, "quota": 0, "period": 0})).unwrap()).unwrap(), []);
        assert_eq!(block_io(&from_value(json!({"weight": 0})).unwrap()).unwrap(), []);
    }

    #[test]
    fn the_period_goes_before_the_quota_and_the_quota_before_the_burst() {
        let asked = json!({"quota": 50000, "period": 100000, "burst": 10000, "shares": 512, "idle": 0});
        assert_eq!(
            spelt(&cpu(&from_value(asked).unwrap()).unwrap()),
            [
                "cpu.shares = 512",
                "cpu.cfs_period_us = 100000",
                "cpu.cfs_quota_us = 50000",
                "cpu.cfs_burst_us = 10000",
                "cpu.idle = 0"
            ]
        );
    }

    #[test]
    fn a_disk_is_named_by_its_numbers() {
        let asked = json!({"throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 1048576}], "weight": 300});
        assert_eq!(
            spelt(&block_io(&from_value(asked).unwrap()).unwrap()),
            ["blkio.bfq.weight = 300", "blkio.throttle.read_bps_device = 8:0 1048576"]
        );
    }

    #[test]
    fn values_that_no_kernel_takes_are_refused() {
        let of = |value| memory(&from_value(value).unwrap()).map(|_| ()).unwrap_err().to_string();
        assert_eq!(of(json!({"limit": -2})), "memory.limit can't be \"-2\": it is below -1, which means no limit");
        assert_eq!(of(json!({"swappiness": 101})), "memory.swappiness can't be \"101\": it is a share of 100");
    }
}
