//! Device rules, against what the kernel would decide.

use super::program::code;
use super::*;
use crate::sys::BpfInstruction;
use proptest::prelude::*;
use serde_json::{Value, json};

fn asked(value: Value) -> Vec<LinuxDeviceCgroup> {
    serde_json::from_value(value).unwrap()
}

fn of(value: Value) -> Vec<Rule> {
    let rules: Result<Vec<Vec<Rule>>, Error> = asked(value).iter().map(read).collect();
    rules.unwrap().concat()
}

fn v1_lines(value: Value) -> Result<Vec<String>, String> {
    let lines = lines(&of(value)).map_err(|error| error.to_string())?;
    Ok(lines.into_iter().map(|(file, line)| format!("{file} {line}")).collect())
}

#[test]
fn a_type_of_all_with_numbers_never_becomes_everything() {
    let lines = v1_lines(json!([{"allow": true, "major": 1, "minor": 3, "access": "r"}])).unwrap();
    assert_eq!(lines, ["devices.deny a *:* rwm", "devices.allow b 1:3 r", "devices.allow c 1:3 r"]);
}

#[test]
fn later_rules_take_back_earlier_ones() {
    let lines = v1_lines(json!([
        {"allow": true, "type": "c", "major": 9, "minor": 9},
        {"allow": false},
        {"allow": true, "type": "c", "major": 1, "minor": 3, "access": "rw"},
        {"allow": true, "type": "c", "major": 1, "minor": 3, "access": "m"},
        {"allow": true, "type": "b", "major": 8, "access": "r"},
        {"allow": false, "type": "c", "major": 1, "minor": -1, "access": "w"},
    ]));
    assert_eq!(lines.unwrap(), ["devices.deny a *:* rwm", "devices.allow c 1:3 rm", "devices.allow b 8:* r"]);
}

#[test]
fn what_v1_cannot_express_is_an_error_and_not_a_hole() {
    let disks_but_one =
        json!([{"allow": false}, {"allow": true, "type": "b"}, {"allow": false, "type": "b", "major": 8, "minor": 0}]);
    let refused = "devices can't be \"b 8:0 rwm\": cgroup v1 can't take a part out of an earlier rule";
    assert_eq!(v1_lines(disks_but_one).unwrap_err(), refused);
}

#[test]
fn everything_but_one_is_a_list_of_refusals() {
    let lines =
        v1_lines(json!([{"allow": true}, {"allow": false, "type": "b", "major": 8, "minor": 0, "access": "w"}]));
    assert_eq!(lines.unwrap(), ["devices.allow a *:* rwm", "devices.deny b 8:0 w"]);
}

#[test]
fn the_runtimes_own_devices_come_with_it_unless_all_are_allowed() {
    let count = |value| rules(&asked(value)).unwrap().len();
    assert_eq!(count(json!([])), 0);
    assert_eq!(count(json!([{"allow": true, "access": "rwm"}])), 1);
    assert_eq!(count(json!([{"allow": false, "access": "rwm"}])), 1 + DEFAULT.len());
    let without_null =
        rules(&asked(json!([{"allow": false}, {"allow": false, "type": "c", "major": 1, "minor": 3}]))).unwrap();
    assert!(!permits(&without_null, &Question { kind: 2, major: 1, minor: 3, access: READ }));
    assert!(permits(&without_null, &Question { kind: 2, major: 1, minor: 5, access: READ }));
}

#[test]
fn nonsense_is_refused() {
    for (value, fault) in [
        (json!([{"allow": true, "type": "p"}]), "a fifo is no device"),
        (json!([{"allow": true, "type": "c", "access": "rx"}]), "the letters r, w and m"),
        (json!([{"allow": true, "type": "c", "major": 4294967296i64}]), "it is no device number"),
        (json!([{"allow": true, "type": "c", "minor": -2}]), "it is no device number"),
    ] {
        assert!(rules(&asked(value)).unwrap_err().to_string().contains(fault), "{fault}");
    }
}

/// What the kernel asks a device program.
#[derive(Clone, Copy, Debug)]
struct Question {
    kind: u32,
    major: u32,
    minor: u32,
    access: u8,
}

