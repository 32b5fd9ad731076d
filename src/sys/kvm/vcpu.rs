//! A virtual processor: its registers, and the call in which it runs.

use super::spell::{registers, segments};
use super::{Exit, Machine, also, errno, ioctl};
use crate::sys::{Result, Returned, traced};
use crate::trace::Call;
use kvm_bindings::{kvm_regs, kvm_sregs};
use kvm_ioctls::{SyncReg, VcpuExit, VcpuFd};
use serde_json::Value;
use std::cell::Cell;
use std::os::fd::AsRawFd;

/// What /proc/PID/fd says that the descriptor of the first processor leads to.
const PROCESSOR: &str = "kvm-vcpu:0";

/// A processor, with the machine whose memory it runs in and which therefore can't go before it.
pub struct Vcpu {
    fd: VcpuFd,
    shared_bytes: usize,
    machine: Machine,
}

impl Returned for Vcpu {
    fn number(&self) -> i64 {
        i64::from(self.fd.as_raw_fd())
    }
}

impl Machine {
    /// KVM_CREATE_VCPU: the machine's processor.
    pub fn create_vcpu(self) -> Result<Vcpu> {
        let shared_bytes = self.fd.run_size();
        let made = |machine: Machine| {
            let fd = machine.fd.create_vcpu(0).map_err(errno)?;
            Ok(Vcpu { fd, shared_bytes, machine })
        };
        let mut vcpu = traced(|| ioctl(super::MACHINE, "KVM_CREATE_VCPU", 0), || made(self))?;
        let address = vcpu.shared_address();
        let call = || {
            let call = Call::new("mmap").arg("addr", 0).arg("length", shared_bytes);
            let call = call.arg("prot", "PROT_READ|PROT_WRITE").arg("flags", "MAP_SHARED");
            call.arg("fd", PROCESSOR).arg("offset", 0)
        };
        also(call, address as i64);
        Ok(vcpu)
    }
}

impl Vcpu {
    /// KVM_GET_REGS: the general registers.
    pub fn get_regs(&self) -> Result<kvm_regs> {
        read("KVM_GET_REGS", registers, || self.fd.get_regs())
    }

    /// KVM_GET_SREGS: segments and control registers.
    pub fn get_sregs(&self) -> Result<kvm_sregs> {
        read("KVM_GET_SREGS", segments, || self.fd.get_sregs())
    }

    /// KVM_SET_REGS.
    pub fn set_regs(&self, regs: &kvm_regs) -> Result<()> {
        traced(|| ioctl(PROCESSOR, "KVM_SET_REGS", registers(regs)), || self.fd.set_regs(regs).map_err(errno))
    }

    /// KVM_SET_SREGS.
    pub fn set_sregs(&self, sregs: &kvm_sregs) -> Result<()> {
        traced(|| ioctl(PROCESSOR, "KVM_SET_SREGS", segments(sregs)), || self.fd.set_sregs(sregs).map_err(errno))
    }

    /// Has the kernel lay the general registers into the shared page at each exit, where `synced_regs` finds them.
    pub fn sync_regs_at_exits(&mut self) {
        self.fd.set_sync_valid_reg(SyncReg::Register);
    }

    /// The general registers at the last exit, if they were asked for.
    pub fn synced_regs(&self) -> kvm_regs {
        self.fd.sync_regs().regs
    }

    /// KVM_RUN: the guest's code, until it does something that is not its own affair.
    ///
    /// Errors: EINTR when a signal came; the guest can go on where it was.
    pub fn run(&mut self) -> Result<Exit> {
        let exit = |exit: VcpuExit<'_>| match exit {
            VcpuExit::IoOut(port, bytes) => Exit::Out { port, bytes: bytes.to_vec() },
            VcpuExit::Hlt => Exit::Halt,
            other => Exit::Other(format!("{other:?}")),
        };
        traced(|| ioctl(PROCESSOR, "KVM_RUN", 0), || self.fd.run().map(exit).map_err(errno))
    }

    /// close(2) of the processor, and munmap(2) of the pages that it shared. Gives back the machine.
    pub fn close(mut self) -> Result<Machine> {
        let (address, length) = (self.shared_address(), self.shared_bytes);
        super::close(PROCESSOR, self.fd)?;
        also(|| Call::new("munmap").arg("addr", address).arg("length", length), 0);
        Ok(self.machine)
    }

    fn shared_address(&mut self) -> usize {
        std::ptr::from_mut(self.fd.get_kvm_run()) as usize
    }
}

struct Read<T>(T);

impl<T> Returned for Read<T> {
    fn number(&self) -> i64 {
        0
    }
}

/// A call that fills a structure, told with what it was filled with.
fn read<T: Copy>(
    op: &'static str,
    spell: fn(&T) -> Value,
    perform: impl FnOnce() -> std::result::Result<T, kvm_ioctls::Error>,
) -> Result<T> {
    let filled = Cell::new(None);
    let fill = || {
        let value = perform().map_err(errno)?;
        filled.set(Some(value));
        Ok(Read(value))
    };
    let told = || filled.get().as_ref().map_or(Value::Null, spell);
    traced(|| ioctl(PROCESSOR, op, told()), fill).map(|read| read.0)
}
