//! How containers end that do not end by themselves, and that nothing is left of them.

use crate::harness::Running;
use crate::harness::lab::{Lab, lab};
use crate::harness::terminal::CTRL_C;
use crate::harness::web::free_port;
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(30);

/// A container whose process 1 has no handler for any signal, up and running.
fn asleep(lab: &Lab, flags: &[&str]) -> Running {
    let network: &[&str] = if flags.contains(&"-p") { &[] } else { &["--network", "none"] };
    let command = ["lab", "sh", "-c", "echo up; exec sleep 1000"];
    let running = lab.start(&[&["run", "--rm"], network, flags, &command[..]].concat());
    running.wait_for_stdout("up", SOON);
    running
}

#[test]
fn what_a_killed_rlab_left_the_next_command_sweeps_up() {
    let lab = lab!();
    let published = format!("{}:80", free_port());
    for next in [&["images"][..], &["run", "--rm", "--network", "none", "lab", "true"], &["image", "inspect", "lab"]] {
        let running = asleep(&lab, &["-p", &published]);
        running.signal(Signal::SIGKILL);
        running.wait(SOON);
        let left = lab.left();
        for kind in ["mounts", "cgroups", "links", "rules", "processes", "files"] {
            assert!(left.contains(&format!("{kind}, left behind")), "no {kind}: there is nothing to sweep up\n{left}");
        }
        lab.run(next).succeeded();
        lab.assert_restored();
    }
}

#[test]
fn a_container_that_lives_is_not_swept_up() {
    let lab = lab!();
    let mut running = asleep(&lab, &["--init"]);
    let root = lab.root().display().to_string();
    let of_it = || lab.left().lines().filter(|line| line.contains(&root)).map(str::to_owned).collect::<Vec<_>>();
    let there = of_it();
    assert!(there.iter().any(|line| line.contains("mounts, ")), "{there:#?}");
    lab.run(&["images"]).succeeded();
    lab.tool(&[], &["true"]).succeeded();
    assert!(!running.has_ended());
    assert_eq!(of_it(), there);
    running.signal(Signal::SIGTERM);
    running.wait(SOON).ended_with(143);
}

#[test]
fn a_kill_or_a_signal_at_any_moment_leaves_nothing() {
    let lab = lab!();
    let published = format!("{}:80", free_port());
    let run = ["run", "--rm", "-p", &published, "lab", "sh", "-c", "sleep 0.05"];
    for delay_ms in [15, 40, 70, 100, 130, 170] {
        for signal in [Signal::SIGKILL, Signal::SIGTERM] {
            let mut running = lab.start(&run);
            std::thread::sleep(Duration::from_millis(delay_ms));
            if !running.has_ended() {
                running.signal(signal);
            }
            running.wait(SOON);
            if signal == Signal::SIGTERM {
                // Nothing of the container's. The workshop of the classroom's images is cleared up by who uses it next.
                let until = Instant::now() + SOON;
                while lab.left().lines().any(|line| !line.contains("/classroom/work/")) {
                    assert!(Instant::now() < until, "{signal} after {delay_ms} ms left\n{}", lab.left());
                }
            }
            lab.tool(&[], &["true"]).succeeded();
            lab.assert_restored();
        }
    }
}

#[test]
fn who_does_not_hear_a_signal_is_killed_and_the_story_says_why() {
    let lab = lab!();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT] {
        let running = asleep(&lab, &["--explain"]);
        running.signal(signal);
        let output = running.wait(SOON).ended_with(137).told(&format!("has no handler for {signal}"));
        output.told("SIGKILL follows").told(" teardown ");
        lab.assert_restored();
    }
}

#[test]
fn ctrl_c_reaches_a_program_without_a_terminal_of_its_own() {
    let lab = lab!();
    let mut terminal = lab.terminal(&Lab::arguments(&["--explain"], &["sh", "-c", "echo it-$$-runs; exec sleep 1000"]));
    terminal.wait_for("it-1-runs", SOON);
    terminal.type_in(CTRL_C);
    assert_eq!(terminal.wait(SOON).code(), Some(137), "{}", terminal.text());
    assert!(terminal.text().contains("no handler for SIGINT"), "{}", terminal.text());
}

#[test]
fn who_hears_a_signal_ends_as_it_likes() {
    let lab = lab!();
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let server = lab.start(&Lab::arguments(&["--explain"], &["httpd", "-p", "80"]));
        server.wait_for_stdout("listens on port 80", SOON);
        server.signal(signal);
        let output = server.wait(SOON).succeeded();
        assert!(!output.stderr.contains("SIGKILL follows"), "{output}");
        output.told(" stop ");
    }
}

#[test]
fn a_signal_that_asks_for_no_end_is_passed_on() {
    let lab = lab!();
    // Nobody handles it, and process 1 gets no signal without a handler: it goes on.
    let mut deaf = asleep(&lab, &[]);
    deaf.signal(Signal::SIGUSR1);
    std::thread::sleep(Duration::from_millis(300));
    assert!(!deaf.has_ended());
    deaf.signal(Signal::SIGTERM);
    deaf.wait(SOON).ended_with(137);
    // Behind an init it is an ordinary process, and SIGUSR1 ends it: 128 + 10.
    let hearing = asleep(&lab, &["--init"]);
    hearing.signal(Signal::SIGUSR1);
    hearing.wait(SOON).ended_with(138);
}

#[test]
fn children_end_with_process_1() {
    let lab = lab!();
    // The background sleeps hold standard output open; the container is at its end all the same.
    let begun = Instant::now();
    lab.shell(&[], "sleep 1000 & sleep 1000 & echo done").succeeded().wrote("done");
    assert!(begun.elapsed() < Duration::from_secs(20));
}
