//! `rlab run` as a user of `docker run` knows it: exit codes, flags, signals, and a host that is as it was before.

use crate::harness::host::{Inventory, alone, together};
use crate::harness::web::{free_port, host_address, http_get, http_get_once_up};
use crate::harness::{Output, Rlab, need};
use nix::sys::signal::Signal;
use std::net::SocketAddr;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

/// `rlab run --rm` with flags, the image `lab` and a command.
#[track_caller]
fn run(rlab: &Rlab, flags: &[&str], command: &[&str]) -> Output {
    rlab.run(&[&["run", "--rm"], flags, &["lab"], command].concat())
}

/// The same, with a line for the shell in the image.
#[track_caller]
fn shell(rlab: &Rlab, flags: &[&str], line: &str) -> Output {
    run(rlab, flags, &["sh", "-c", line])
}

#[test]
fn exit_codes_are_dockers() {
    need!(root());
    let (_turn, rlab) = (together(), Rlab::new());
    run(&rlab, &[], &["true"]).succeeded().wrote("");
    run(&rlab, &[], &["false"]).ended_with(1);
    shell(&rlab, &[], "exit 7").ended_with(7);
    run(&rlab, &["--no-such-flag"], &["true"]).ended_with(125).told("--no-such-flag");
    run(&rlab, &["-m", "much"], &["true"]).ended_with(125).told("much");
    run(&rlab, &[], &["/etc/passwd"]).ended_with(126).told("permission denied");
    run(&rlab, &[], &["/etc"]).ended_with(126);
    run(&rlab, &[], &["no-such-program"]).ended_with(127).told("not found").told("try: ");
    run(&rlab, &["--init"], &["sh", "-c", "kill -KILL $$"]).ended_with(137);
    rlab.run(&["run", "--rm", "--pull", "never", "no-such-image"]).ended_with(125).told("no-such-image");
}

#[test]
fn output_goes_where_the_program_sends_it() {
    need!(root());
    let (_turn, rlab) = (together(), Rlab::new());
    run(&rlab, &[], &["true"]).succeeded();
    let output = run(&rlab, &[], &["ls", "/no-such-file"]).ended_with(1);
    assert_eq!((output.stdout.as_str(), output.stderr.contains("/no-such-file")), ("", true), "{output}");
    let output = run(&rlab, &["--explain"], &["echo", "hi"]).succeeded().wrote("hi").told("pivot_root");
    assert!(!output.stdout.contains("pivot_root"), "{output}");
    let mut command = rlab.command(&["run", "--rm", "-i", "lab", "cat"]);
    let mut child = crate::harness::Running::start(command.stdin(std::process::Stdio::piped()));
    child.write_stdin(b"from outside\n");
    child.wait(SOON).succeeded().wrote("from outside");
}

#[test]
fn the_program_starts_as_it_was_asked_to() {
    need!(root());
    let (_turn, rlab) = (together(), Rlab::new());
    std::fs::write(rlab.folder().join("env"), "# a comment\nFROM_FILE=yes\nBARE\n").unwrap();
    let flags = ["-e", "A=b c", "--env-file", "env", "-w", "/tmp", "-u", "33:44", "-h", "web"];
    let output = shell(&rlab, &flags, "env; pwd; id; hostname").succeeded();
    for line in ["A=b c", "FROM_FILE=yes", "HOSTNAME=web", "/tmp", "uid=33 gid=44 groups=44", "web"] {
        assert!(output.stdout.lines().any(|told| told == line), "no line {line:?}\n{output}");
    }
    assert!(!output.stdout.contains("BARE") && !output.stdout.contains("RLAB"), "{output}");
    run(&rlab, &["--entrypoint", "/bin/echo"], &["a", "b"]).succeeded().wrote("a b");
    run(&rlab, &["-w", "/made/for/it"], &["pwd"]).succeeded().wrote("/made/for/it");
    run(&rlab, &["-u", "nobody"], &["id", "-u"]).succeeded().wrote("65534");
    run(&rlab, &["-u", "no-such-user"], &["id"]).ended_with(125).told("no-such-user");
}

#[test]
fn files_come_and_stay_as_asked() {
    need!(root());
    let (_turn, rlab) = (together(), Rlab::new());
    let shared = rlab.folder().join("shared");
    std::fs::create_dir(&shared).unwrap();
    std::fs::write(shared.join("in"), "from the host").unwrap();
    let volume = format!("{}:/mnt", shared.display());
    shell(&rlab, &["-v", &volume], "cat /mnt/in; write /mnt/out from inside").succeeded().wrote("from the host");
    assert_eq!(std::fs::read_to_string(shared.join("out")).unwrap().trim(), "from inside");
    let read_only = format!("{volume}:ro");
    shell(&rlab, &["-v", &read_only], "write /mnt/out no").ended_with(1).told("Read-only file system");
    shell(&rlab, &["--read-only"], "write /file no").ended_with(1).told("Read-only file system");
    shell(&rlab, &["--read-only", "--tmpfs", "/scratch:size=1m"], "write /scratch/file yes; cat /scratch/file")
        .wrote("yes");
    shell(&rlab, &[], "write /file of-one-container; cat /file").succeeded().wrote("of-one-container");
    run(&rlab, &[], &["cat", "/file"]).ended_with(1);
}

