//! The machine, from nothing to hello and back, a function a stage.
//!
//! A container is a process from which views of this kernel are taken away. A machine is made the other way round: it
//! begins with nothing, and what it shall have is given to it. What is told along the way is what the kernel was asked
//! for; what changed is read back from it.

use super::Error;
use super::program::{ADDRESS, PORT, PROGRAM, TEXT, bytes};
use crate::sys::Errno;
use crate::sys::kvm::{API_VERSION, Exit, Kvm, Machine, Memory, TimeLimit, Vcpu, Vm, kvm_regs};
use crate::trace::{self, Stage};
use serde_json::{Value, json};
use std::num::NonZeroUsize;
use std::time::Duration;

/// The smallest piece of memory that a processor can translate addresses for.
const PAGE: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4095);

/// A guest is under no duty ever to exit. Without a limit, `jmp $` in it would be an rlab that never ends.
pub const LIMIT: Duration = Duration::from_secs(5);

/// From /dev/kvm to the last letter. Whatever fails, the descriptors are closed on the way out, and with them all is gone.
pub fn hello(say: &mut dyn FnMut(&[u8])) -> Result<(), Error> {
    let kvm = trace::stage(Stage::Kvm, open)?;
    let vm = trace::stage(Stage::CreateVm, || Ok::<_, Error>(kvm.create_vm()?))?;
    let mut machine = trace::stage(Stage::GuestMemory, || give_memory(vm))?;
    trace::stage(Stage::GuestCode, || write_program(&mut machine))?;
    let mut vcpu = trace::stage(Stage::CreateVcpu, || Ok::<_, Error>(machine.create_vcpu()?))?;
    let start = trace::stage(Stage::Registers, || point_at_program(&vcpu))?;
    trace::stage(Stage::VcpuRun, || run(&kvm, &mut vcpu, start, say))?;
    trace::stage(Stage::Release, || {
        // From the inside out. The kernel would do the same by itself when this process ends, however it ends: that is
        // all the clearing up a machine needs, where a container has mounts and links of the kernel's to take away.
        vcpu.close()?.close()?;
        Ok::<_, Error>(kvm.close()?)
    })
}

/// The interface has had one version since 2007. Asking is still the first thing to do: a file may have the name of KVM
/// and lead elsewhere, and then this call is refused (ENOTTY) before anything else is believed.
fn open() -> Result<Kvm, Error> {
    let kvm = Kvm::open()?;
    match kvm.api_version()? {
        API_VERSION => Ok(kvm),
        other => Err(Error::Version(other)),
    }
}

/// The machine's memory is memory of this process. The guest's physical addresses are turned into ours by a second set
/// of page tables (EPT on Intel's processors, NPT on AMD's), below the one that the guest could make for itself: whatever
/// it does, it gets no further than this page. It gets no page at 0 and none above: there it would find nothing, and exit.
fn give_memory(vm: Vm) -> Result<Machine, Error> {
    let memory = Memory::map(PAGE, ADDRESS)?;
    // The slot is a name under which the region could be changed or taken away again; this machine has one.
    Ok(vm.set_user_memory_region(memory)?)
}

/// No call is needed: who made the memory writes to it as to any other. It can be done at any time, also while the guest
/// runs, and the guest cannot tell. That is why one has to trust the owner of the machine one rents.
fn write_program(machine: &mut Machine) -> Result<(), Error> {
    machine.memory.write(&bytes());
    let mut at = ADDRESS;
    for line in PROGRAM {
        let hex: Vec<String> = line.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        trace::work("code", || {
            let (at, bytes) = (format!("{at:#x}"), hex.join(" "));
            json!({"at": at, "bytes": bytes, "label": line.label, "words": line.words, "says": line.says})
        });
        at += line.bytes.len() as u64;
    }
    Ok(())
}

