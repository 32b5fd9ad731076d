//! A counter that a process and its children share, for the numbers of trace events.

use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};
use std::num::NonZeroUsize;
use std::sync::atomic::AtomicU64;

/// A counter in memory that stays shared after a clone without CLONE_VM. It lives as long as the process.
///
/// Errors: those of mmap(2); the counter is then private, and numbers of two processes may repeat.
pub fn shared_counter() -> &'static AtomicU64 {
    let size = NonZeroUsize::MIN.saturating_add(4095);
    // SAFETY: a new anonymous mapping, at an address of the kernel's choice, aliases nothing of ours.
    let page =
        unsafe { mmap_anonymous(None, size, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_SHARED) };
    match page {
        // SAFETY: the page is zeroed, aligned for a u64, never unmapped, and only ever used as this atomic.
        Ok(page) => unsafe { page.cast::<AtomicU64>().as_ref() },
        Err(_) => Box::leak(Box::new(AtomicU64::new(0))),
    }
}