#[test]
fn power_is_given_and_taken() {
    need!(root());
    let (_turn, rlab) = (together(), Rlab::new());
    let status = |flags: &[&str], name: &str| {
        let output = run(&rlab, flags, &["cat", "/proc/self/status"]).succeeded();
        let line =
            output.stdout.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t").map(str::to_owned));
        line.unwrap_or_else(|| panic!("no {name}\n{output}"))
    };
    // Docker's fourteen.
    assert_eq!(status(&[], "CapEff"), "00000000a80425fb");
    assert_eq!(status(&["--cap-drop", "ALL"], "CapEff"), "0000000000000000");
    assert_eq!(status(&["--cap-drop", "ALL", "--cap-add", "NET_ADMIN"], "CapEff"), "0000000000001000");
    assert_eq!(status(&["-u", "33"], "CapEff"), "0000000000000000");
    assert_eq!(status(&[], "Seccomp"), "2");
    assert_eq!(status(&["--security-opt", "seccomp=unconfined"], "Seccomp"), "0");
    assert_eq!(status(&["--security-opt", "no-new-privileges"], "NoNewPrivs"), "1");
    run(&rlab, &["--cap-add", "FLIGHT"], &["true"]).ended_with(125).told("FLIGHT");
    let limits = run(&rlab, &["--ulimit", "nofile=100:200"], &["cat", "/proc/self/limits"]).succeeded();
    let line = limits.stdout.lines().find(|line| line.starts_with("Max open files")).unwrap().to_owned();
    assert_eq!(line.split_whitespace().collect::<Vec<_>>()[3..5], ["100", "200"], "{limits}");
}

#[test]
fn names_are_private_or_the_hosts() {
    need!(root());
    let (_turn, rlab) = (together(), Rlab::new());
    let link = |name: &str| std::fs::read_link(format!("/proc/self/ns/{name}")).unwrap().display().to_string();
    let inside = |flags: &[&str], name: &str| {
        let listed = run(&rlab, flags, &["ls", "-l", &format!("/proc/self/ns/{name}")]).succeeded();
        listed.stdout.trim().rsplit(' ').next().unwrap().to_owned()
    };
    for name in ["mnt", "uts", "ipc", "pid", "net", "cgroup"] {
        assert_ne!(inside(&[], name), link(name), "{name}");
    }
    assert_eq!(inside(&[], "user"), link("user"));
    for (flag, name) in
        [("--uts", "uts"), ("--ipc", "ipc"), ("--pid", "pid"), ("--network", "net"), ("--cgroupns", "cgroup")]
    {
        assert_eq!(inside(&[flag, "host"], name), link(name), "{flag} host");
    }
    assert_ne!(inside(&["--userns", "private"], "user"), link("user"));
    run(&rlab, &[], &["sh", "-c", "echo $$"]).succeeded().wrote("1");
}

#[test]
fn a_served_page_is_seen_and_a_signal_ends_it_without_a_trace() {
    need!(root(), programs(&["ip", "nft"], "apt install iproute2 nftables"));
    let (_turn, rlab) = (alone(), Rlab::new());
    run(&rlab, &[], &["true"]).succeeded();
    let before = Inventory::take(&[&rlab.root()]);
    let port = free_port();
    let published = format!("{port}:80");
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let server = rlab.start(&["run", "--rm", "-p", &published, "--explain", "lab", "httpd", "-p", "80", "hello"]);
        let page = http_get_once_up(SocketAddr::from(([127, 0, 0, 1], port)), "/", SOON);
        assert!(page.status == 200 && page.body.contains("hello"), "{page:?}");
        if let Some(address) = host_address() {
            let page = http_get(SocketAddr::from((address, port)), "/").unwrap();
            assert!(page.body.contains("hello"), "{page:?}");
        }
        assert_ne!(before.difference(&Inventory::take(&[&rlab.root()])), "", "a running container shows on the host");
        server.signal(signal);
        server.wait(SOON).succeeded().told(" stop ").told(" teardown ");
        before.assert_restored();
    }
}

#[test]
fn a_signal_ends_what_does_not_handle_it() {
    need!(root());
    let (_turn, rlab) = (together(), Rlab::new());
    for (flags, signal) in [(&["--init"][..], Signal::SIGTERM), (&["--init"], Signal::SIGHUP), (&[], Signal::SIGUSR1)] {
        let asleep = rlab.start(&[&["run", "--rm"], flags, &["lab", "sh", "-c", "echo up; sleep 1000"]].concat());
        asleep.wait_for_stdout("up", SOON);
        asleep.signal(signal);
        if flags.is_empty() {
            // Process 1 of a PID namespace gets no signal that it has no handler for.
            std::thread::sleep(Duration::from_millis(500));
            run(&rlab, &["--pid", "host"], &["true"]).succeeded();
            asleep.signal(Signal::SIGTERM);
        }
        drop(asleep);
    }
}

#[test]
fn a_kill_leaves_what_the_next_command_sweeps_up() {
    need!(root(), programs(&["ip", "nft"], "apt install iproute2 nftables"));
    let (_turn, rlab) = (alone(), Rlab::new());
    run(&rlab, &[], &["true"]).succeeded();
    let before = Inventory::take(&[&rlab.root()]);
    let server = rlab.start(&["run", "--rm", "lab", "sh", "-c", "echo up; sleep 1000"]);
    server.wait_for_stdout("up", SOON);
    server.signal(Signal::SIGKILL);
    server.wait(SOON);
    run(&rlab, &[], &["true"]).succeeded();
    before.assert_restored();
}

#[test]
fn a_failed_start_leaves_nothing() {
    need!(root(), programs(&["ip", "nft"], "apt install iproute2 nftables"));
    let (_turn, rlab) = (alone(), Rlab::new());
    run(&rlab, &[], &["true"]).succeeded();
    let before = Inventory::take(&[&rlab.root()]);
    run(&rlab, &[], &["no-such-program"]).ended_with(127);
    run(&rlab, &["-u", "no-such-user"], &["true"]).ended_with(125);
    run(&rlab, &["-v", "/no-such-folder:/proc/self/mem"], &["true"]).ended_with(125);
    before.assert_restored();
}
