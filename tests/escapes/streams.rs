//! What is open in a container's first program, and its terminal.

use super::range::{outcomes, range};
use crate::harness::lab::Lab;
use crate::harness::{Output, Running};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

/// The highest number that a descriptor of rlab's has at any moment of a run, and more.
const NUMBERS: std::ops::Range<i32> = 0..24;

/// CVE-2024-21626: runc held a folder of the host's open, and its number served as a way out.
#[test]
fn nothing_is_open_but_the_three_streams() {
    let range = range!();
    let attacker = format!("{}:/attack:ro", range.attacker().display());
    let trace = range.place().join("trace").display().to_string();
    for flags in [
        &[][..],
        &["-i"],
        &["-t"],
        &["--init"],
        &["-u", "1000"],
        &["--explain"],
        &["--trace-out", &trace],
        &["--chroot"],
        &["--privileged"],
        &["--userns", "private"],
        &["--network", "bridge"],
        &["--security-opt", "no-new-privileges"],
    ] {
        let flags = [&["-v", &attacker][..], flags].concat();
        let output = leaky(range.command(&Lab::arguments(&flags, &["/attack", "descriptors"])), range.place());
        assert_eq!(outcomes(&output.succeeded())["descriptors"], "0 1 2", "{flags:?}");
    }
}

/// The same numbers as the folder to start in, from the command line and from the image, and on the way to a program: while
/// rlab is started with a folder of the host's open under each of them that is free.
#[test]
fn no_number_of_a_descriptor_is_a_way_out() {
    let range = range!();
    for number in NUMBERS {
        for folder in ["/proc/self/fd", "/proc/thread-self/fd", "/dev/fd"] {
            let path = format!("{folder}/{number}");
            let output = leaky(range.command(&Lab::arguments(&["-w", &path], &["ls"])), range.place());
            assert!(output.status.code() != Some(0) && output.stdout.is_empty(), "{path}\n{output}");
            // What follows is read as text, as Docker does, and never looked up: it is a folder of the container's own.
            let path = format!("{path}/../../../../..");
            let output = leaky(range.command(&Lab::arguments(&["-w", &path], &["ls"])), range.place());
            output.succeeded().wrote_line_with("proc");
        }
        let program = format!("/proc/self/fd/{number}/attack");
        let output = leaky(range.command(&Lab::arguments(&[], &[&program, "descriptors"])), range.place());
        assert!(matches!(output.status.code(), Some(126 | 127)), "{program}\n{output}");
    }
    range.assert_marker_untouched();
}

/// Starts rlab with a folder open, not close-on-exec, under many numbers.
fn leaky(mut command: std::process::Command, folder: &std::path::Path) -> Output {
    let folder = File::open(folder).unwrap();
    let number = folder.as_raw_fd();
    // SAFETY: plain system calls on numbers, which is all that may happen between fork and exec.
    unsafe {
        command.pre_exec(move || {
            for target in (3..NUMBERS.end).filter(|target| *target != number) {
                if nix::libc::fcntl(target, nix::libc::F_GETFD) < 0 && nix::libc::dup2(number, target) < 0 {
                    return Err(std::io::Error::last_os_error());
                }
            }
            Ok(())
        });
    }
    Running::start(&mut command).wait(SOON)
}

/// Without -i the input is a null device, and by fchmod(2) through the descriptor root inside would have changed the host's.
#[test]
fn the_null_device_that_is_its_input_is_the_containers_own() {
    let range = range!();
    for flags in [&[][..], &["--init"], &["-u", "1000"], &["--privileged"]] {
        assert_eq!(range.outcome(flags, "input"), "own", "{flags:?}");
    }
    assert_eq!(range.outcome(&["-i"], "input"), "no device");
}

/// TIOCSTI pushes letters into a terminal as if they had been typed. Into its own a container may, into rlab's it can't:
/// that is a terminal of another devpts, in another session.
#[test]
fn the_terminal_is_its_own() {
    let range = range!();
    let attacker = format!("{}:/attack:ro", range.attacker().display());
    let command = ["/attack", "terminal", "push,x"];
    let screen = |flags: &[&str]| {
        let flags = [&["-v", &attacker][..], flags].concat();
        let mut terminal = range.terminal(&Lab::arguments(&flags, &command));
        assert!(terminal.wait(SOON).success(), "{}", terminal.text());
        terminal.text()
    };
    let own = screen(&["-it"]);
    assert!(own.contains("terminal: own, /dev/pts/0") && own.contains("push,x: "), "{own}");
    // With no terminal of its own it has none at all, though rlab itself was started in one.
    let none = screen(&[]);
    assert!(none.contains("terminal: ENOTTY") && none.contains("push,x: ENXIO at open"), "{none}");
}
