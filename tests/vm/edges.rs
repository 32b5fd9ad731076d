//! What hurt a machine once: readers that are slow, signals that are early, programs that leave others behind.

use super::machines::{Machines, SOON, machines};
use crate::harness::Running;
use nix::sys::signal::Signal;
use std::process::Command;

#[test]
fn the_end_of_a_program_is_heard_after_all_that_it_said() {
    let machines = machines!(beside_others);
    let rlab = machines.command(&Machines::arguments(&["-i"], &["sh", "-c", "cat; exit 4"]));
    // More than the pipes and sockets on the way take, or less: what is left lies in the guest, which waits for the host.
    for size in [600_000, 150_000] {
        std::fs::write(machines.folder().join("text"), "x".repeat(size)).unwrap();
        let mut command = Command::new("bash");
        // Nobody reads before the program has long ended.
        let line = "\"$@\" <text | { head -c 1; sleep 7; cat; }; echo ${PIPESTATUS[0]}";
        command.args(["-c", line, "sh"]).arg(rlab.get_program()).args(rlab.get_args());
        command.env("RLAB_ROOT", machines.root()).current_dir(machines.folder());
        let output = Running::start(&mut command).wait(SOON).succeeded();
        assert!(output.stdout.ends_with("x4\n"), "{}", output.stderr);
        assert_eq!(output.stdout.len(), size + 2);
    }
}

#[test]
fn a_program_takes_those_with_it_that_it_has_left_behind() {
    let machines = machines!(alone);
    // It has the program's output open, and would have something to say for ever.
    let output = machines.shell(&[], "cat /dev/zero & sleep 1; exit 3");
    assert!(output.stdout.starts_with('\0'), "{}", output.stderr);
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn a_signal_before_there_is_a_program_waits_for_it() {
    let machines = machines!(alone);
    let running = machines.start_tool(&[], &["sh", "-c", "echo up"]);
    // Nothing by which it would end: QEMU may be there or not.
    for _ in 0..20 {
        running.signal(Signal::SIGWINCH);
        running.signal(Signal::SIGCONT);
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    running.wait(SOON).succeeded().wrote("up");
}

#[test]
fn a_directory_to_start_in_is_made_and_nothing_hides_the_image() {
    let machines = machines!(alone);
    machines.tool(&["-w", "/not/there"], &["pwd"]).succeeded().wrote("/not/there");
    let over = format!("{}:/", machines.folder().display());
    machines.tool(&["-v", &over], &["pwd"]).ended_with(125).told("is the image's own place");
    machines.tool(&["-p", "[::1]:8080:80"], &["true"]).ended_with(125).told("IPv4 addresses alone");
    machines.assert_restored();
}
