//! Virtual machines by KVM: /dev/kvm, a machine, its memory and its processor, an ioctl each.
//!
//! The calls are made by kvm-ioctls. It makes a few of its own beside those it is asked for (the size of the page that a
//! processor shares with its process, the mapping of that page): they are told here as well, because they happen.

mod exit;
mod memory;
#[cfg(target_arch = "x86_64")]
mod small_guest;
#[cfg(target_arch = "x86_64")]
mod spell;
mod time_limit;
#[cfg(target_arch = "x86_64")]
mod vcpu;

pub use exit::Exit;
#[cfg(target_arch = "x86_64")]
pub use kvm_bindings::kvm_regs;
pub use memory::Memory;
#[cfg(target_arch = "x86_64")]
pub use small_guest::run_small_guest;
pub use time_limit::TimeLimit;
#[cfg(target_arch = "x86_64")]
pub use vcpu::Vcpu;

use super::{Result, Returned, traced};
use crate::trace::{self, Call};
use kvm_bindings::kvm_userspace_memory_region;
use kvm_ioctls::VmFd;
use nix::errno::Errno;
use serde_json::{Value, json};
use std::os::fd::AsRawFd;
use std::time::Duration;

/// The only version of the interface since Linux 2.6.22; every other is to be refused, says the kernel's documentation.
pub const API_VERSION: i32 = 12;

const DEVICE: &str = "/dev/kvm";
/// What /proc/PID/fd says that the descriptor of a machine leads to.
const MACHINE: &str = "kvm-vm";

/// What a guest did that was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ran {
    /// It ran its instructions to the end, and the sum was right.
    ToTheEnd,
    /// rlab has no program for this machine's processor: nothing was run.
    #[cfg_attr(target_arch = "x86_64", expect(dead_code, reason = "this processor has a program"))]
    NoProgram,
    /// It stopped elsewhere, or its sum was wrong.
    Elsewhere,
}

/// Tells that nothing was tried.
#[cfg(not(target_arch = "x86_64"))]
pub fn run_small_guest() -> Result<Ran> {
    Ok(Ran::NoProgram)
}

/// The kernel's hypervisor, opened.
pub struct Kvm {
    fd: kvm_ioctls::Kvm,
}

/// A machine without memory.
pub struct Vm {
    fd: VmFd,
}

/// A machine with its memory. In this order: the memory goes when no machine can write to it any more.
pub struct Machine {
    fd: VmFd,
    /// What the guest finds at its addresses.
    pub memory: Memory,
}

impl Returned for Kvm {
    fn number(&self) -> i64 {
        i64::from(self.fd.as_raw_fd())
    }
}

impl Returned for Vm {
    fn number(&self) -> i64 {
        i64::from(self.fd.as_raw_fd())
    }
}

impl Kvm {
    /// open(2) of /dev/kvm.
    pub fn open() -> Result<Kvm> {
        let flags = "O_RDWR|O_CLOEXEC";
        traced(
            || Call::new("openat").arg("dirfd", "AT_FDCWD").path("pathname", DEVICE).arg("flags", flags),
            || kvm_ioctls::Kvm::new().map(|fd| Kvm { fd }).map_err(errno),
        )
    }

    /// KVM_GET_API_VERSION. A file that only has the name of KVM refuses it.
    pub fn api_version(&self) -> Result<i32> {
        traced(|| ioctl(DEVICE, "KVM_GET_API_VERSION", 0), || Errno::result(self.fd.get_api_version()))
    }

    /// KVM_CHECK_EXTENSION of KVM_CAP_SYNC_REGS: which registers can be had at an exit without a call for each; 0 for none.
    pub fn synced_registers(&self) -> Result<i32> {
        traced(
            || ioctl(DEVICE, "KVM_CHECK_EXTENSION", "KVM_CAP_SYNC_REGS"),
            || Errno::result(self.fd.check_extension_int(kvm_ioctls::Cap::SyncRegs)),
        )
    }

    /// KVM_CREATE_VM.
    pub fn create_vm(&self) -> Result<Vm> {
        let vm =
            traced(|| ioctl(DEVICE, "KVM_CREATE_VM", 0), || self.fd.create_vm().map(|fd| Vm { fd }).map_err(errno))?;
        also(|| ioctl(DEVICE, "KVM_GET_VCPU_MMAP_SIZE", 0), vm.fd.run_size().number());
        Ok(vm)
    }

    /// close(2).
    pub fn close(self) -> Result<()> {
        close(DEVICE, self.fd)
    }
}

impl Vm {
    /// KVM_SET_USER_MEMORY_REGION: from now on the guest finds this memory at its address.
    pub fn set_user_memory_region(self, memory: Memory) -> Result<Machine> {
        let region = kvm_userspace_memory_region {
            slot: 0,
            flags: 0,
            guest_phys_addr: memory.guest_address,
            memory_size: memory.size as u64,
            userspace_addr: memory.address() as u64,
        };
        let told = || {
            json!({
                "slot": region.slot, "flags": region.flags, "guest_phys_addr": region.guest_phys_addr,
                "memory_size": region.memory_size, "userspace_addr": region.userspace_addr,
            })
        };
        traced(
            || ioctl(MACHINE, "KVM_SET_USER_MEMORY_REGION", told()),
            // SAFETY: the region is a mapping of ours with this address and size, used for nothing else, and it is
            // unmapped only when the machine is closed: `Machine` holds both, and a processor borrows it.
            || unsafe { self.fd.set_user_memory_region(region) }.map_err(errno),
        )?;
        Ok(Machine { fd: self.fd, memory })
    }
}

impl Machine {
    /// close(2) of the machine, and munmap(2) of its memory.
    pub fn close(self) -> Result<()> {
        let Machine { fd, memory } = self;
        close(MACHINE, fd)?;
        memory.unmap()
    }
}

fn ioctl(fd: &str, op: &'static str, arg: impl Into<Value>) -> Call {
    Call::new("ioctl").arg("fd", fd).arg("op", op).arg("arg", arg)
}

fn close(what: &str, fd: impl Sized) -> Result<()> {
    let closed = || {
        drop(fd);
        Ok(())
    };
    traced(|| Call::new("close").arg("fd", what), closed)
}

/// Tells of a call that kvm-ioctls made by itself, and that did what it should.
fn also(describe: impl FnOnce() -> Call, ret: i64) {
    if trace::enabled() {
        trace::call(describe(), Ok(ret), Duration::ZERO);
    }
}

fn errno(error: kvm_ioctls::Error) -> Errno {
    Errno::from_raw(error.errno())
}
