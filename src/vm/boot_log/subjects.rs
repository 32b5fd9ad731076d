//! What a kernel's message is about, by how it begins: most name the part that speaks.

/// What is about none of the subjects below, or unknown.
pub const OTHER: &str = "other";

/// Beginnings of messages by subject, with bars between them. The first subject with one that fits has the message.
const BEGINNINGS: &[(&str, &str)] = &[
    ("init", "Run /|Freeing unused |Write protecting the kernel|Failed to execute /|init:|init[|systemd[|rlab:"),
    (
        "filesystems",
        "VFS:|Trying to unpack rootfs|Initramfs unpacking|Freeing initrd|EXT4-fs|ext4 |overlayfs|squashfs|erofs|fuse:|virtiofs\
        |JBD2|XFS|BTRFS|Btrfs|Mount-cache|Mountpoint-cache|Dentry cache|Inode-cache|/dev/|Please append a correct",
    ),
    (
        "memory",
        "BIOS-provided|BIOS-e820|e820|last_pfn|Using GB pages|No NUMA|Faking a node|NODE_DATA|Zone ranges|Movable zone\
        |Early memory node|Initmem setup|On node |Built 1 zonelists|Policy zone|Fallback order|Memory:|mem auto-init|SLUB|percpu\
        |pcpu-alloc|setup_percpu|HugeTLB|x86/mm|node 0|Node 0|[mem |PM: hibernation: Registered nosave|RAMDISK|DMA: preallocated\
        |workingset|Mem-Info|Out of memory|zswap|NX (Execute|x86/PAT|software IO TLB|MTRR",
    ),
    ("firmware", "ACPI|acpi|SMBIOS|DMI:|efi:|pnp:|system 00:"),
    (
        "CPU",
        "tsc:|smpboot|smp:|x86|Spectre|Speculative|MDS:|TAA:|MMIO Stale|RETBleed|L1TF|SRBDS|Register File|Last level\
        |Freeing SMP|SMP alternatives|process:|Calibrating delay|APIC|IOAPIC|CPU|Booting paravirtualized|kvm|Hypervisor detected\
        |mce:|microcode|NR_IRQS|..TIMER|..MP-BIOS|...trying to set up timer|.....\
        |TSC found|Performance Events|NMI watchdog|IPI shorthand|signal: max sigframe|Transient",
    ),
    (
        "network",
        "NET:|IP |IPv|TCP|tcp|UDP|MPTCP|Segment Routing|In-situ OAM|mip6|NetLabel|Table-perturb|virtio_net|eth0",
    ),
    (
        "security",
        "LSM|landlock|Yama|AppArmor|TOMOYO|SELinux|integrity|ima:|evm:|Key type|Asymmetric key|Loading compiled-in X.509\
        |Loaded X.509|Initialise system trusted|alg:|audit|random:|Kernel is locked down",
    ),
    (
        "devices",
        "PCI|pci|iommu|DMAR|virtio|nvme|scsi|ata|ahci|Serial:|00:|i8042|serio|input:|rtc|hpet|vgaarb|usb|pps_core|PTP clock\
        |devtmpfs|Block layer|io scheduler|ledtrig|thermal_sys|cpuidle|loop:|Console:|tpm|platform |shpchp",
    ),
    (
        "kernel",
        "Linux version|Command line|Kernel command line|Unknown kernel command line|rcu|ftrace|Dynamic Preempt|clocksource\
        |sched_clock|hrtimer|sched: |pid_max|futex|kprobes|cblist_init|cgroup|printk|registered taskstats|Kernel panic|Call Trace\
        |reboot:|Kernel Offset|Hardware name|---[",
    ),
];

/// Lines that say most of their subject, the best first.
const TELLING: &[(&str, &str)] = &[
    ("init", "Failed to execute /|Run /"),
    ("filesystems", "EXT4-fs|VFS: Mounted|VFS: Cannot|Trying to unpack rootfs"),
    ("memory", "Out of memory|Memory:"),
    ("firmware", "DMI:|SMBIOS"),
    ("CPU", "smpboot: CPU0:|smp: Brought up"),
    ("network", "virtio_net|NET: Registered PF_INET protocol"),
    ("security", "LSM:|AppArmor: AppArmor initialized"),
    ("devices", "virtio_blk virtio|PCI host bridge"),
    ("kernel", "Kernel panic|Linux version"),
];

/// What a message is about. One that goes on with what the one before began is about the same.
pub fn of(text: &str, before: &'static str) -> &'static str {
    if text.starts_with(' ') {
        return before;
    }
    let fits = |(_, beginnings): &&(&str, &str)| beginnings.split('|').any(|beginning| text.starts_with(beginning));
    BEGINNINGS.iter().find(fits).map_or(OTHER, |(subject, _)| subject)
}

/// How much a message tells of its subject. The first of equals is taken, but of disks the one with the size.
pub fn weight(subject: &str, text: &str) -> usize {
    let telling = TELLING.iter().find(|(name, _)| *name == subject).map_or("", |(_, telling)| telling);
    let at = telling.split('|').position(|beginning| text.starts_with(beginning)).filter(|_| !telling.is_empty());
    let names_a_disk = usize::from(text.contains("logical blocks"));
    at.map_or(0, |at| telling.len() - at + names_a_disk)
}
