//! The device nodes: those that every container has, and those that are asked for besides.   Man: mknod(2).

use super::Device;
use super::error::{PlanError, invalid};
use super::text::absolute;
use oci_spec::runtime::{Linux, LinuxDevice, LinuxDeviceType};
use std::path::PathBuf;

/// The kernel has 12 bits for the driver's number and 20 for the device's; what is more would be cut off.
const MAX_MAJOR: i64 = (1 << 12) - 1;
const MAX_MINOR: i64 = (1 << 20) - 1;
/// The bits of a mode that say what kind of file it is. Some callers leave them in.
const KIND_BITS: u32 = 0o170_000;

/// The devices every container has, as runtime-spec's `Default Devices` lists them, and those asked for besides.
pub fn devices(linux: &Linux) -> Result<Vec<Device>, PlanError> {
    let default = |path: &str, major, minor| Device {
        path: PathBuf::from(path),
        block: false,
        numbers: (major, minor),
        mode: 0o666,
    };
    let mut devices = vec![
        default("/dev/null", 1, 3),
        default("/dev/zero", 1, 5),
        default("/dev/full", 1, 7),
        default("/dev/random", 1, 8),
        default("/dev/urandom", 1, 9),
        default("/dev/tty", 5, 0),
    ];
    for asked in linux.devices().iter().flatten() {
        let asked = device(asked)?;
        devices.retain(|device| device.path != asked.path);
        devices.push(asked);
    }
    Ok(devices)
}

fn device(asked: &LinuxDevice) -> Result<Device, PlanError> {
    let path = absolute("linux.devices.path", asked.path())?;
    if path.file_name().is_none() {
        return Err(invalid("linux.devices.path", path.display(), "is no name for a node"));
    }
    let block = match asked.typ() {
        LinuxDeviceType::B => true,
        LinuxDeviceType::C | LinuxDeviceType::U => false,
        LinuxDeviceType::P => return Err(PlanError::Unsupported("a pipe in linux.devices")),
        LinuxDeviceType::A => return Err(invalid("linux.devices.type", "a", "is no kind of a node")),
    };
    if asked.uid().is_some_and(|uid| uid != 0) || asked.gid().is_some_and(|gid| gid != 0) {
        return Err(PlanError::Unsupported("an owner in linux.devices"));
    }
    let number = |field, number: i64, most: i64| {
        let fits = u64::try_from(number).ok().filter(|_| number <= most);
        fits.ok_or_else(|| invalid(field, number, "is no number of a device"))
    };
    let mode = asked.file_mode().unwrap_or(0o666) & !KIND_BITS;
    if mode > 0o7777 {
        return Err(invalid("linux.devices.fileMode", mode, "is no mode of a file"));
    }
    let numbers = (
        number("linux.devices.major", asked.major(), MAX_MAJOR)?,
        number("linux.devices.minor", asked.minor(), MAX_MINOR)?,
    );
    Ok(Device { path, block, numbers, mode })
}
