//! Standard input, output and error over the channel, with more of it than any buffer takes.

use super::machines::{Machines, SOON, machines};
use crate::harness::Running;
use std::process::{Command, Stdio};

/// Lines that all differ, so that a part that is lost or comes twice shows.
fn mebibytes(number: usize) -> String {
    (0..(number << 20) / 16).map(|number| format!("{number:>15}\n")).collect()
}

#[test]
fn what_goes_in_comes_out() {
    let machines = machines!(beside_others);
    let text = mebibytes(3);
    let mut cat = machines.command(&Machines::arguments(&["-i"], &["cat"]));
    let mut running = Running::start(cat.stdin(Stdio::piped()));
    running.write_stdin(text.as_bytes());
    let output = running.wait(SOON);
    assert!(output.stdout == text, "{} bytes came of {}\n{}", output.stdout.len(), text.len(), output.stderr);
    output.succeeded();
}

#[test]
fn input_that_nobody_reads_keeps_no_signal_waiting() {
    let machines = machines!(beside_others);
    let text = mebibytes(1);
    let mut deaf = machines.command(&Machines::arguments(&["-i"], &["sh", "-c", "echo up; exec sleep 1000"]));
    let mut child = deaf.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || std::io::Write::write_all(&mut stdin, text.as_bytes()).is_err());
    let mut up = [0; 3];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut up).unwrap();
    // Long enough for the input to fill what there is to fill.
    std::thread::sleep(std::time::Duration::from_secs(1));
    let pid = nix::unistd::Pid::from_raw(child.id().try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert!(writer.join().unwrap(), "no one has taken all of it");
}

#[test]
fn without_i_nothing_goes_in_and_closed_streams_do_no_harm() {
    let machines = machines!(beside_others);
    let rlab = machines.command(&Machines::arguments(&[], &["sh", "-c", "cat; echo out; no-such-tool; exit 5"]));
    for (input, closed, expected) in [("echo not for it |", "", "out\n"), ("", "<&- 2>&-", "out\n"), ("", ">&-", "")] {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{input} \"$@\" {closed}"), "sh"]).arg(rlab.get_program()).args(rlab.get_args());
        command.env("RLAB_ROOT", machines.root()).stdin(Stdio::null());
        let output = Running::start(&mut command).wait(SOON).ended_with(5);
        assert_eq!(output.stdout, expected, "{output}");
    }
}

#[test]
fn much_output_reaches_a_slow_reader_and_errors_stay_apart() {
    let machines = machines!(beside_others);
    let rlab = machines.command(&Machines::arguments(&["-i"], &["sh", "-c", "cat; no-such-tool; echo end; exit 4"]));
    let (file, text) = (machines.folder().join("text"), mebibytes(4));
    std::fs::write(&file, &text).unwrap();
    let mut command = Command::new("sh");
    // Nobody reads for the first seconds after the first byte, and the last byte comes all the same.
    let line = "\"$@\" <text | { head -c 1; sleep 3; cat; }";
    command.args(["-c", line, "sh"]).arg(rlab.get_program()).args(rlab.get_args());
    command.env("RLAB_ROOT", machines.root()).current_dir(machines.folder());
    let output = Running::start(&mut command).wait(SOON).succeeded().told("no-such-tool: no such command");
    assert!(output.stdout == text + "end\n", "{} bytes came\n{}", output.stdout.len(), output.stderr);
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_program() {
    let machines = machines!(alone);
    let rlab = machines.command(&Machines::arguments(&[], &["cat", "/dev/zero"]));
    let mut command = Command::new("bash");
    let line = "\"$@\" | head -c 10 | wc -c; echo ${PIPESTATUS[0]}";
    command.args(["-c", line, "sh"]).arg(rlab.get_program()).args(rlab.get_args());
    command.env("RLAB_ROOT", machines.root()).stdin(Stdio::null());
    // It gets an error from its pipe, as in a container, and takes that for a good end.
    Running::start(&mut command).wait(SOON).succeeded().wrote("10\n0");
}