/// After a reset an x86 processor fetches its first instruction from 0xfffffff0: base 0xffff0000 of the code segment, and
/// 0xfff0 of the instruction pointer. A PC has its firmware there; here nothing is there, so both are changed.
///
/// A register is set by reading the whole structure, changing a field, and writing all of it back: what is not changed
/// stays as KVM has set it up, in the state of a processor just switched on.
fn point_at_program(vcpu: &Vcpu) -> Result<kvm_regs, Error> {
    let was = vcpu.get_sregs()?;
    let mut segments = was;
    // In real mode an address is the segment's base plus an offset of 16 bits. With a base of 0 the offset is the address.
    (segments.cs.base, segments.cs.selector) = (0, 0);
    vcpu.set_sregs(&segments)?;
    let before = vcpu.get_regs()?;
    let mut registers = before;
    // The stack pointer can stay: nothing in the program calls, pushes, or is interrupted.
    registers.rip = ADDRESS;
    vcpu.set_regs(&registers)?;
    if trace::enabled() {
        // Read back, for the story alone.
        let (segments, registers) = (vcpu.get_sregs()?, vcpu.get_regs()?);
        trace::change("register", "cs.base", json!(was.cs.base), json!(segments.cs.base));
        trace::change("register", "cs.selector", json!(was.cs.selector), json!(segments.cs.selector));
        trace::change("register", "rip", json!(before.rip), json!(registers.rip));
    }
    Ok(registers)
}

// ANCHOR: run
/// The loop that every hypervisor has. KVM_RUN gives the processor to the guest and comes back when the guest does what
/// is no matter of registers and memory alone; why it came back stands in a page that KVM and this process share.
///
/// Signals end the call as well (EINTR), and so does the alarm of the time limit. Ctrl-C needs no care: it ends this
/// process, and with its last descriptor goes the machine.
fn run(kvm: &Kvm, vcpu: &mut Vcpu, start: kvm_regs, say: &mut dyn FnMut(&[u8])) -> Result<(), Error> {
    // What the guest did between two exits is told by its registers. KVM lays them into the shared page if it is asked
    // to, which saves two calls an exit. Where nobody listens it is not asked.
    let watched = trace::enabled() && kvm.synced_registers()? != 0;
    if watched {
        vcpu.sync_regs_at_exits();
    }
    let limit = TimeLimit::start(LIMIT)?;
    let (mut before, mut said) = (start, 0);
    loop {
        let exit = match vcpu.run() {
            Err(error) if error.errno == Errno::EINTR as i32 && !limit.is_over() => continue,
            Err(error) if error.errno == Errno::EINTR as i32 => return Err(Error::TimeLimit(LIMIT)),
            other => other?,
        };
        if watched {
            let after = vcpu.synced_regs();
            trace::change("exit", named(&exit), place(&before), reached(&after, &exit));
            before = after;
        }
        match exit {
            // Here a PC has a chip that makes voltages of it. In the place of the chip stands this line: a device, for
            // a guest, is whatever the hypervisor does when the guest touches it.
            Exit::Out { port: PORT, bytes } => {
                say(&bytes);
                said += bytes.len();
            }
            // A processor that halts waits for an interrupt. There is nothing in this machine that could send one.
            Exit::Halt if said == TEXT.len() => return Ok(()),
            other => return Err(Error::Exit(other)),
        }
    }
}
// ANCHOR_END: run

/// Where the guest is: its next instruction, and the next letter.
fn place(regs: &kvm_regs) -> Value {
    json!({"rip": regs.rip, "rsi": regs.rsi})
}

/// Where it came to, and with which letter. Whether rip points at `out` or behind it differs between kernels: to KVM the
/// instruction is done when the guest goes on.
fn reached(regs: &kvm_regs, exit: &Exit) -> Value {
    let mut reached = place(regs);
    if let Exit::Out { bytes, .. } = exit {
        reached["al"] = json!(bytes.escape_ascii().to_string());
    }
    reached
}

fn named(exit: &Exit) -> String {
    match exit {
        Exit::Out { port, .. } => format!("{} {port:#x}", exit.name()),
        _ => exit.name().to_owned(),
    }
}
