//! The harness itself: each of its parts is seen to work, and to notice what it is there to notice.

use crate::harness::host::{Inventory, alone};
use crate::harness::terminal::{CTRL_C, CTRL_D, Terminal};
use crate::harness::{Output, Rlab, Running, need, web};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::panic::catch_unwind;
use std::process::Command;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(10);

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

fn run(script: &str) -> Output {
    Running::start(&mut shell(script)).wait(SOON)
}

#[test]
fn a_program_is_collected_and_judged() {
    let output = run("echo out; echo err >&2; exit 3").ended_with(3).wrote("out").told("err");
    assert_eq!(output.called, "sh -c 'echo out; echo err >&2; exit 3'");
    for wrong in [
        || drop(run("exit 1").succeeded()),
        || drop(run("echo a").wrote("b")),
        || drop(run("echo a").told("a")),
        || drop(Running::start(&mut shell("sleep 60")).wait(Duration::from_millis(50))),
        || Running::start(&mut shell("echo a; exec sleep 60")).wait_for_stdout("b", Duration::from_millis(50)),
    ] {
        catch_unwind(wrong).expect_err("a wrong outcome fails the test");
    }
}

#[test]
fn a_program_ends_with_the_test() {
    let mut running = Running::start(&mut shell("trap 'exit 0' TERM; echo up; while :; do sleep 0.01; done"));
    running.wait_for_stdout("up", SOON);
    assert!(!running.has_ended());
    let pid = running.pid();
    drop(running);
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "{pid} still runs");
}

#[test]
fn a_process_left_behind_does_not_hold_the_test() {
    let begun = Instant::now();
    let output = run("sleep 8 & echo $!").succeeded();
    assert!(begun.elapsed() < Duration::from_secs(7), "waited for a process that was left behind");
    let pid = output.stdout.trim().parse().unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
}

#[test]
fn a_terminal_is_a_terminal() {
    let mut terminal =
        Terminal::start(shell("tty && stty size && trap 'stty size; exit' WINCH; while :; do sleep 0.1; done"), 91, 17);
    terminal.wait_for("/dev/pts/", SOON);
    terminal.wait_for("17 91", SOON);
    // The shell may still be about to set its trap; a change of size is told again until it answers.
    for columns in 100..120 {
        terminal.resize(columns, 30);
        std::thread::sleep(Duration::from_millis(100));
        if terminal.text().contains("30 1") {
            break;
        }
    }
    terminal.wait_for("30 1", SOON);
    assert!(terminal.wait(SOON).success());
}

#[test]
fn keys_reach_the_program() {
    let mut terminal = Terminal::start(Command::new("cat"), 80, 24);
    terminal.type_in("ab\r");
    terminal.wait_for("ab\r\n", SOON);
    terminal.wait_for("ab\r\n", SOON);
    terminal.type_in(CTRL_D);
    assert!(terminal.wait(SOON).success());

    let mut terminal = Terminal::start(shell("echo up; exec sleep 60"), 80, 24);
    terminal.wait_for("up", SOON);
    terminal.type_in(CTRL_C);
    assert_eq!(terminal.wait(SOON).signal(), Some(2));
}

#[test]
fn a_page_is_got() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = String::new();
        BufReader::new(&stream).read_line(&mut request).unwrap();
        stream.write_all(b"HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\nno\n").unwrap();
        request
    });
    assert_eq!(web::http_get_once_up(address, "/a", SOON), web::Answer { status: 404, body: "no\n".to_owned() });
    assert_eq!(server.join().unwrap().trim(), "GET /a HTTP/1.0");
    let free = std::net::SocketAddr::from(([127, 0, 0, 1], web::free_port()));
    web::http_get(free, "/").expect_err("nobody listens");
}

#[test]
fn the_inventory_sees_what_is_left_behind() {
    need!(root(), programs(&["ip", "nft"], "apt install iproute2 nftables"));
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let before = Inventory::take(&[folder.path()]);
    assert!(!before.lines("mounts").is_empty() && before.lines("links").iter().any(|link| link.contains("ifname=lo")));
    before.assert_restored();

    let point = folder.path().join("point");
    let point = point.to_str().unwrap();
    let table = "add table ip rlab_test; add chain ip rlab_test c; add rule ip rlab_test c counter";
    let group = "$(awk '/ - cgroup2? /{print $5; exit}' /proc/self/mountinfo)/rlab-test";
    let made = [
        run(&format!("mkdir \"{group}\"")),
        run(&format!("mkdir {point} && mount -t tmpfs none {point} && ip link add rlab-test type bridge")),
        run(&format!("ip addr add 198.51.100.9/32 dev rlab-test && ip link set rlab-test up && nft '{table}'")),
    ];
    let stray = Running::start(Command::new("sleep").arg("60").env("RLAB_ROOT", folder.path().join("root")));
    let process = stray.pid();
    let difference = before.difference(&Inventory::take(&[folder.path()]));
    let without_files = before.difference(&Inventory::take_without_files(folder.path()));
    let of_another = before.difference(&Inventory::take_without_files(&folder.path().join("other")));
    drop(stray);
    let taken_away = run(&format!(
        "ip link del rlab-test; nft delete table ip rlab_test; umount {point}; rmdir {point} \"{group}\""
    ));
    made.into_iter().for_each(|output| drop(output.succeeded()));
    taken_away.succeeded();
    let stray = format!("processes, left behind: {process} sleep 60");
    assert!(without_files.contains(&stray) && !without_files.contains("files, left behind"), "{without_files}");
    assert!(!of_another.contains(&stray) && of_another.contains("ifname=rlab-test"), "{of_another}");
    for left in [
        "mounts, left behind: ".to_owned(),
        "cgroups, left behind: /sys/fs/cgroup/".to_owned(),
        "ifname=rlab-test".to_owned(),
        "addr_info/local=198.51.100.9".to_owned(),
        "dst=198.51.100.9".to_owned(),
        r#"{"chain":{"family":"ip","table":"rlab_test","name":"c"}}"#.to_owned(),
        r#"{"counter":{}}"#.to_owned(),
        stray,
        format!("files, left behind: {point}/"),
    ] {
        assert!(difference.contains(&left), "no {left:?} in\n{difference}");
    }
    before.assert_restored();
}

#[test]
#[ignore = "it is run by the test below, which looks at what it says"]
fn what_nobody_has() {
    need!(programs(&["rlab-what-nobody-has"], "there is no way"));
}

#[test]
fn a_skip_is_told_and_can_be_made_a_failure() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "--ignored", "house::what_nobody_has"]);
    let told = "skipped house::what_nobody_has: there is no program rlab-what-nobody-has: there is no way";
    Running::start(command.env_remove("RLAB_NO_SKIP")).wait(SOON).succeeded().told(told);
    Running::start(command.env("RLAB_NO_SKIP", "1")).wait(SOON).ended_with(101);
}

#[test]
fn each_rlab_has_its_own_root() {
    let _turn = crate::harness::host::together();
    let (one, other) = (Rlab::new(), Rlab::new());
    let command = one.command(&["images"]);
    let variable = |name: &str| command.get_envs().find(|(key, _)| *key == name).and_then(|(_, value)| value);
    assert_eq!(variable("RLAB_ROOT"), Some(one.root().as_os_str()));
    assert_eq!(variable("HOME"), Some(one.home().as_os_str()));
    assert_ne!(one.root(), other.root());
    let folder = one.folder().to_owned();
    drop(one);
    assert!(!folder.exists());
}
