//! A program as text, one line an instruction, so that a lesson can read the very bytes the kernel got.
//!
//! Jumps are written as the line they lead to, and numbers with the syscall they stand for: the offsets and constants
//! are what makes BPF look opaque.

use super::Instruction;
use super::abi::{Abi, X32_SYSCALL_BIT};
use super::bpf::{
    AND, JUMP, JUMP_EQ, JUMP_GE, JUMP_GT, LOAD, OFFSET_ARCH, OFFSET_ARGS, OFFSET_NUMBER, RET_ALLOW, RET_ERRNO,
    RET_KILL_PROCESS, RET_KILL_THREAD, RET_LOG, RET_TRACE, RET_TRAP, RET_USER_NOTIF, RETURN,
};
use super::{errno, syscalls};

/// What the accumulator holds, to say what a constant means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Loaded {
    Arch,
    Number,
    Argument,
}

/// What is known when an instruction runs.
#[derive(Clone, Copy)]
struct Known {
    loaded: Loaded,
    abi: Option<Abi>,
}

/// The lines of `program`. Instructions that the compiler does not emit come out as their raw fields.
pub fn disassemble(program: &[Instruction]) -> Vec<String> {
    // Jumps only lead forward, so one pass carries what is known to every instruction it holds for.
    let mut known = vec![Known { loaded: Loaded::Argument, abi: None }; program.len()];
    let mut lines = Vec::with_capacity(program.len());
    for (at, instruction) in program.iter().enumerate() {
        let here = known[at];
        for (target, knowledge) in successors(at, *instruction, here) {
            if let Some(slot) = known.get_mut(target) {
                *slot = knowledge;
            }
        }
        lines.push(format!("{at:4}  {}", line(at, *instruction, here)));
    }
    lines
}

/// Where an instruction can lead, and what is known there.
fn successors(at: usize, instruction: Instruction, here: Known) -> Vec<(usize, Known)> {
    let Instruction { code, k, .. } = instruction;
    let next = at + 1;
    match code {
        LOAD => {
            let loaded = match k {
                OFFSET_NUMBER => Loaded::Number,
                OFFSET_ARCH => Loaded::Arch,
                _ => Loaded::Argument,
            };
            vec![(next, Known { loaded, ..here })]
        }
        RETURN => Vec::new(),
        JUMP => vec![(next.saturating_add(k as usize), here)],
        JUMP_EQ | JUMP_GT | JUMP_GE => {
            let equal = code == JUMP_EQ && here.loaded == Loaded::Arch;
            let abi = if equal { Abi::of_audit_arch(k) } else { here.abi };
            vec![
                (next + usize::from(instruction.jt), Known { abi, ..here }),
                (next + usize::from(instruction.jf), here),
            ]
        }
        _ => vec![(next, here)],
    }
}

fn line(at: usize, instruction: Instruction, known: Known) -> String {
    let Instruction { code, k, .. } = instruction;
    match code {
        LOAD => format!("ld   [{k}]{}", comment(&field(k))),
        AND => format!("and  #{k:#x}"),
        JUMP => format!("ja   {}", (at + 1).saturating_add(k as usize)),
        JUMP_EQ => format!("jeq  #{k:#x}{}{}", targets(at, instruction), comment(&constant(k, known))),
        JUMP_GT => format!("jgt  #{k:#x}{}", targets(at, instruction)),
        JUMP_GE => format!("jge  #{k:#x}{}{}", targets(at, instruction), comment(&constant(k, known))),
        RETURN => format!("ret  {}", verdict(k)),
        other => format!("code {other:#x} jt {} jf {} k {k:#x}", instruction.jt, instruction.jf),
    }
}

fn comment(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("  ; {text}") }
}

fn targets(at: usize, instruction: Instruction) -> String {
    let next = at + 1;
    format!("  true {} false {}", next + usize::from(instruction.jt), next + usize::from(instruction.jf))
}

fn field(offset: u32) -> String {
    match offset {
        OFFSET_NUMBER => "nr".to_owned(),
        OFFSET_ARCH => "arch".to_owned(),
        8 | 12 => "instruction pointer".to_owned(),
        _ => {
            let argument = offset.saturating_sub(OFFSET_ARGS);
            format!("args[{}] {}", argument / 8, if argument.is_multiple_of(8) { "low" } else { "high" })
        }
    }
}

/// What a constant stands for, given what it is compared with.
fn constant(k: u32, known: Known) -> String {
    match (known.loaded, known.abi) {
        (Loaded::Arch, _) => Abi::of_audit_arch(k).map_or_else(String::new, |abi| abi.name().to_owned()),
        (Loaded::Number, Some(Abi::X86_64)) if k & X32_SYSCALL_BIT != 0 => {
            format!("x32 {}", syscalls::name(k ^ X32_SYSCALL_BIT, Abi::X32).unwrap_or_default()).trim_end().to_owned()
        }
        (Loaded::Number, Some(abi)) => syscalls::name(k, abi).unwrap_or_default().to_owned(),
        _ => String::new(),
    }
}

/// A verdict, as in `ERRNO(EPERM)`.
pub(super) fn verdict(verdict: u32) -> String {
    let data = verdict & 0xffff;
    match verdict & 0xffff_0000 {
        RET_KILL_PROCESS => "KILL_PROCESS".to_owned(),
        RET_KILL_THREAD => "KILL_THREAD".to_owned(),
        RET_TRAP => "TRAP".to_owned(),
        RET_ERRNO => format!("ERRNO({})", errno::name(data)),
        RET_USER_NOTIF => "NOTIFY".to_owned(),
        RET_TRACE => format!("TRACE({data})"),
        RET_LOG => "LOG".to_owned(),
        RET_ALLOW => "ALLOW".to_owned(),
        // The kernel treats a verdict that it does not know as KILL_PROCESS.
        other => format!("{other:#x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::compile::compile_for;
    use super::*;

    #[test]
    fn a_small_program_reads_as_text() {
        let json = r#"{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[
            {"names":["read"],"action":"SCMP_ACT_ALLOW"},
            {"names":["personality"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":8,"op":"SCMP_CMP_EQ"}]}]}"#;
        let filter = compile_for(&serde_json::from_str(json).unwrap(), Abi::X86_64).unwrap();
        insta::assert_snapshot!(disassemble(&filter.program).join("\n"));
    }
}