/// What the rules mean, read as a person would: for each access wanted, the last rule that speaks of it.
fn permits(rules: &[Rule], question: &Question) -> bool {
    [MAKE, READ, WRITE].into_iter().filter(|bit| question.access & bit != 0).all(|bit| {
        let fits = |rule: &&Rule| {
            rule.access & bit != 0
                && rule.kind.is_none_or(|kind| kind as u32 == question.kind)
                && rule.major.is_none_or(|major| major as u32 == question.major)
                && rule.minor.is_none_or(|minor| minor as u32 == question.minor)
        };
        rules.iter().rev().find(fits).is_some_and(|rule| rule.allow)
    })
}

/// Runs a program as the kernel would. It panics where the kernel would refuse to load it.
fn run(program: &[BpfInstruction], question: &Question) -> bool {
    let context = [(u32::from(question.access) << 16) | question.kind, question.major, question.minor];
    let mut registers = [0u64; 11];
    let mut at = 0usize;
    loop {
        let BpfInstruction { code, registers: pair, offset, immediate } = program[at];
        let (to, from) = (usize::from(pair & 15), usize::from(pair >> 4));
        at += 1;
        let jump = match code {
            code::LOAD => {
                registers[to] = u64::from(context[offset as usize / 4]);
                false
            }
            code::COPY => {
                registers[to] = registers[from];
                false
            }
            code::AND => {
                registers[to] = u64::from(registers[to] as u32 & immediate as u32);
                false
            }
            code::SHIFT_RIGHT => {
                registers[to] = u64::from(registers[to] as u32 >> immediate);
                false
            }
            code::MOV => {
                registers[to] = immediate as u64;
                false
            }
            code::JUMP => true,
            code::JUMP_IF_NOT => registers[to] != immediate as u64,
            code::JUMP_IF_ANY => registers[to] & immediate as u64 != 0,
            code::EXIT => return registers[0] == 1,
            other => panic!("unknown operation {other:#x}"),
        };
        if jump {
            assert!(offset > 0, "the kernel would have to prove that a jump back ends");
            at += offset as usize;
        }
    }
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let kind = prop_oneof![Just(Some(Kind::Block)), Just(Some(Kind::Character))];
    let number = || prop_oneof![Just(None), (0..3i32).prop_map(Some)];
    let rule = (any::<bool>(), kind, number(), number(), 1..=7u8);
    prop_oneof![
        9 => rule.prop_map(|(allow, kind, major, minor, access)| Rule { allow, kind, major, minor, access }),
        1 => any::<bool>().prop_map(Rule::everything),
    ]
}

fn any_question() -> impl Strategy<Value = Question> {
    (1..=2u32, 0..3u32, 0..3u32, 1..=7u8).prop_map(|(kind, major, minor, access)| Question {
        kind,
        major,
        minor,
        access,
    })
}

proptest! {
    #[test]
    fn the_program_answers_as_the_rules_mean(rules in prop::collection::vec(any_rule(), 0..8), question in any_question()) {
        prop_assert_eq!(run(&program(&rules), &question), permits(&rules, &question));
    }

    /// v1 asks its exceptions one by one, so accesses may be refused together that are allowed apart; never more.
    #[test]
    fn the_lines_allow_nothing_the_rules_do_not(rules in prop::collection::vec(any_rule(), 0..8), question in any_question()) {
        if let Ok(lines) = lines(&rules) {
            let told: Vec<(bool, String)> =
                lines.into_iter().map(|(file, line)| (file == "devices.allow", line)).collect();
            prop_assert!(!v1_permits(&told, &question) || permits(&rules, &question));
        }
    }
}

/// The kernel's own reading of v1 lines: a default, and exceptions of which one must cover (or, when they deny, touch)
/// what is wanted.
fn v1_permits(lines: &[(bool, String)], question: &Question) -> bool {
    let default = lines[0].0;
    let touched = lines[1..].iter().any(|(_, line)| {
        let parts: Vec<&str> = line.split([' ', ':']).collect();
        let number = |text: &str, number: u32| text == "*" || text.parse() == Ok(number);
        let letters = [(READ, 'r'), (WRITE, 'w'), (MAKE, 'm')];
        let access = letters.iter().filter(|(_, letter)| parts[3].contains(*letter)).fold(0, |all, (bit, _)| all | bit);
        let kind = if parts[0] == "b" { 1 } else { 2 };
        kind == question.kind
            && number(parts[1], question.major)
            && number(parts[2], question.minor)
            && if default { access & question.access != 0 } else { question.access & !access == 0 }
    });
    touched != default
}
