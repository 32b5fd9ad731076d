//! Values as config.json has them, checked before they become the text of a file.

use super::error::Error;
use oci_spec::runtime::{LinuxHugepageLimit, LinuxMemory, LinuxThrottleDevice};

/// `swap`, the limit of memory and swap together, if there is one to set; -1 is none.
pub(super) fn swap_total(memory: &LinuxMemory) -> Result<Option<i64>, Error> {
    let Some(total) = memory.swap().filter(|total| *total != 0) else { return Ok(None) };
    let refuse = |fault| Err(Error::Value { setting: "memory.swap", value: total.to_string(), fault });
    match memory.limit().filter(|limit| *limit > 0) {
        _ if total < -1 => refuse("it is below -1, which means no limit"),
        None if total > 0 => refuse("it needs a memory.limit"),
        Some(limit) if total > 0 && total < limit => {
            refuse("it is memory and swap together, so it can't be below memory.limit")
        }
        _ => Ok(Some(total)),
    }
}

/// A limit, of which -1 means that there is none.
pub(super) fn limit_or_none(setting: &'static str, value: i64) -> Result<i64, Error> {
    if value < -1 {
        let fault = "it is below -1, which means no limit";
        return Err(Error::Value { setting, value: value.to_string(), fault });
    }
    Ok(value)
}

/// `major:minor` and rate of each disk in a list.
pub(super) fn block_devices(devices: &Option<Vec<LinuxThrottleDevice>>) -> impl Iterator<Item = (String, u64)> {
    devices.iter().flatten().map(|device| (format!("{}:{}", device.major(), device.minor()), device.rate()))
}

/// The size of a page as it stands in a file's name, such as 2MB. Anything else would lead to another file.
pub(super) fn page_size(limit: &LinuxHugepageLimit) -> Result<&str, Error> {
    let size = limit.page_size();
    if size.is_empty() || !size.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        let fault = "it is a number with its unit, such as 2MB";
        return Err(Error::Value { setting: "hugepageLimits.pageSize", value: size.clone(), fault });
    }
    Ok(size)
}
