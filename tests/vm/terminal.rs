//! `rlab vm run -it` as someone at a terminal meets it: the lines are edited in the guest, by the guest's kernel.

use super::machines::{SOON, machines};
use crate::harness::terminal::{CTRL_C, CTRL_D};

#[test]
fn a_prompt_in_a_machine_is_a_prompt() {
    let machines = machines!(alone);
    let mut terminal = machines.at_terminal(&["-it", "-h", "guest1", "-e", "X=y"], &[]);
    terminal.wait_for("lab# ", SOON);
    // What was typed before the machine was up would have been echoed twice: here, nothing was.
    terminal.type_in("hostname\r");
    terminal.wait_for("\r\nguest1\r\nlab# ", SOON);
    terminal.type_in("echo ax\x7fb\r");
    terminal.wait_for("\r\nab\r\n", SOON);

    terminal.type_in("size -w\r");
    terminal.wait_for("24 rows 80 columns", SOON);
    terminal.resize(132, 43);
    terminal.wait_for("43 rows 132 columns", SOON);
    terminal.type_in(CTRL_C);
    terminal.wait_for("lab# ", SOON);

    // Ctrl-C is a letter on the host, and a signal in the guest, for whoever is in front there.
    terminal.type_in("sh -c 'echo now; exec sleep 1000'\r");
    terminal.wait_for("\r\nnow\r\n", SOON);
    terminal.type_in(CTRL_C);
    terminal.wait_for("lab# ", SOON);
    terminal.type_in("echo code $?\r");
    terminal.wait_for("\r\ncode 130\r\n", SOON);
    terminal.wait_for("lab# ", SOON);
    terminal.type_in("exit 7\r");
    assert_eq!(terminal.wait(SOON).code(), Some(7), "{}", terminal.text());
    assert!(terminal.text().contains("exit 7\r\n"), "{}", terminal.text());
}

#[test]
fn the_end_of_what_is_typed_ends_a_prompt_and_the_story_does_not_run_down_the_screen() {
    let machines = machines!(alone);
    let mut terminal = machines.at_terminal(&["-it", "--explain"], &[]);
    terminal.wait_for("lab# ", SOON);
    terminal.type_in(CTRL_D);
    assert_eq!(terminal.wait(SOON).code(), Some(0), "{}", terminal.text());
    let screen = terminal.text();
    let place = |what: &str| screen.find(what).unwrap_or_else(|| panic!("no {what:?} on the screen\n{screen}"));
    let places = ["── 1 resolve", " boot ──", "lab# ", " power_off ──"].map(place);
    assert!(places.is_sorted(), "{places:?}\n{screen}");
    let stairs: Vec<&str> = screen.split_inclusive('\n').filter(|line| !line.ends_with("\r\n")).collect();
    assert_eq!(stairs, [""; 0], "{screen}");
}

#[test]
fn a_terminal_without_input_and_the_users_terminal_afterwards() {
    let machines = machines!(beside_others);
    let line = "stty -g; \"$@\"; echo code $?; stty -g; echo end";
    let rlab = machines.command(&super::machines::Machines::arguments(&["-it"], &["sh", "-c", "size; exit 6"]));
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", line, "sh"]).arg(rlab.get_program()).args(rlab.get_args());
    shell.env("RLAB_ROOT", machines.root()).current_dir(machines.folder());
    let mut terminal = crate::harness::terminal::Terminal::start(shell, 100, 30);
    terminal.wait_for("end", SOON);
    assert!(terminal.wait(SOON).success());
    let text = terminal.text();
    let (before, after) = text.split_once("code 6").unwrap_or_else(|| panic!("it ended otherwise: {text}"));
    assert!(before.contains("30 rows") || before.contains("30 100"), "{text}");
    let settings = before.lines().next().unwrap();
    assert!(settings.contains(':') && after.contains(settings), "{text}");
    // -t alone, with no terminal outside: the guest's kernel puts the carriage returns.
    let output = machines.tool(&["-t"], &["sh", "-c", "echo one; no-such-tool; echo two"]).succeeded();
    assert_eq!(
        (output.stdout.as_str(), output.stderr.as_str()),
        ("one\r\nsh: no-such-tool: no such command; `help` lists the tools\r\ntwo\r\n", ""),
        "{output}"
    );
    // Both are wanted, and there is none outside.
    machines.tool(&["-it"], &["true"]).ended_with(125).told("not a TTY");
}
