//! The machine is put together and switched on.

use super::command::{Forward, Machine, argv, parts};
use super::session::Session;
use crate::shim::Signals;
use crate::sys;
use crate::trace;
use crate::vm::accel::{self, Accel};
use crate::vm::error::{Error, refused};
use crate::vm::options::MachineOptions;
use crate::vm::order::Order;
use crate::vm::prepare::Boot;
use crate::vm::shares::Serving;
use serde_json::json;
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};

/// What was prepared for it.
pub struct Wanted<'a> {
    /// Where rlab keeps things for machines.
    pub cache: &'a Path,
    /// QEMU's program.
    pub qemu: &'a Path,
    /// The user's wishes.
    pub options: &'a MachineOptions,
    /// Kernel and initramfs.
    pub boot: &'a Boot,
    /// The disk's file.
    pub disk: PathBuf,
    /// Directories of the host, and who serves them.
    pub shared: &'a [Serving],
    /// Published ports; nothing without a network card.
    pub forwards: Option<Vec<Forward>>,
}

/// Starts QEMU.
pub fn start<'a>(
    wanted: Wanted<'_>,
    order: &Order,
    announce: &dyn Fn(&str),
    signals: &'a mut Signals,
) -> Result<Session<'a>, Error> {
    let Wanted { cache, qemu, options, boot, disk, shared, forwards } = wanted;
    let choice = accel::choose(cache, options.accel, qemu, &boot.kernel.image, announce)?;
    match choice.accel {
        Accel::Kvm => trace::note("accelerator_kvm", || json!({"why": choice.why})),
        Accel::Tcg => trace::note("accelerator_tcg", || json!({"why": choice.why})),
    }
    let pair = || sys::stream_pair().map_err(socketpair);
    let ((channel, their_channel), (console, their_console)) = (pair()?, pair()?);
    let machine = Machine {
        accel: choice.accel,
        memory_mib: options.memory_mib,
        cpus: options.cpus,
        kernel: boot.kernel.image.clone(),
        initrd: boot.initramfs.clone(),
        disk,
        network: forwards,
        shares: shared.iter().map(|one| one.dir.clone()).collect(),
        balloon: options.balloon,
        channel_fd: their_channel.as_raw_fd(),
        console_fd: their_console.as_raw_fd(),
        told: order.told,
    };
    let parts = parts(&machine);
    for part in &parts {
        trace::work("part", || json!({"part": part.part, "args": part.args.join(" ")}));
    }
    let mut keeps = vec![their_channel.as_fd(), their_console.as_fd()];
    keeps.extend(shared.iter().filter_map(Serving::connection));
    let program = sys::Program {
        path: qemu,
        args: argv(&parts),
        env: vec!["PATH=/usr/bin:/bin".to_owned(), "LC_ALL=C".to_owned()],
        stays: true,
        dies_with_us: true,
        keeps: &keeps,
    };
    let process = sys::spawn(&program).map_err(refused("machine"))?;
    trace::note("machine_is", || json!({"pid": process.pid}));
    Session::new(process, channel, console, order.clone(), signals).map_err(socketpair)
}

fn socketpair(errno: sys::Errno) -> Error {
    refused("machine")(sys::Error::new(trace::Call::new("socketpair"), errno as i32))
}
