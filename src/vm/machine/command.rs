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
    /// Whether the guest gives back what it has freed.
    pub balloon: bool,
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

// ANCHOR: parts
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
    if machine.balloon {
        // Not the classic balloon, which someone outside has to blow up: the guest's driver reports by itself which pages
        // are free, and QEMU gives them back to the host with madvise(2).
        parts.push(part("balloon", ["-device", "virtio-balloon-pci,free-page-reporting=on"]));
    }
    let channel = format!("socket,id=channel,fd={}", machine.channel_fd);
    let port = format!("virtserialport,chardev=channel,name={PORT}");
    parts.push(part("channel", ["-device", "virtio-serial-pci", "-chardev", &channel, "-device", &port]));
    let console = format!("socket,id=console,fd={}", machine.console_fd);
    parts.push(part("console", ["-chardev", &console, "-serial", "chardev:console"]));
    parts
}
// ANCHOR_END: parts

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

/// Opened read-only. QEMU locks images, but a reader keeps only writers out: any number of machines stand on one disk.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Machine {
        Machine {
            accel: Accel::Tcg,
            memory_mib: 512,
            cpus: 2,
            kernel: "/k/vmlinuz".into(),
            initrd: "/k/initramfs.cpio".into(),
            disk: "/d/a,b.ext4".into(),
            network: None,
            shares: Vec::new(),
            balloon: false,
            channel_fd: 9,
            console_fd: 11,
            told: false,
        }
    }

    fn words(machine: &Machine, part: &str) -> String {
        let all = parts(machine);
        let all: Vec<String> = all.into_iter().filter(|one| one.part == part).flat_map(|one| one.args).collect();
        all.join(" ")
    }

    #[test]
    fn a_comma_in_a_path_is_no_end_of_an_option() {
        assert!(words(&machine(), "disk").contains("readonly=on,file=/d/a,,b.ext4"), "{}", words(&machine(), "disk"));
    }

    #[test]
    fn without_a_card_there_is_no_network_at_all() {
        assert_eq!(words(&machine(), "network"), "");
        let connected = Machine { network: Some(Vec::new()), ..machine() };
        assert_eq!(words(&connected, "network"), "-netdev user,id=net -device virtio-net-pci,netdev=net");
    }

    #[test]
    fn a_published_port_is_a_rule_of_qemus() {
        let port = crate::network::parse_published("127.0.0.1:8081:80").unwrap().remove(0);
        let forward = Forward::new(&port, 8081);
        assert_eq!(forward_rule(&forward), "tcp:127.0.0.1:8081-:80");
        let anywhere = crate::network::parse_published("53:53/udp").unwrap().remove(0);
        assert_eq!(forward_rule(&Forward::new(&anywhere, 53)), "udp:0.0.0.0:53-:53");
        let published = Machine { network: Some(vec![forward]), ..machine() };
        assert!(words(&published, "network").contains("user,id=net,hostfwd=tcp:127.0.0.1:8081-:80"));
    }

    #[test]
    fn who_serves_a_directory_decides_how_memory_is_made() {
        let share = |virtiofs_fd| SharedDir { tag: "share0".into(), source: "/h".into(), read_only: true, virtiofs_fd };
        let by_qemu = Machine { shares: vec![share(None)], ..machine() };
        assert_eq!(words(&by_qemu, "memory"), "-m 512M");
        assert!(words(&by_qemu, "share").contains("path=/h,security_model=passthrough,readonly=on"));
        let by_virtiofsd = Machine { shares: vec![share(Some(5))], ..machine() };
        assert!(words(&by_virtiofsd, "memory").contains("share=on"), "virtiofsd reads the guest's memory");
        assert!(words(&by_virtiofsd, "share").contains("socket,id=share0,fd=5"));
    }

    #[test]
    fn the_guest_is_told_on_the_kernels_command_line_whether_anyone_listens() {
        assert!(words(&machine(), "kernel").ends_with("rdinit=/rlab -- vm-guest"));
        assert!(words(&Machine { told: true, ..machine() }, "kernel").ends_with("-- vm-guest told"));
    }

    #[test]
    fn kvm_shows_the_hosts_processor_and_emulation_all_it_can() {
        assert_eq!(words(&machine(), "processor"), "-cpu max -smp 2");
        assert_eq!(words(&Machine { accel: Accel::Kvm, ..machine() }, "processor"), "-cpu host -smp 2");
    }

    #[test]
    fn every_part_has_its_words_in_the_texts() {
        let share = SharedDir { tag: "s".into(), source: "/h".into(), read_only: false, virtiofs_fd: None };
        let whole = Machine { network: Some(Vec::new()), shares: vec![share], balloon: true, ..machine() };
        let texts = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/trace/texts/en.toml")).unwrap();
        let table = texts.split("[parts]").nth(1).unwrap();
        for part in parts(&whole) {
            assert!(table.contains(&format!("\n{} = ", part.part)), "{} has no container twin", part.part);
        }
    }
}
