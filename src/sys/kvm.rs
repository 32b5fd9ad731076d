//! A virtual machine, as small as one can be: kvm(4) by its ioctls, one page of memory, one processor, a dozen bytes of
//! program.
//!
//! That /dev/kvm is there and answers says little: inside another virtual machine it may answer and then run nothing.
//! So something is run.

use super::{Error, Result};
use crate::trace::Call;
use kvm_bindings::kvm_userspace_memory_region;
use kvm_ioctls::{Kvm, VcpuExit, VmFd};
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use std::num::NonZeroUsize;

/// The only version of the interface since Linux 2.6.22; every other is to be refused, says the kernel's documentation.
pub const API_VERSION: i32 = 12;
/// Where the guest's page lies in its memory.
#[cfg(target_arch = "x86_64")]
const GUEST_ADDRESS: u64 = 0x1000;
const PAGE: usize = 4096;

/// Adds up the numbers from 10 down to 1, writes the sum to port 0x10, and stops: xor ax,ax; mov cx,10; add ax,cx; loop;
/// out 0x10,al; hlt.
#[cfg(target_arch = "x86_64")]
const PROGRAM: [u8; 12] = [0x31, 0xc0, 0xb9, 10, 0, 0x01, 0xc8, 0xe2, 0xfc, 0xe6, 0x10, 0xf4];
/// What comes out of it when each instruction did what it should.
#[cfg(target_arch = "x86_64")]
const SUM: u8 = 55;

/// What a guest did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ran {
    /// It ran its instructions to the end, and the sum was right.
    ToTheEnd,
    /// rlab has no program for this machine's processor: the VM was made, and ran nothing.
    #[cfg_attr(target_arch = "x86_64", expect(dead_code, reason = "this processor has a program"))]
    NoProgram,
    /// It stopped elsewhere, or its sum was wrong.
    Elsewhere,
}

/// Opens /dev/kvm, makes a virtual machine with one page, and runs a few instructions in it.
///
/// Nothing is left of it when the descriptors are closed. It has no time limit: see [`super::attempt`].
pub fn run_small_guest() -> Result<Ran> {
    let kvm = Kvm::new().map_err(|errno| {
        Error::new(Call::new("openat").path("pathname", "/dev/kvm").arg("flags", "O_RDWR|O_CLOEXEC"), errno.errno())
    })?;
    if kvm.get_api_version() != API_VERSION {
        return Err(Error::new(request("KVM_GET_API_VERSION"), nix::errno::Errno::EPROTONOSUPPORT as i32));
    }
    let vm = kvm.create_vm().map_err(refused("KVM_CREATE_VM"))?;
    run_in(&vm)
}

#[cfg(target_arch = "x86_64")]
fn run_in(vm: &VmFd) -> Result<Ran> {
    let page = page()?;
    let region = kvm_userspace_memory_region {
        slot: 0,
        flags: 0,
        guest_phys_addr: GUEST_ADDRESS,
        memory_size: PAGE as u64,
        userspace_addr: page.as_ptr() as u64,
    };
    // SAFETY: the page is mapped, ours alone, as large as the program and more, and unmapped only when the vCPU has
    // stopped; the region tells its true address and size.
    let set = unsafe {
        std::ptr::copy_nonoverlapping(PROGRAM.as_ptr(), page.as_ptr().cast::<u8>(), PROGRAM.len());
        vm.set_user_memory_region(region)
    };
    let ran = set.map_err(refused("KVM_SET_USER_MEMORY_REGION")).and_then(|()| run_vcpu(vm));
    // SAFETY: mapped above with this size; nothing runs in it any more.
    let _mapped = unsafe { munmap(page, PAGE) };
    ran
}

#[cfg(not(target_arch = "x86_64"))]
fn run_in(_vm: &VmFd) -> Result<Ran> {
    Ok(Ran::NoProgram)
}

#[cfg(target_arch = "x86_64")]
fn page() -> Result<std::ptr::NonNull<std::ffi::c_void>> {
    let length = NonZeroUsize::new(PAGE).unwrap_or(NonZeroUsize::MIN);
    let (prot, flags) = (ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_PRIVATE | MapFlags::MAP_ANONYMOUS);
    // SAFETY: a new mapping at a place of the kernel's choice touches no memory that is in use.
    unsafe { mmap_anonymous(None, length, prot, flags) }.map_err(|errno| Error::new(Call::new("mmap"), errno as i32))
}

#[cfg(target_arch = "x86_64")]
fn run_vcpu(vm: &VmFd) -> Result<Ran> {
    let mut vcpu = vm.create_vcpu(0).map_err(refused("KVM_CREATE_VCPU"))?;
    // A processor starts in real mode at the top of memory; only where its code begins is changed.
    let mut segments = vcpu.get_sregs().map_err(refused("KVM_GET_SREGS"))?;
    (segments.cs.base, segments.cs.selector) = (0, 0);
    vcpu.set_sregs(&segments).map_err(refused("KVM_SET_SREGS"))?;
    let mut registers = vcpu.get_regs().map_err(refused("KVM_GET_REGS"))?;
    // Bit 1 of the flags is always set; with it clear the entry is refused.
    (registers.rip, registers.rflags) = (GUEST_ADDRESS, 2);
    vcpu.set_regs(&registers).map_err(refused("KVM_SET_REGS"))?;
    let mut sum = None;
    loop {
        match vcpu.run().map_err(refused("KVM_RUN"))? {
            VcpuExit::IoOut(_, bytes) => sum = bytes.first().copied(),
            VcpuExit::Hlt if sum == Some(SUM) => return Ok(Ran::ToTheEnd),
            _ => return Ok(Ran::Elsewhere),
        }
    }
}

fn request(name: &'static str) -> Call {
    Call::new("ioctl").path("fd", "/dev/kvm").arg("op", name)
}

fn refused(name: &'static str) -> impl Fn(kvm_ioctls::Error) -> Error {
    move |error| Error::new(request(name), error.errno())
}
