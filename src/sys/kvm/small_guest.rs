//! That /dev/kvm is there and answers says little: inside another virtual machine it may answer and then run nothing. So
//! something is run.

use super::{API_VERSION, Exit, Kvm, Memory, Ran};
use crate::sys::{Error, Result};
use nix::errno::Errno;
use std::num::NonZeroUsize;

const GUEST_ADDRESS: u64 = 0x1000;
const PAGE: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4095);
/// Adds up the numbers from 10 down to 1, writes the sum to port 0x10, and stops: xor ax,ax; mov cx,10; add ax,cx; loop;
/// out 0x10,al; hlt.
const PROGRAM: [u8; 12] = [0x31, 0xc0, 0xb9, 10, 0, 0x01, 0xc8, 0xe2, 0xfc, 0xe6, 0x10, 0xf4];
/// What comes out of it when each instruction did what it should.
const SUM: u8 = 55;

/// Makes the smallest machine there is and lets it do a sum. What happens in there, `rlab vm hello --explain` tells.
///
/// Nothing is left of it when the descriptors are closed. It has no time limit: see [`crate::sys::attempt`].
pub fn run_small_guest() -> Result<Ran> {
    let kvm = Kvm::open()?;
    if kvm.api_version()? != API_VERSION {
        return Err(Error::new(super::ioctl(super::DEVICE, "KVM_GET_API_VERSION", 0), Errno::EPROTONOSUPPORT as i32));
    }
    let mut memory = Memory::map(PAGE, GUEST_ADDRESS)?;
    memory.write(&PROGRAM);
    let machine = kvm.create_vm()?.set_user_memory_region(memory)?;
    let mut vcpu = machine.create_vcpu()?;
    let mut segments = vcpu.get_sregs()?;
    (segments.cs.base, segments.cs.selector) = (0, 0);
    vcpu.set_sregs(&segments)?;
    let mut registers = vcpu.get_regs()?;
    registers.rip = GUEST_ADDRESS;
    vcpu.set_regs(&registers)?;
    let mut sum = None;
    loop {
        match vcpu.run()? {
            Exit::Out { bytes, .. } => sum = bytes.first().copied(),
            Exit::Halt if sum == Some(SUM) => return Ok(Ran::ToTheEnd),
            _ => return Ok(Ran::Elsewhere),
        }
    }
}
