//! QEMU's command line: a computer, part by part.
//!
//! Pure: what goes in is data, what comes out are words. Each part is what in a container would be a namespace, a mount or
//! a limit; here it is a device that the guest's kernel has to find and to drive. Man: qemu-system-x86_64(1).

use crate::network::{Protocol, PublishedPort};
use crate::vm::accel::Accel;
use crate::vm::guest;
use crate::vm::order::PORT;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

/// The computer that is wanted.
pub struct Machine {
    /// What executes the guest's instructions.
    pub accel: Accel,
    /// Memory, in MiB.
    pub memory_mib: u64,
    /// Processors.
    pub cpus: u32,
    /// The kernel's file.
    pub kernel: PathBuf,
    /// The initramfs.
    pub initrd: PathBuf,
    /// The disk's image.
    pub disk: PathBuf,
    /// Published ports, or nothing when there is no card.
    pub network: Option<Vec<Forward>>,
    /// Directories of the host.
    pub shares: Vec<SharedDir>,
    /// The descriptor behind the channel.
    pub channel_fd: i32,
    /// The descriptor behind the serial console.
    pub console_fd: i32,
    /// Whether the guest tells what it does.
    pub told: bool,
}

/// A published port with the host's port chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// The host's address.
    pub host_ip: IpAddr,
    /// The host's port.
    pub host_port: u16,
    /// The guest's port.
    pub guest_port: u16,
    /// The protocol.
    pub protocol: Protocol,
}

/// A directory of the host's, and how it gets into the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedDir {
    /// By which the guest finds it.
    pub tag: String,
    /// The host's directory.
    pub source: PathBuf,
    /// Whether the guest can only read it.
    pub read_only: bool,
    /// The descriptor of a connection to the virtiofsd that serves it; nothing when QEMU does, by 9p.
    pub virtiofs_fd: Option<i32>,
}

/// One part of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which: the name of a text.
    pub part: &'static str,
    /// QEMU's words for it.
    pub args: Vec<String>,
}

impl Forward {
    /// A published port, with the port of the host that was chosen for it.
    pub fn new(port: &PublishedPort, host_port: u16) -> Forward {
        Forward {
            host_ip: port.host_ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            host_port,
            guest_port: port.container_port,
            protocol: port.protocol,
        }
    }
}

/// The parts, in the order in which a computer would be put together.
pub fn parts(machine: &Machine) -> Vec<Part> {
    let mut parts = vec![
        // No device but those named below: what is not there needs no driver and can't be attacked.
        // And the guest says "restart" when it panics: with nothing to restart it for, that is the end.
        part("machine", ["-M", "q35", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]),
        part("accelerator", ["-accel", machine.accel.word()]),
        part("processor", ["-cpu", processor(machine.accel), "-smp", &machine.cpus.to_string()]),
        memory(machine),
        part("kernel", ["-kernel", &words(&machine.kernel), "-initrd", &words(&machine.initrd)]),
        part("kernel", ["-append", &append(machine)]),
        part("disk", ["-drive", &drive(&machine.disk), "-device", "virtio-blk-pci,drive=disk"]),
    ];
    if let Some(forwards) = &machine.network {
        parts.push(network(forwards));
    }
    parts.extend(machine.shares.iter().map(share));
    let channel = format!("socket,id=channel,fd={}", machine.channel_fd);
    let port = format!("virtserialport,chardev=channel,name={PORT}");
    parts.push(part("channel", ["-device", "virtio-serial-pci", "-chardev", &channel, "-device", &port]));
    let console = format!("socket,id=console,fd={}", machine.console_fd);
    parts.push(part("console", ["-chardev", &console, "-serial", "chardev:console"]));
    parts
}

/// All words of the parts, QEMU's own name first.
pub fn argv(parts: &[Part]) -> Vec<String> {
    let name = "qemu-system-x86_64".to_owned();
    [name].into_iter().chain(parts.iter().flat_map(|part| part.args.iter().cloned())).collect()
}

fn part<const N: usize>(part: &'static str, args: [&str; N]) -> Part {
    Part { part, args: args.iter().map(|word| (*word).to_owned()).collect() }
}

/// All that this host's processor can, or all that QEMU can play.
const fn processor(accel: Accel) -> &'static str {
    match accel {
        Accel::Kvm => "host",
        Accel::Tcg => "max",
    }
}

fn memory(machine: &Machine) -> Part {
    let size = format!("{}M", machine.memory_mib);
    if machine.shares.iter().all(|share| share.virtiofs_fd.is_none()) {
        return part("memory", ["-m", &size]);
    }
    // virtiofsd is another process, and reads requests out of the guest's memory: so it has to be shared with it.
    let backend = format!("memory-backend-memfd,id=memory,size={size},share=on");
    part("memory", ["-m", &size, "-object", &backend, "-machine", "memory-backend=memory"])
}

/// The kernel's own command line. What follows `--` goes to process 1: kernel documentation, kernel-parameters.
fn append(machine: &Machine) -> String {
    let told = if machine.told { format!(" {}", guest::TOLD) } else { String::new() };
    format!("console=ttyS0 earlyprintk=ttyS0 panic=-1 rdinit=/rlab -- {}{told}", guest::COMMAND)
}

/// The file is opened read-only and not locked, so any number of machines stand on one disk.
fn drive(disk: &Path) -> String {
    format!("if=none,id=disk,format=raw,readonly=on,file={}", words(disk))
}

fn network(forwards: &[Forward]) -> Part {
    let forwards: String = forwards.iter().map(|forward| format!(",hostfwd={}", forward_rule(forward))).collect();
    part("network", ["-netdev", &format!("user,id=net{forwards}"), "-device", "virtio-net-pci,netdev=net"])
}

/// As QEMU writes it, and repeats it when it is refused.
pub fn forward_rule(forward: &Forward) -> String {
    let Forward { host_ip, host_port, guest_port, protocol } = forward;
    format!("{}:{host_ip}:{host_port}-:{guest_port}", protocol.name())
}

fn share(share: &SharedDir) -> Part {
    let tag = &share.tag;
    match share.virtiofs_fd {
        Some(fd) => {
            let chardev = format!("socket,id={tag},fd={fd}");
            let device = format!("vhost-user-fs-pci,chardev={tag},tag={tag}");
            part("share", ["-chardev", &chardev, "-device", &device])
        }
        None => {
            let read_only = if share.read_only { ",readonly=on" } else { "" };
            let source = words(&share.source);
            // Owners and modes are the host's, as with a bind mount, and as with one root in there is root out here.
            let fsdev = format!("local,id={tag},path={source},security_model=passthrough{read_only}");
            part("share", ["-fsdev", &fsdev, "-device", &format!("virtio-9p-pci,fsdev={tag},mount_tag={tag}")])
        }
    }
}

/// QEMU's options are split at commas; one that belongs to a path is written twice.
fn words(path: &Path) -> String {
    path.to_string_lossy().replace(',', ",,")
}
