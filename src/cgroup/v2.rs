//! Limits as cgroup v2 has them: which file takes which value. Pure.
//!
//! config.json was written down in the days of v1, so some numbers must be converted.

use super::error::Error;
use super::layout::Version;
use super::plan::Write;
use super::value::{block_devices, limit_or_none, page_size, swap_total};
use oci_spec::runtime::{LinuxBlockIo, LinuxCpu, LinuxHugepageLimit, LinuxMemory};

fn write(file: &str, value: impl ToString) -> Write {
    Write::new(Version::V2, file, value)
}

/// -1 is spelt `max`.
fn or_max(limit: i64) -> String {
    if limit < 0 { "max".to_owned() } else { limit.to_string() }
}

fn missing(setting: &'static str) -> Result<Vec<Write>, Error> {
    Err(Error::NoSuchSetting { setting, version: Version::V2 })
}

/// `resources.memory`. There, `swap` is memory and swap together; here the two are limited apart.
pub fn memory(memory: &LinuxMemory) -> Result<Vec<Write>, Error> {
    let mut writes = Vec::new();
    let limit = memory.limit().filter(|limit| *limit != 0);
    if let Some(limit) = limit {
        writes.push(write("memory.max", or_max(limit_or_none("memory.limit", limit)?)));
    }
    if let Some(reservation) = memory.reservation().filter(|reservation| *reservation != 0) {
        writes.push(write("memory.low", or_max(limit_or_none("memory.reservation", reservation)?)));
    }
    if let Some(total) = swap_total(memory)? {
        let swap = if total < 0 { -1 } else { total - limit.unwrap_or_default() };
        writes.push(write("memory.swap.max", or_max(swap)).unless_defaulted(limit, total));
    }
    match memory {
        _ if memory.swappiness().is_some() => missing("memory.swappiness"),
        _ if memory.kernel_tcp().is_some_and(|limit| limit != 0) => missing("memory.kernelTCP"),
        _ if memory.disable_oom_killer() == Some(true) => missing("memory.disableOOMKiller"),
        _ => Ok(writes),
    }
}

/// `resources.cpu`, without the set of processors.
pub fn cpu(cpu: &LinuxCpu) -> Result<Vec<Write>, Error> {
    let mut writes = Vec::new();
    // A group that runs only when nobody else wants to has no weight, and the kernel refuses to set one.
    if let Some(shares) = cpu.shares().filter(|shares| *shares != 0 && cpu.idle() != Some(1)) {
        writes.push(write("cpu.weight", weight_of_shares(shares)));
    }
    let (quota_us, period_us) = (cpu.quota().unwrap_or_default(), cpu.period().unwrap_or_default());
    if quota_us != 0 || period_us != 0 {
        let quota = if quota_us == 0 { -1 } else { limit_or_none("cpu.quota", quota_us)? };
        // Without a period the kernel keeps the one it has, 100000 µs in a new group.
        let period = if period_us == 0 { String::new() } else { format!(" {period_us}") };
        writes.push(write("cpu.max", or_max(quota) + &period));
    }
    if let Some(burst_us) = cpu.burst() {
        writes.push(write("cpu.max.burst", burst_us));
    }
    if let Some(idle) = cpu.idle() {
        writes.push(write("cpu.idle", idle));
    }
    match cpu {
        _ if cpu.realtime_runtime().is_some_and(|runtime| runtime != 0) => missing("cpu.realtimeRuntime"),
        _ if cpu.realtime_period().is_some_and(|period| period != 0) => missing("cpu.realtimePeriod"),
        _ => Ok(writes),
    }
}

/// Shares (2 to 262144, usually 1024) as a weight (1 to 10000, usually 100).
///
/// A straight line through both ends would make 39 of the usual 1024, so that a container would lose against the host's
/// own services, which have 100. The curve is the one runc and crun agreed on: quadratic in the logarithm, through both
/// ends and the usual value.
pub fn weight_of_shares(shares: u64) -> u64 {
    match shares {
        0..=2 => 1,
        262_144.. => 10_000,
        _ => {
            let log = (shares as f64).log2();
            10f64.powf((log * log + 125.0 * log) / 612.0 - 7.0 / 34.0).ceil() as u64
        }
    }
}

