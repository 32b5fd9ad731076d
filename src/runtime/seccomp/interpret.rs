//! A classic BPF machine for the tests: what the kernel would answer, without a kernel. It refuses what the kernel's
//! checker refuses.

use super::Instruction;
use super::bpf::{AND, JUMP, JUMP_EQ, JUMP_GE, JUMP_GT, LOAD, RETURN};

/// The kernel's `struct seccomp_data`, without the instruction pointer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Data {
    pub(super) nr: u32,
    pub(super) arch: u32,
    pub(super) args: [u64; 6],
}

impl Data {
    fn word(&self, offset: u32) -> u32 {
        match offset {
            0 => self.nr,
            4 => self.arch,
            16..=60 if offset.is_multiple_of(4) => {
                let argument = self.args[(offset as usize - 16) / 8];
                (if offset.is_multiple_of(8) { argument } else { argument >> 32 }) as u32
            }
            other => panic!("load from offset {other}"),
        }
    }
}

/// Runs `program` and returns its verdict.
pub(super) fn run(program: &[Instruction], data: &Data) -> u32 {
    execute(program, data).0
}

/// How many instructions the verdict takes.
pub(super) fn steps(program: &[Instruction], data: &Data) -> usize {
    execute(program, data).1
}

fn execute(program: &[Instruction], data: &Data) -> (u32, usize) {
    const JUMP_SET: u16 = 0x45;
    let (mut at, mut accumulator) = (0, 0);
    for step in 1.. {
        let Instruction { code, jt, jf, k } = program[at];
        let branch = |yes| usize::from(if yes { jt } else { jf });
        at += 1;
        match code {
            LOAD => accumulator = data.word(k),
            AND => accumulator &= k,
            JUMP => at += k as usize,
            JUMP_EQ => at += branch(accumulator == k),
            JUMP_GT => at += branch(accumulator > k),
            JUMP_GE => at += branch(accumulator >= k),
            JUMP_SET => at += branch(accumulator & k != 0),
            RETURN => return (k, step),
            other => panic!("unknown instruction {other:#x}"),
        }
    }
    unreachable!("jumps only lead forward")
}
