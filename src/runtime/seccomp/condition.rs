//! Rules about arguments, as code.
//!
//! The machine compares 32 bits at a time and an argument has 64, so each test looks at the high half and then, if
//! that did not settle it, at the low half. Forgetting the high half is a classic hole: `socket(0x1_0000_0028, …)` is
//! not equal to 40 in 64 bits, yet the kernel reads an int, 40.

use oci_spec::runtime::LinuxSeccompOperator;

use super::bpf::{AND, Instruction, JUMP_EQ, JUMP_GE, JUMP_GT, LOAD, OFFSET_ARGS, give};
use super::policy::{Rule, Test};

/// Where a step of a test goes, before distances are known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum To {
    /// The next step.
    Next,
    /// Past this test: it holds.
    Pass,
    /// Past the whole rule: it does not.
    Fail,
}

struct Step {
    code: u16,
    k: u32,
    when_true: To,
    when_false: To,
}

/// Tries the rules in order and returns `default` when none matches.
pub(super) fn first_match(rules: &[Rule], wide_arguments: bool, default: u32) -> Vec<Instruction> {
    let mut program: Vec<Instruction> = rules.iter().flat_map(|rule| rule_code(rule, wide_arguments)).collect();
    program.extend(give(default));
    program
}

/// All tests, then the verdict; a test that fails jumps to what follows. Six tests of six steps at most: every
/// distance fits 8 bits.
fn rule_code(rule: &Rule, wide_arguments: bool) -> Vec<Instruction> {
    let tests: Vec<Vec<Step>> = rule.tests.iter().map(|test| steps(*test, wide_arguments)).collect();
    let verdict_at: usize = tests.iter().map(Vec::len).sum();
    let mut program = Vec::with_capacity(verdict_at + 1);
    for test in &tests {
        let next_test_at = program.len() + test.len();
        for step in test {
            let here = program.len() + 1;
            let distance = |to| match to {
                To::Next => 0,
                To::Pass => u8::try_from(next_test_at - here).unwrap_or(u8::MAX),
                To::Fail => u8::try_from(verdict_at + 1 - here).unwrap_or(u8::MAX),
            };
            program.push(Instruction {
                code: step.code,
                jt: distance(step.when_true),
                jf: distance(step.when_false),
                k: step.k,
            });
        }
    }
    program.extend(give(rule.verdict));
    program
}

fn steps(test: Test, wide_arguments: bool) -> Vec<Step> {
    use LinuxSeccompOperator as Op;
    let value = test.value;
    let offset = OFFSET_ARGS + 8 * test.index;
    let compare = |high: &[(u16, To, To)], low: u16| {
        let high = high.iter().map(|(code, yes, no)| Step {
            code: *code,
            k: (value >> 32) as u32,
            when_true: *yes,
            when_false: *no,
        });
        let low = Step { code: low, k: value as u32, when_true: To::Pass, when_false: To::Fail };
        let mut steps = Vec::with_capacity(5);
        if wide_arguments {
            steps.push(load(offset + 4));
            steps.extend(high);
        }
        steps.extend([load(offset), low]);
        steps
    };
    let high_equal = (JUMP_EQ, To::Next, To::Fail);
    let high_above = (JUMP_GT, To::Pass, To::Next);
    match test.operator {
        Op::ScmpCmpEq => compare(&[high_equal], JUMP_EQ),
        Op::ScmpCmpNe => not(compare(&[high_equal], JUMP_EQ)),
        Op::ScmpCmpGt => compare(&[high_above, high_equal], JUMP_GT),
        Op::ScmpCmpLe => not(compare(&[high_above, high_equal], JUMP_GT)),
        Op::ScmpCmpGe => compare(&[high_above, high_equal], JUMP_GE),
        Op::ScmpCmpLt => not(compare(&[high_above, high_equal], JUMP_GE)),
        Op::ScmpCmpMaskedEq => masked(offset, value, test.value_two & value, wide_arguments),
    }
}

/// `argument & mask == value & mask`, half by half: libseccomp masks both sides, so bits of the value outside the
/// mask say nothing.
fn masked(offset: u32, mask: u64, value: u64, wide_arguments: bool) -> Vec<Step> {
    let half = |offset, mask, value, when_true| {
        let and = Step { code: AND, k: mask, when_true: To::Next, when_false: To::Next };
        [load(offset), and, Step { code: JUMP_EQ, k: value, when_true, when_false: To::Fail }]
    };
    let mut steps = Vec::with_capacity(6);
    if wide_arguments {
        steps.extend(half(offset + 4, (mask >> 32) as u32, (value >> 32) as u32, To::Next));
    }
    steps.extend(half(offset, mask as u32, value as u32, To::Pass));
    steps
}

fn load(offset: u32) -> Step {
    Step { code: LOAD, k: offset, when_true: To::Next, when_false: To::Next }
}

/// The opposite test: where it passed it fails.
fn not(mut steps: Vec<Step>) -> Vec<Step> {
    let flip = |to| match to {
        To::Next => To::Next,
        To::Pass => To::Fail,
        To::Fail => To::Pass,
    };
    for step in &mut steps {
        (step.when_true, step.when_false) = (flip(step.when_true), flip(step.when_false));
    }
    steps
}
