//! How machines end that do not end by themselves, and that nothing is left of them.

use super::machines::{Machines, SOON, machines};
use crate::harness::Running;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::time::{Duration, Instant};

/// QEMU's process, once it is there.
fn qemu(machines: &Machines) -> Pid {
    let disk = format!("file={}/vm/disks/", machines.root().display());
    let until = Instant::now() + SOON;
    loop {
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let words = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let words = String::from_utf8_lossy(&words).into_owned();
            if words.starts_with("qemu-system-x86_64") && words.contains(&disk) {
                return Pid::from_raw(entry.file_name().to_str().unwrap().parse().unwrap());
            }
        }
        assert!(Instant::now() < until, "there is no QEMU");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A machine with a program that hears no signal but those that nobody can refuse: it is stopped, and another says so.
fn stopped(machines: &Machines) -> Running {
    let running = machines.start_tool(&[], &["sh", "-c", "sh -c \"kill -STOP $$; echo up\""]);
    running.wait_for_stdout("up", SOON);
    running
}

#[test]
fn a_signal_is_the_programs() {
    let machines = machines!(alone);
    let server = machines.start_tool(&["-p", "127.0.0.1::80"], &["httpd", "-p", "80"]);
    server.wait_for_stdout("listens on port 80", SOON);
    server.signal(Signal::SIGTERM);
    server.wait(SOON).succeeded();
    // No container's process 1, to which nothing is sent that it has no handler for: an ordinary process of its system.
    let sleeper = machines.start_tool(&[], &["sh", "-c", "echo up; exec sleep 1000"]);
    sleeper.wait_for_stdout("up", SOON);
    sleeper.signal(Signal::SIGUSR1);
    sleeper.wait(SOON).ended_with(138);
}

#[test]
fn who_hears_nothing_is_switched_off_at_the_third_request() {
    let machines = machines!(alone);
    let mut running = stopped(&machines);
    for _ in 0..2 {
        running.signal(Signal::SIGINT);
        std::thread::sleep(Duration::from_millis(300));
        assert!(!running.has_ended());
    }
    running.signal(Signal::SIGINT);
    running.wait(SOON).ended_with(137);
    machines.assert_restored();
}

#[test]
fn a_request_to_end_is_heard_while_there_is_no_program_yet() {
    let machines = machines!(alone);
    for (delay_ms, signal) in
        [(0, Signal::SIGTERM), (300, Signal::SIGINT), (900, Signal::SIGTERM), (1800, Signal::SIGHUP)]
    {
        let running = machines.start_tool(&[], &["sleep", "1000"]);
        let _there = qemu(&machines);
        std::thread::sleep(Duration::from_millis(delay_ms));
        running.signal(signal);
        let output = running.wait(SOON);
        let code = output.status.code();
        // On a fast machine the program may be there already: then the signal was its.
        let ended_itself = code == Some(128 + signal as i32);
        assert!(
            ended_itself || output.stderr.contains(&format!("ended by {signal} before the program ran")),
            "{output}"
        );
        assert!(ended_itself || code == Some(125), "{output}");
        machines.assert_restored();
    }
}

#[test]
fn a_qemu_that_is_killed_is_an_error_that_says_so() {
    let machines = machines!(alone);
    let running = stopped(&machines);
    kill(qemu(&machines), Signal::SIGKILL).unwrap();
    running.wait(SOON).ended_with(125).told("QEMU was ended by SIGKILL").told("try: ");
    machines.assert_restored();
    // While it boots.
    for signal in [Signal::SIGKILL, Signal::SIGTERM] {
        let booting = machines.start_tool(&["--explain"], &["true"]);
        kill(qemu(&machines), signal).unwrap();
        let output = booting.wait(SOON).ended_with(125).told(&format!("QEMU was ended by {signal}"));
        assert!(output.stderr.contains(" power_off ──"), "{output}");
        machines.assert_restored();
    }
}

#[test]
fn a_qemu_dies_with_its_rlab_and_the_next_command_sweeps_up() {
    let machines = machines!(alone);
    for is_up in [true, false] {
        let running = if is_up { stopped(&machines) } else { machines.start_tool(&[], &["sleep", "1000"]) };
        let qemu = qemu(&machines);
        running.signal(Signal::SIGKILL);
        running.wait(SOON);
        let until = Instant::now() + SOON;
        while kill(qemu, None).is_ok() {
            assert!(Instant::now() < until, "QEMU outlives its rlab");
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(machines.left().contains("files, left behind"), "there is nothing to sweep up\n{}", machines.left());
        machines.run(&["images"]).succeeded();
        machines.assert_restored();
    }
}

#[test]
fn a_guest_that_ends_itself_is_told() {
    let machines = machines!(alone);
    // The kernel gives up, switches the computer off, and starts it anew, which it is not.
    for (letter, told) in
        [("c", "the guest kernel panicked: sysrq triggered crash"), ("o", "switched itself off"), ("b", "")]
    {
        let line = format!("echo before; write /proc/sysrq-trigger {letter}; sleep 100");
        let output = machines.shell(&["--explain"], &line).ended_with(125).wrote("before");
        assert!(output.stderr.contains("rlab: guest_wait: ") && output.stderr.contains("try: "), "{output}");
        output.told(told).told(" power_off ──");
        machines.assert_restored();
    }
}

#[test]
fn the_guests_own_kernel_kills_who_takes_too_much() {
    let machines = machines!(alone);
    machines.tool(&["-m", "300m"], &["eat", "400m"]).ended_with(137);
}
