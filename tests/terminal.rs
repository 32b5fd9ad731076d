//! `rlab run -it` as someone at a terminal meets it.

use crate::harness::lab::{Lab, lab};
use crate::harness::terminal::{CTRL_C, CTRL_D, Terminal};
use std::process::Command;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

fn at_the_prompt(lab: &Lab, flags: &[&str]) -> Terminal {
    let terminal = lab.terminal(&Lab::arguments(&[&["-it", "-h", "web"], flags].concat(), &[]));
    terminal.wait_for("lab# ", SOON);
    terminal
}

#[test]
fn a_prompt_answers_and_its_exit_code_is_rlabs() {
    let lab = lab!();
    let mut terminal = at_the_prompt(&lab, &[]);
    terminal.type_in("hostname\r");
    terminal.wait_for("\r\nweb\r\nlab# ", SOON);
    // On the terminal, a line that is edited before Enter is read as it was in the end.
    terminal.type_in("echo ax\x7fb\r");
    terminal.wait_for("\r\nab\r\n", SOON);
    terminal.type_in("exit 7\r");
    assert_eq!(terminal.wait(SOON).code(), Some(7), "{}", terminal.text());

    let mut terminal = at_the_prompt(&lab, &[]);
    terminal.type_in(CTRL_D);
    assert_eq!(terminal.wait(SOON).code(), Some(0), "{}", terminal.text());
}

#[test]
fn the_window_can_be_dragged() {
    let lab = lab!();
    let mut terminal = at_the_prompt(&lab, &[]);
    terminal.type_in("size -w\r");
    terminal.wait_for("24 rows 80 columns", SOON);
    terminal.resize(132, 43);
    terminal.wait_for("43 rows 132 columns", SOON);
    terminal.resize(40, 10);
    terminal.wait_for("10 rows 40 columns", SOON);
    terminal.type_in(CTRL_C);
    terminal.wait_for("lab# ", SOON);
    terminal.type_in("exit\r");
    assert!(terminal.wait(SOON).success(), "{}", terminal.text());
}

#[test]
fn ctrl_c_ends_the_tool_and_not_the_prompt() {
    let lab = lab!();
    let mut terminal = at_the_prompt(&lab, &[]);
    // The file says that the tool runs, so that Ctrl-C can't be too early.
    terminal.type_in("sh -c 'echo now; exec sleep 1000'\r");
    terminal.wait_for("\r\nnow\r\n", SOON);
    terminal.type_in(CTRL_C);
    terminal.wait_for("lab# ", SOON);
    terminal.type_in("echo code $?\r");
    terminal.wait_for("\r\ncode 130\r\n", SOON);
    // At an empty prompt it is a new prompt.
    terminal.wait_for("lab# ", SOON);
    terminal.type_in(CTRL_C);
    terminal.wait_for("lab# ", SOON);
    terminal.type_in("echo still $$\r");
    terminal.wait_for("\r\nstill 1\r\n", SOON);
    terminal.type_in("exit\r");
    assert!(terminal.wait(SOON).success(), "{}", terminal.text());
}

#[test]
fn the_users_terminal_is_given_back_as_it_was() {
    let lab = lab!();
    let stty = |lines: &str| {
        let rlab = lab.command(&Lab::arguments(&["-it", "-h", "web"], &[]));
        let mut shell = Command::new("sh");
        shell.args(["-c", lines, "sh"]).arg(rlab.get_program()).args(rlab.get_args());
        shell.env("RLAB_ROOT", lab.root()).current_dir(lab.folder());
        Terminal::start(shell, 80, 24)
    };
    let mut terminal = stty("stty -g; \"$@\"; echo code $?; stty -g; echo end");
    terminal.wait_for("lab# ", SOON);
    terminal.type_in("exit 7\r");
    terminal.wait_for("end", SOON);
    assert!(terminal.wait(SOON).success());
    let text = terminal.text();
    let (before, after) = text.split_once("code 7").unwrap_or_else(|| panic!("it ended otherwise: {text}"));
    let settings = before.lines().next().unwrap();
    assert!(settings.contains(':') && after.contains(settings), "{text}");

    // The same when rlab itself is asked to end.
    let mut terminal = stty("stty -g; exec 3<&0; \"$@\" <&3 & echo pid $!; wait $!; echo code $?; stty -g; echo end");
    terminal.wait_for("pid ", SOON);
    terminal.wait_for("\r\n", SOON);
    let text = terminal.text();
    let pid: i32 = text.split("pid ").nth(1).unwrap().lines().next().unwrap().trim().parse().unwrap();
    terminal.wait_for("lab# ", SOON);
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGTERM).unwrap();
    terminal.wait_for("end", SOON);
    assert!(terminal.wait(SOON).success());
    let text = terminal.text();
    assert!(text.matches(settings_of(&text)).count() == 2, "{text}");
}

/// What `stty -g` printed first.
fn settings_of(text: &str) -> &str {
    text.lines().next().unwrap_or_default().trim()
}

#[test]
fn the_story_stands_before_the_prompt_and_after_its_end() {
    let lab = lab!();
    let mut terminal = at_the_prompt(&lab, &["--explain"]);
    terminal.type_in("exit\r");
    assert!(terminal.wait(SOON).success(), "{}", terminal.text());
    let screen = terminal.text();
    let place = |what: &str| screen.find(what).unwrap_or_else(|| panic!("no {what:?} on the screen\n{screen}"));
    let places = ["── 1 resolve", " pivot_root ", " exec ", "lab# ", " wait ──", " teardown ──"].map(place);
    assert!(places.is_sorted(), "{places:?}\n{screen}");
    // In raw mode nobody puts a carriage return before a line break: the lines would run down the screen like stairs.
    let stairs: Vec<&str> = screen.split_inclusive('\n').filter(|line| !line.ends_with("\r\n")).collect();
    assert_eq!(stairs, [""; 0], "{screen}");
}
