//! The machine a filter runs on: one accumulator, forward jumps only, so every program ends.
//!
//! That is why the kernel can run a stranger's program on every syscall. The price is that a conditional jump reaches
//! 255 instructions at most; the one place that can exceed it is [`either`], which then goes through an unconditional
//! jump, whose offset has 32 bits.

pub use crate::sys::Instruction;

/// `BPF_MAXINSNS`: the kernel refuses a longer program.
pub(super) const MAX_INSTRUCTIONS: usize = 4096;

/// `BPF_LD | BPF_W | BPF_ABS`: accumulator = the word of `seccomp_data` at offset `k`.
pub(super) const LOAD: u16 = 0x20;
/// `BPF_ALU | BPF_AND | BPF_K`.
pub(super) const AND: u16 = 0x54;
/// `BPF_JMP | BPF_JA`.
pub(super) const JUMP: u16 = 0x05;
/// `BPF_JMP | BPF_JEQ | BPF_K`.
pub(super) const JUMP_EQ: u16 = 0x15;
/// `BPF_JMP | BPF_JGT | BPF_K`.
pub(super) const JUMP_GT: u16 = 0x25;
/// `BPF_JMP | BPF_JGE | BPF_K`.
pub(super) const JUMP_GE: u16 = 0x35;
/// `BPF_RET | BPF_K`.
pub(super) const RETURN: u16 = 0x06;

/// `offsetof(struct seccomp_data, nr)`.
pub(super) const OFFSET_NUMBER: u32 = 0;
/// `offsetof(struct seccomp_data, arch)`.
pub(super) const OFFSET_ARCH: u32 = 4;
/// `offsetof(struct seccomp_data, args)`; each of the six takes 8 bytes.
pub(super) const OFFSET_ARGS: u32 = 16;

/// `SECCOMP_RET_KILL_PROCESS`.
pub(super) const RET_KILL_PROCESS: u32 = 0x8000_0000;
/// `SECCOMP_RET_KILL_THREAD`.
pub(super) const RET_KILL_THREAD: u32 = 0x0000_0000;
/// `SECCOMP_RET_TRAP`.
pub(super) const RET_TRAP: u32 = 0x0003_0000;
/// `SECCOMP_RET_ERRNO`; the errno is the low 16 bits.
pub(super) const RET_ERRNO: u32 = 0x0005_0000;
/// `SECCOMP_RET_USER_NOTIF`.
pub(super) const RET_USER_NOTIF: u32 = 0x7fc0_0000;
/// `SECCOMP_RET_TRACE`; the message for the tracer is the low 16 bits.
pub(super) const RET_TRACE: u32 = 0x7ff0_0000;
/// `SECCOMP_RET_LOG`.
pub(super) const RET_LOG: u32 = 0x7ffc_0000;
/// `SECCOMP_RET_ALLOW`.
pub(super) const RET_ALLOW: u32 = 0x7fff_0000;

impl Instruction {
    /// An instruction that does not branch.
    pub(super) fn plain(code: u16, k: u32) -> Self {
        Self { code, jt: 0, jf: 0, k }
    }
}

/// A verdict as code.
pub(super) fn give(verdict: u32) -> Vec<Instruction> {
    vec![Instruction::plain(RETURN, verdict)]
}

/// `if accumulator <code> k { then } else { otherwise }`; both arms must end in a return.
pub(super) fn either(code: u16, k: u32, then: Vec<Instruction>, otherwise: Vec<Instruction>) -> Vec<Instruction> {
    let mut program = Vec::with_capacity(then.len() + otherwise.len() + 2);
    match u8::try_from(then.len()) {
        Ok(distance) => program.push(Instruction { code, jt: 0, jf: distance, k }),
        Err(_) => {
            program.push(Instruction { code, jt: 1, jf: 0, k });
            // A program too long for 32 bits is too long for the kernel too: compile() refuses it by its length.
            program.push(Instruction::plain(JUMP, u32::try_from(then.len()).unwrap_or(u32::MAX)));
        }
    }
    program.extend(then);
    program.extend(otherwise);
    program
}
