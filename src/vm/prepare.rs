//! What a machine needs before there is one: a kernel, a disk, an order.

use super::error::Error;
use super::kernel::{self, Kernel};
use super::machine::command::Forward;
use super::options::MachineOptions;
use super::order::{Order, Share};
use super::shares::{self, Filesystem};
use super::{disk, guest, initramfs, modules};
use crate::engine::container::Container;
use crate::engine::{self, Made, Sources, workdir};
use crate::image::config::ExecConfig;
use crate::image::store::{ImageRecord, Store};
use crate::network::{self, PublishedPort};
use crate::sys;
use crate::trace;
use serde_json::json;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Drivers that are of use where the kernel has them.
const OPTIONAL: [&str; 5] = ["virtio_balloon", "9p", "9pnet_virtio", "virtiofs", "virtio_rng"];

/// The kernel, and the first files that it unpacks.
pub struct Boot {
    /// The kernel.
    pub kernel: Kernel,
    /// The file with its first files.
    pub initramfs: PathBuf,
    /// By which filesystem the guest reaches directories of the host, if it can.
    pub sharing: Option<Filesystem>,
}

/// Finds the kernel and makes its initramfs.
pub fn find_kernel(cache: &Path, options: &MachineOptions, sources: &Sources<'_>) -> Result<Boot, Error> {
    let kernel = kernel::find(cache, options.kernel.as_deref(), sources.announce)?;
    let size = std::fs::metadata(&kernel.image).map_or(0, |meta| meta.len());
    trace::work(
        "guest_kernel",
        || json!({"release": kernel.release, "path": kernel.image, "size": size, "came": kernel.came.words()}),
    );
    let modules = modules::needed(&kernel, modules::DRIVERS, &OPTIONAL)?;
    let initramfs = initramfs::make(cache, &modules, Path::new("/proc/self/exe"))?;
    let came = if initramfs.made { "made" } else { "kept" };
    trace::work("initramfs", || json!({"path": initramfs.path, "size": initramfs.size_bytes, "came": came}));
    let names: Vec<&str> = modules.iter().map(|module| module.name.as_str()).collect();
    trace::work("drivers", || json!({"names": names.join(" ")}));
    let sharing = shares::offered(&kernel);
    Ok(Boot { kernel, initramfs: initramfs.path, sharing })
}

/// Makes the image's disk, or finds it made.
pub fn make_disk(
    cache: &Path,
    store: &Store,
    image: &ImageRecord,
    container: &mut Container,
) -> Result<PathBuf, Error> {
    let diff_ids = image.layers.iter().map(|layer| layer.diff_id.clone());
    let layers: Vec<_> = diff_ids.map(|diff_id| (diff_id.clone(), store.layer_path(&diff_id))).collect();
    let mount_point = container.dir.join("rootfs");
    let disk = disk::make(cache, &layers, &mount_point, &mut |path| -> Result<(), Error> {
        Ok(container.will_make(&Made::Mount(path.to_owned()))?)
    })?;
    if disk.made {
        // It was needed for the making alone, and is gone again.
        container.will_make(&Made::Keep(mount_point))?;
    }
    let came = if disk.made { "made" } else { "kept" };
    trace::work("disk", || json!({"path": disk.path, "size": disk.size_bytes, "files": disk.files, "came": came}));
    Ok(disk.path)
}

/// What the guest is told.
pub fn order(
    options: &MachineOptions,
    container: &Container,
    config: &ExecConfig,
    args: Vec<String>,
    shares: Vec<Share>,
) -> Order {
    let hostname = options.hostname.clone().unwrap_or_else(|| container.record.short().to_owned());
    let address = options.network.then_some((guest::ADDRESS, guest::GATEWAY));
    let files = [
        ("/etc/hostname", format!("{hostname}\n")),
        ("/etc/hosts", network::hosts(&options.extra_hosts, &hostname, address)),
        ("/etc/resolv.conf", network::resolver_file(guest::RESOLV_CONF, None, &options.dns).text),
    ];
    let size = sys::window_size(std::io::stdin()).filter(|_| options.terminal);
    Order {
        args,
        env: engine::env(&hostname, options.terminal, config, &options.env),
        cwd: workdir(options.workdir.as_deref(), config).into(),
        user: options.user.clone().unwrap_or_else(|| config.user.clone()),
        files: files.into_iter().map(|(path, text)| (path.into(), text)).collect(),
        hostname,
        network: options.network,
        shares,
        tmpfs: options.tmpfs.iter().map(|one| (one.destination.clone(), mount_data(&one.options))).collect(),
        read_only: options.read_only,
        sysctl: options.sysctl.clone(),
        terminal: options.terminal,
        size: size.map(|size| (size.rows, size.columns)),
        interactive: options.interactive,
        told: trace::enabled(),
    }
}

/// Options that a tmpfs itself understands: `size=`, `mode=`, `uid=` …
fn mount_data(options: &[String]) -> String {
    let own: Vec<&str> = options.iter().map(String::as_str).filter(|option| option.contains('=')).collect();
    own.join(",")
}

/// Chooses the host's ports.
pub fn forwards(options: &MachineOptions) -> Result<Vec<Forward>, Error> {
    let forward = |port: &PublishedPort| match port.host_ip {
        Some(ip @ IpAddr::V6(_)) => Err(Error::PublishedV6(ip)),
        _ => Ok(Forward::new(port, network::free_port(port)?)),
    };
    options.ports.iter().map(forward).collect()
}
