//! What a container must never get hold of, and what it must not take with it when it goes.

use crate::harness::host::{alone, together};
use crate::harness::{Output, Rlab, Running, need};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(30);

#[track_caller]
fn shell(rlab: &Rlab, flags: &[&str], line: &str) -> Output {
    rlab.run(&[&["run", "--rm"], flags, &["lab", "sh", "-c", line]].concat())
}

/// Without -i the program's input is the host's own null device, and its user is given the pipes beside it.
#[test]
fn the_hosts_null_device_keeps_its_owner() {
    need!(root());
    let (_turn, rlab) = (together(), Rlab::new());
    let owner = || std::fs::metadata("/dev/null").map(|found| (found.uid(), found.gid())).unwrap();
    let before = owner();
    shell(&rlab, &["-u", "1000"], "id").succeeded();
    assert_eq!(owner(), before);
}

/// The reaper is a copy of rlab, with a copy of each of its descriptors.
#[test]
fn process_1_of_init_holds_nothing_of_the_hosts() {
    need!(root());
    let (_turn, rlab) = (together(), Rlab::new());
    let output = shell(&rlab, &["--init", "--cap-add", "SYS_PTRACE", "--explain=json"], "ls -l /proc/1/fd").succeeded();
    let targets: Vec<&str> =
        output.stdout.lines().filter_map(|line| line.split_once("-> ")).map(|(_, to)| to).collect();
    let own =
        |target: &&str| target.starts_with("pipe:") || target.contains("signalfd") || target.contains("/dev/null");
    assert!(!targets.is_empty() && targets.iter().all(own), "{output}");
}

/// CVE-2019-5736: who keeps rlab's file open could write to it once nobody runs it any more.
#[test]
fn rlabs_own_file_can_not_be_written_through_a_process_of_its() {
    need!(root());
    // As long as anyone runs the file, it is busy for everyone.
    let (_turn, rlab) = (alone(), Rlab::new());
    shell(&rlab, &[], "true").succeeded();
    let running = rlab.start(&["run", "--rm", "--network", "none", "lab", "sh", "-c", "echo up; sleep 30"]);
    running.wait_for_stdout("up", SOON);
    let kept = open(format!("/proc/{}/exe", running.pid()).as_str(), OFlag::O_PATH, Mode::empty()).unwrap();
    running.signal(nix::sys::signal::Signal::SIGTERM);
    running.wait(SOON);
    let path = format!("/proc/self/fd/{}", kept.as_raw_fd());
    let until = Instant::now() + SOON;
    let refused = loop {
        match open(path.as_str(), OFlag::O_WRONLY, Mode::empty()).err() {
            // A test that runs no container takes no turn, and may run the file just now.
            Some(Errno::ETXTBSY) if Instant::now() < until => std::thread::sleep(Duration::from_millis(5)),
            refused => break refused,
        }
    };
    assert_eq!(refused, Some(Errno::EROFS));
}

#[test]
fn a_private_user_namespace_sees_the_image_as_its_own_and_the_disk_as_it_is() {
    need!(root());
    let (_turn, rlab) = (together(), Rlab::new());
    let output = shell(&rlab, &["--userns", "private"], "ls -l /bin/sh /etc/hosts; touch /new; ls -l /new").succeeded();
    assert_eq!(output.stdout.matches("nobody").count(), 0, "{output}");
    assert_eq!(output.stdout.lines().filter(|line| line.contains("root")).count(), 3, "{output}");
    // -1 would mean to setresuid(2): stay who you are.
    rlab.run(&["run", "--rm", "-u", "4294967295", "lab", "id"]).ended_with(125);
}

/// The terminal has to be hung up, or the program fills it and both wait for ever.
#[test]
fn a_reader_that_goes_away_ends_the_run() {
    need!(root());
    let (_turn, rlab) = (together(), Rlab::new());
    shell(&rlab, &[], "true").succeeded();
    for flags in [&[][..], &["-t"]] {
        let mut command = rlab.command(&[&["run", "--rm"], flags, &["lab", "cat", "/dev/zero"]].concat());
        let mut child = command.stdout(Stdio::piped()).stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut read = child.stdout.take().unwrap();
        read.read_exact(&mut [0; 16]).unwrap();
        drop(read);
        let begun = std::time::Instant::now();
        while child.try_wait().unwrap().is_none() {
            if begun.elapsed() > SOON {
                child.kill().and_then(|()| child.wait()).ok();
                panic!("{flags:?}: still running");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn a_file_or_pipe_is_no_terminal() {
    need!(root());
    let (_turn, rlab) = (together(), Rlab::new());
    let mut command = rlab.command(&["run", "--rm", "-it", "lab", "true"]);
    Running::start(command.stdin(Stdio::piped())).wait(SOON).ended_with(125).told("not a TTY");
}
