//! The stages of a container's life, in the order in which a student meets them.

/// One stage: one lesson. Its texts are data, see `texts/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// A name becomes a manifest.
    Resolve,
    /// The manifest's parts are fetched.
    Pull,
    /// What came is what was promised.
    Verify,
    /// Archives become directories.
    Unpack,
    /// Directories are stacked into one tree.
    Snapshot,
    /// A network of its own.
    Network,
    /// Image and flags become a runtime's config.json.
    Bundle,
    /// Limits are set before anyone can exceed them.
    Cgroup,
    /// The process is made, in new namespaces.
    Namespaces,
    /// Numbers of users inside are tied to numbers outside.
    IdMappings,
    /// The tree gets its mounts.
    Mounts,
    /// The few devices a program needs.
    Devices,
    /// A new `/`, and no path back to the old one.
    PivotRoot,
    /// A new `/` the old way, which leaves a way back.
    Chroot,
    /// Files of the kernel are covered or made read-only.
    MaskedPaths,
    /// Its own host name.
    Hostname,
    /// Kernel settings that belong to its namespaces.
    Sysctl,
    /// Limits that belong to the process itself.
    Rlimits,
    /// Who the program runs as.
    User,
    /// Which parts of root's power are left.
    Capabilities,
    /// Which system calls are left.
    Seccomp,
    /// The process becomes the program.
    Exec,
    /// The program runs; someone has to wait for it.
    Wait,
    /// The program is asked to end.
    Stop,
    /// All that was made is taken away again.
    Teardown,
    /// A kernel for the machine is found.
    Kernel,
    /// The image's layers become a disk.
    Disk,
    /// The machine is described and its process started.
    Machine,
    /// The machine's firmware runs and starts the kernel.
    Firmware,
    /// The guest's kernel starts.
    Boot,
    /// The guest's first process makes a system of it.
    GuestInit,
    /// A process of the guest becomes the program.
    GuestExec,
    /// The program answers at its published port.
    FirstAnswer,
    /// The machine runs until the program ends.
    GuestWait,
    /// The machine is switched off and all that was made for it taken away.
    PowerOff,
    /// The kernel's hypervisor is opened.
    Kvm,
    /// A machine is made, still without any part.
    CreateVm,
    /// Memory of a process becomes a machine's.
    GuestMemory,
    /// A program is written into it.
    GuestCode,
    /// It gets a processor.
    CreateVcpu,
    /// The processor is pointed at the program.
    Registers,
    /// The guest runs, and its exits are handled.
    VcpuRun,
    /// The machine's descriptors are closed.
    Release,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Stage; 43] = [
        Stage::Resolve,
        Stage::Pull,
        Stage::Verify,
        Stage::Unpack,
        Stage::Snapshot,
        Stage::Network,
        Stage::Bundle,
        Stage::Cgroup,
        Stage::Namespaces,
        Stage::IdMappings,
        Stage::Mounts,
        Stage::Devices,
        Stage::PivotRoot,
        Stage::Chroot,
        Stage::MaskedPaths,
        Stage::Hostname,
        Stage::Sysctl,
        Stage::Rlimits,
        Stage::User,
        Stage::Capabilities,
        Stage::Seccomp,
        Stage::Exec,
        Stage::Wait,
        Stage::Stop,
        Stage::Teardown,
        Stage::Kernel,
        Stage::Disk,
        Stage::Machine,
        Stage::Firmware,
        Stage::Boot,
        Stage::GuestInit,
        Stage::GuestExec,
        Stage::FirstAnswer,
        Stage::GuestWait,
        Stage::PowerOff,
        Stage::Kvm,
        Stage::CreateVm,
        Stage::GuestMemory,
        Stage::GuestCode,
        Stage::CreateVcpu,
        Stage::Registers,
        Stage::VcpuRun,
        Stage::Release,
    ];

    /// The stage's id in the trace and in the texts.
    pub const fn id(self) -> &'static str {
        match self {
            Stage::Resolve => "resolve",
            Stage::Pull => "pull",
            Stage::Verify => "verify",
            Stage::Unpack => "unpack",
            Stage::Snapshot => "snapshot",
            Stage::Network => "network",
            Stage::Bundle => "bundle",
            Stage::Cgroup => "cgroup",
            Stage::Namespaces => "namespaces",
            Stage::IdMappings => "id_mappings",
            Stage::Mounts => "mounts",
            Stage::Devices => "devices",
            Stage::PivotRoot => "pivot_root",
            Stage::Chroot => "chroot",
            Stage::MaskedPaths => "masked_paths",
            Stage::Hostname => "hostname",
            Stage::Sysctl => "sysctl",
            Stage::Rlimits => "rlimits",
            Stage::User => "user",
            Stage::Capabilities => "capabilities",
            Stage::Seccomp => "seccomp",
            Stage::Exec => "exec",
            Stage::Wait => "wait",
            Stage::Stop => "stop",
            Stage::Teardown => "teardown",
            Stage::Kernel => "kernel",
            Stage::Disk => "disk",
            Stage::Machine => "machine",
            Stage::Firmware => "firmware",
            Stage::Boot => "boot",
            Stage::GuestInit => "guest_init",
            Stage::GuestExec => "guest_exec",
            Stage::FirstAnswer => "first_answer",
            Stage::GuestWait => "guest_wait",
            Stage::PowerOff => "power_off",
            Stage::Kvm => "kvm",
            Stage::CreateVm => "create_vm",
            Stage::GuestMemory => "guest_memory",
            Stage::GuestCode => "guest_code",
            Stage::CreateVcpu => "create_vcpu",
            Stage::Registers => "registers",
            Stage::VcpuRun => "vcpu_run",
            Stage::Release => "release",
        }
    }

    /// The stage of an id.
    pub fn of(id: &str) -> Option<Stage> {
        Stage::ALL.into_iter().find(|stage| stage.id() == id)
    }

    /// The calls that the stage is about, as opposed to those that prepare them: by name, or for ioctl(2), which stands
    /// for many, by the operation.
    pub const fn own_calls(self) -> &'static [&'static str] {
        match self {
            Stage::Snapshot | Stage::Mounts | Stage::MaskedPaths => &["mount"],
            Stage::Network => &["unshare", "sendto"],
            Stage::Cgroup => &["mkdir", "write"],
            Stage::Namespaces => &["clone3", "unshare", "setns"],
            Stage::IdMappings => &["write"],
            Stage::Devices => &["mknodat", "setsid", "ioctl"],
            Stage::PivotRoot => &["pivot_root", "umount2"],
            Stage::Chroot => &["chroot"],
            Stage::User => &["setgroups", "setresgid", "setresuid"],
            Stage::Capabilities => &["prctl", "capset"],
            Stage::Exec => &["execve"],
            Stage::Wait => &["wait4"],
            Stage::Stop => &["pidfd_send_signal"],
            Stage::Teardown => &["umount2", "rmdir", "sendto"],
            Stage::Disk => &["mount", "execve"],
            Stage::Machine => &["execve"],
            Stage::GuestInit => &["finit_module", "ext4", "overlay", "sethostname", "RTM_NEWADDR"],
            Stage::GuestExec => &["execve"],
            Stage::GuestWait => &["wait4"],
            Stage::PowerOff => &["reboot"],
            Stage::Kvm => &["openat", "KVM_GET_API_VERSION"],
            Stage::CreateVm => &["KVM_CREATE_VM"],
            Stage::GuestMemory => &["mmap", "KVM_SET_USER_MEMORY_REGION"],
            Stage::CreateVcpu => &["KVM_CREATE_VCPU", "mmap"],
            Stage::Registers => &["KVM_SET_SREGS", "KVM_SET_REGS"],
            Stage::VcpuRun => &["KVM_RUN"],
            Stage::Release => &["close", "munmap"],
            _ => &[],
        }
    }
}
