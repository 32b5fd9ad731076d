//! The eBPF program that answers for a v2 group whether a device may be opened.

use super::Rule;
use crate::sys::BpfInstruction;

/// The program for v2. It is asked with the kind, the numbers and the access wanted, and answers 1 for yes.
///
/// It goes through the rules backwards and strikes out the accesses that are allowed: so for each of them the last rule
/// that speaks of it decides. Accesses that no rule allows are refused.
pub(in crate::cgroup) fn program(rules: &[Rule]) -> Vec<BpfInstruction> {
    const KIND: u8 = 2;
    const WANTED: u8 = 3;
    const MAJOR: u8 = 4;
    const MINOR: u8 = 5;
    let op = |code: u8, to: u8, from: u8, offset: i16, immediate: i32| BpfInstruction {
        code,
        registers: to | (from << 4),
        offset,
        immediate,
    };
    let answer = |allow: bool| [op(code::MOV, 0, 0, 0, i32::from(allow)), op(code::EXIT, 0, 0, 0, 0)];
    // The question, `struct bpf_cgroup_dev_ctx`: access and kind in one number, then major and minor.
    let mut program = vec![
        op(code::LOAD, KIND, 1, 0, 0),
        op(code::COPY, WANTED, KIND, 0, 0),
        op(code::AND, KIND, 0, 0, 0xffff),
        op(code::SHIFT_RIGHT, WANTED, 0, 0, 16),
        op(code::LOAD, MAJOR, 1, 4, 0),
        op(code::LOAD, MINOR, 1, 8, 0),
    ];
    for rule in rules.iter().rev() {
        if rule.is_everything() {
            // What comes before it never counts; the kernel refuses a program with a part that can't be reached.
            program.extend(answer(rule.allow));
            return program;
        }
        let verdict = match rule.allow {
            true => {
                let [yes, exit] = answer(true);
                let access = i32::from(rule.access);
                vec![op(code::AND, WANTED, 0, 0, !access), op(code::JUMP_IF_NOT, WANTED, 0, 2, 0), yes, exit]
            }
            false => {
                let [no, exit] = answer(false);
                let access = i32::from(rule.access);
                vec![no, op(code::JUMP_IF_ANY, WANTED, 0, 1, access), op(code::JUMP, 0, 0, 1, 0), exit]
            }
        };
        let kind = rule.kind.map(|kind| (KIND, kind as i32));
        let tests = [kind, rule.major.map(|major| (MAJOR, major)), rule.minor.map(|minor| (MINOR, minor))];
        let tests: Vec<(u8, i32)> = tests.into_iter().flatten().collect();
        for (index, (register, number)) in tests.iter().enumerate() {
            // Over the tests that are left and the verdict, to the next rule.
            let over = (tests.len() - index - 1 + verdict.len()) as i16;
            program.push(op(code::JUMP_IF_NOT, *register, 0, over, *number));
        }
        program.extend(verdict);
    }
    program.extend(answer(false));
    program
}

/// Operations of eBPF, see the kernel's instruction set documentation.
pub(super) mod code {
    /// A word of four bytes from memory.
    pub const LOAD: u8 = 0x61;
    /// A register to another, 32 bits.
    pub const COPY: u8 = 0xbc;
    pub const AND: u8 = 0x54;
    pub const SHIFT_RIGHT: u8 = 0x74;
    pub const MOV: u8 = 0xb7;
    pub const JUMP: u8 = 0x05;
    /// If unequal.
    pub const JUMP_IF_NOT: u8 = 0x55;
    /// If they have a bit in common.
    pub const JUMP_IF_ANY: u8 = 0x45;
    pub const EXIT: u8 = 0x95;
}
