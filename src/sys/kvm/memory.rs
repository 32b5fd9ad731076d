//! Memory of this process that is to be a guest's.

use crate::sys::{Result, Returned, traced};
use crate::trace::Call;
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use std::ffi::c_void;
use std::num::NonZeroUsize;
use std::ptr::NonNull;

/// A mapping of its own, filled with zeros, and the address at which the guest is to find it.
pub struct Memory {
    start: NonNull<c_void>,
    /// Its size in bytes.
    pub size: usize,
    /// Where it begins for the guest.
    pub guest_address: u64,
}

impl Returned for Memory {
    fn number(&self) -> i64 {
        self.address() as i64
    }
}

impl Memory {
    /// mmap(2) of `size` bytes.
    pub fn map(size: NonZeroUsize, guest_address: u64) -> Result<Memory> {
        let (prot, flags) =
            (ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_PRIVATE | MapFlags::MAP_ANONYMOUS);
        traced(
            || {
                let call = Call::new("mmap").arg("addr", 0).arg("length", size.get());
                let call = call.arg("prot", "PROT_READ|PROT_WRITE").arg("flags", "MAP_PRIVATE|MAP_ANONYMOUS");
                call.arg("fd", -1).arg("offset", 0)
            },
            // SAFETY: a new mapping at a place of the kernel's choice touches no memory that is in use.
            || {
                unsafe { mmap_anonymous(None, size, prot, flags) }.map(|start| Memory {
                    start,
                    size: size.get(),
                    guest_address,
                })
            },
        )
    }

    /// Where it begins for this process.
    pub fn address(&self) -> usize {
        self.start.as_ptr() as usize
    }

    /// Copies `bytes` to its beginning, as many as fit.
    pub fn write(&mut self, bytes: &[u8]) {
        let length = bytes.len().min(self.size);
        // SAFETY: the mapping is ours alone and at least this long; no processor runs in it, because one would borrow it.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.start.as_ptr().cast(), length) }
    }

    /// munmap(2).
    pub fn unmap(self) -> Result<()> {
        let memory = std::mem::ManuallyDrop::new(self);
        traced(
            || Call::new("munmap").arg("addr", memory.address()).arg("length", memory.size),
            // SAFETY: mapped by `map` with this size, and never used again: its owner was given away.
            || unsafe { munmap(memory.start, memory.size) },
        )
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: mapped by `map` with this size, and never used again.
        let _mapped = unsafe { munmap(self.start, self.size) };
    }
}
