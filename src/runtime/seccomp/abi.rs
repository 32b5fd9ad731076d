//! The ways into one kernel: a process can enter through an older ABI whose syscalls have other numbers.
//!
//! An x86_64 process may execute `int 0x80` and speak i386 at any moment, or set bit 30 of the number and speak x32.
//! A filter that looks at the number alone would judge i386's 40 (`rmdir`) as x86_64's 40 (`sendfile`). So the
//! program asks for the architecture before anything else.

use oci_spec::runtime::Arch;

/// Bit 30 of the number: the kernel reports x32 under x86_64's architecture and tells them apart by this bit alone.
pub(super) const X32_SYSCALL_BIT: u32 = 0x4000_0000;

/// A syscall table and calling convention that this build knows the numbers of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Abi {
    /// 64-bit x86.
    X86_64,
    /// 32-bit pointers on 64-bit registers.
    X32,
    /// 32-bit x86, by `int 0x80` or `sysenter`.
    I386,
    /// 64-bit ARM.
    Aarch64,
}

impl Abi {
    /// What this build runs on.
    pub(super) fn native() -> Self {
        if cfg!(target_arch = "aarch64") { Self::Aarch64 } else { Self::X86_64 }
    }

    /// The ABI an OCI architecture names, if a process on `native` can ever use it. The others are left out: their
    /// code could never run.
    pub(super) fn reachable(arch: Arch, native: Self) -> Option<Self> {
        match (native, arch) {
            (_, Arch::ScmpArchNative) => Some(native),
            (Self::Aarch64, Arch::ScmpArchAarch64) => Some(Self::Aarch64),
            (Self::X86_64, Arch::ScmpArchX86_64) => Some(Self::X86_64),
            (Self::X86_64, Arch::ScmpArchX32) => Some(Self::X32),
            (Self::X86_64, Arch::ScmpArchX86) => Some(Self::I386),
            _ => None,
        }
    }

    /// `AUDIT_ARCH_*`, the value of `seccomp_data.arch`.
    pub(super) fn audit_arch(self) -> u32 {
        match self {
            Self::X86_64 | Self::X32 => 0xc000_003e,
            Self::I386 => 0x4000_0003,
            Self::Aarch64 => 0xc000_00b7,
        }
    }

    /// The ABI whose section of the program starts with this architecture.
    pub(super) fn of_audit_arch(audit_arch: u32) -> Option<Self> {
        [Self::X86_64, Self::I386, Self::Aarch64].into_iter().find(|abi| abi.audit_arch() == audit_arch)
    }

    /// What is added to a number of the table to get `seccomp_data.nr`.
    pub(super) fn number_base(self) -> u32 {
        if self == Self::X32 { X32_SYSCALL_BIT } else { 0 }
    }

    /// Whether an argument has a high half worth comparing.
    pub(super) fn has_64_bit_arguments(self) -> bool {
        matches!(self, Self::X86_64 | Self::Aarch64)
    }

    /// The name in the trace and in the disassembly.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::X32 => "x32",
            Self::I386 => "i386",
            Self::Aarch64 => "aarch64",
        }
    }

    /// Go's name for the architecture, which Docker's profiles use in `includes.arches`.
    pub(super) fn go_arch(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::X32 => "x32",
            Self::I386 => "x86",
            Self::Aarch64 => "arm64",
        }
    }

    /// The OCI name, to find the entry of Docker's `archMap`.
    pub(super) fn oci_arch(self) -> Arch {
        match self {
            Self::X86_64 => Arch::ScmpArchX86_64,
            Self::X32 => Arch::ScmpArchX32,
            Self::I386 => Arch::ScmpArchX86,
            Self::Aarch64 => Arch::ScmpArchAarch64,
        }
    }
}