/// `resources.blockIO`. Its weight goes from 10 to 1000, that of v2 from 1 to 10000.
pub fn block_io(io: &LinuxBlockIo) -> Result<Vec<Write>, Error> {
    let mut writes = Vec::new();
    if io.leaf_weight().is_some_and(|weight| weight != 0) {
        return missing("blockIO.leafWeight");
    }
    let scaled = |weight: u16| 1 + u64::from(weight.saturating_sub(10)) * 9999 / 990;
    if let Some(weight) = io.weight().filter(|weight| *weight != 0) {
        writes.push(write("io.weight", format!("default {}", scaled(weight))));
    }
    for device in io.weight_device().iter().flatten() {
        if let Some(weight) = device.weight() {
            writes.push(write("io.weight", format!("{}:{} {}", device.major(), device.minor(), scaled(weight))));
        }
    }
    for (devices, key) in [
        (io.throttle_read_bps_device(), "rbps"),
        (io.throttle_write_bps_device(), "wbps"),
        (io.throttle_read_iops_device(), "riops"),
        (io.throttle_write_iops_device(), "wiops"),
    ] {
        writes.extend(block_devices(devices).map(|(device, rate)| write("io.max", format!("{device} {key}={rate}"))));
    }
    Ok(writes)
}

/// `resources.hugepageLimits`.
pub fn hugepages(limits: &[LinuxHugepageLimit]) -> Result<Vec<Write>, Error> {
    limits
        .iter()
        .map(|limit| {
            let size = page_size(limit)?;
            let bytes = limit_or_none("hugepageLimits.limit", limit.limit())?;
            Ok(write(&format!("hugetlb.{size}.max"), or_max(bytes)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::plan::spelt;
    use serde_json::{from_value, json};

    fn memory_of(value: serde_json::Value) -> Result<Vec<String>, String> {
        memory(&from_value(value).unwrap()).map(|writes| spelt(&writes)).map_err(|error| error.to_string())
    }

    #[test]
    fn swap_is_what_the_total_leaves() {
        assert_eq!(
            memory_of(json!({"limit": 67108864, "reservation": 33554432, "swap": 100000000})).unwrap(),
            ["memory.max = 67108864", "memory.low = 33554432", "memory.swap.max = 32891136"]
        );
        assert_eq!(
            memory_of(json!({"limit": 67108864, "swap": 67108864})).unwrap(),
            ["memory.max = 67108864", "memory.swap.max = 0"]
        );
        assert_eq!(
            memory_of(json!({"limit": 67108864, "swap": -1})).unwrap(),
            ["memory.max = 67108864", "memory.swap.max = max ?"]
        );
    }

    #[test]
    fn a_total_below_the_memory_alone_is_refused() {
        let refused = "memory.swap can't be \"5\": it is memory and swap together, so it can't be below memory.limit";
        assert_eq!(memory_of(json!({"limit": 6, "swap": 5})).unwrap_err(), refused);
        assert!(memory_of(json!({"swap": 5})).unwrap_err().ends_with("it needs a memory.limit"));
    }

    #[test]
    fn a_setting_that_is_gone_is_an_error_and_not_ignored() {
        assert_eq!(
            memory_of(json!({"swappiness": 10})).unwrap_err(),
            "can't set memory.swappiness: cgroup v2 has no such setting"
        );
        let realtime = from_value(json!({"realtimeRuntime": 950000})).unwrap();
        assert!(matches!(cpu(&realtime), Err(Error::NoSuchSetting { setting: "cpu.realtimeRuntime", .. })));
    }

    #[test]
    fn quota_and_period_share_a_file() {
        let of = |value| spelt(&cpu(&from_value(value).unwrap()).unwrap());
        assert_eq!(of(json!({"quota": 50000, "period": 100000})), ["cpu.max = 50000 100000"]);
        assert_eq!(of(json!({"quota": 50000})), ["cpu.max = 50000"]);
        assert_eq!(of(json!({"period": 200000})), ["cpu.max = max 200000"]);
        assert_eq!(of(json!({"shares": 1024, "burst": 9})), ["cpu.weight = 100", "cpu.max.burst = 9"]);
        assert_eq!(of(json!({"shares": 1024, "idle": 1})), ["cpu.idle = 1"]);
    }

    #[test]
    fn the_usual_shares_are_the_usual_weight() {
        assert_eq!([1, 2, 1024, 262_144, u64::MAX].map(weight_of_shares), [1, 1, 100, 10_000, 10_000]);
        assert!((2..262_144).step_by(97).all(|shares| weight_of_shares(shares) <= weight_of_shares(shares + 97)));
    }

    #[test]
    fn a_disk_is_named_by_its_numbers() {
        let asked = json!({"throttleWriteIOPSDevice": [{"major": 8, "minor": 0, "rate": 100}], "weight": 1000});
        assert_eq!(
            spelt(&block_io(&from_value(asked).unwrap()).unwrap()),
            ["io.weight = default 10000", "io.max = 8:0 wiops=100"]
        );
    }
}
