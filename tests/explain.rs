//! What `--explain` tells: the same words for the same command, in every view, and nothing that its schema does not know.
//!
//! The snapshots are of commands run as on a machine that is always the same: in a network namespace of their own, under
//! a host name of their own, in the root of every cgroup hierarchy, without a capability that some hosts withhold.

use crate::harness::host::together;
use crate::harness::web::{free_port, http_get_once_up};
use crate::harness::{Output, Rlab, Running, need};
use crate::nginx::{image, need_nginx, registry_with};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);
const VIEWS: [&str; 4] = ["story", "brief", "calls", "json"];

/// From here on this test, and what it starts, is alone in a network namespace: no bridge, rule or setting of another
/// test's container or of the host's own is in it.
pub fn in_a_network_of_its_own() {
    unshare(CloneFlags::CLONE_NEWNET).unwrap();
    let script = "ip link set lo up; cd /proc/sys/net/ipv4; echo 0 >ip_forward; echo 0 >conf/all/route_localnet";
    let status = Command::new("sh").args(["-ec", script]).status().unwrap();
    assert!(status.success(), "{status}");
}

/// What a shell does before it becomes the command: as on a machine that is always the same, see the top of this file.
pub const SETTLED: &str = r#"
    for group in /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/*/cgroup.procs; do
        test ! -e "$group" || echo $$ >"$group"
    done
    echo host >/proc/sys/kernel/hostname
    umask 022
    exec setpriv --bounding-set=-sys_resource --inh-caps=-sys_resource "$@""#;

fn settled(rlab: &Rlab, arguments: &[&str]) -> Command {
    let inner = rlab.command(arguments);
    let mut command = Command::new("unshare");
    command.args(["--uts", "sh", "-ec", SETTLED, "sh"]).arg(inner.get_program()).args(inner.get_args());
    command.env_clear().envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(rlab.folder()).stdin(Stdio::null());
    command
}

fn run(rlab: &Rlab, arguments: &[&str]) -> Output {
    Running::start(&mut settled(rlab, arguments)).wait(PATIENCE)
}

/// An rlab that has packed its lab image already: only the first run tells of that.
fn warm() -> Rlab {
    let rlab = Rlab::new();
    run(&rlab, &["run", "--rm", "lab", "id"]).succeeded();
    rlab
}

/// The first line in which two texts differ, with the one before it.
#[track_caller]
fn assert_same(what: &str, one: &str, other: &str) {
    let mut before = "";
    for (number, (left, right)) in one.lines().zip(other.lines()).enumerate() {
        assert!(left == right, "{what}, line {}\nafter  {before}\none    {left}\nother  {right}", number + 1);
        before = left;
    }
    assert_eq!(one.lines().count(), other.lines().count(), "{what}: one has more lines, after {before}");
}

/// Runs a command twice in one root and once in another, and compares what is told in every view.
fn assert_stable(arguments: &[&str], code: i32) {
    in_a_network_of_its_own();
    let (one, other) = (warm(), warm());
    let told = |rlab: &Rlab| {
        let file = rlab.folder().join("trace.jsonl");
        let file = file.to_str().unwrap();
        run(rlab, &[&["run", "--rm", "--trace-out", file], arguments].concat()).ended_with(code);
        VIEWS.map(|view| rlab.run(&["explain", file, "--view", view, "--stable"]).succeeded().stdout)
    };
    let [first, again, elsewhere] = [&one, &one, &other].map(told);
    for (at, view) in VIEWS.iter().enumerate() {
        assert!(first[at].lines().count() > 10, "{}", first[at]);
        assert_same(&format!("{view}, the same root"), &first[at], &again[at]);
        assert_same(&format!("{view}, another root"), &first[at], &elsewhere[at]);
    }
}

#[test]
fn two_stable_runs_tell_the_same() {
    need!(root(), programs(&["ip", "nft"], "apt install iproute2 nftables"));
    let _turn = together();
    assert_stable(&["-p", "8080:80", "-m", "64m", "lab", "id"], 0);
}

#[test]
fn two_stable_runs_that_fail_tell_the_same() {
    need!(root(), programs(&["ip", "nft"], "apt install iproute2 nftables"));
    let _turn = together();
    assert_stable(&["--cpus", "0.5", "lab", "no-such-program"], 127);
}

/// The process itself takes its number in the user namespace, after its parent has told of the maps.
#[test]
fn a_stage_that_two_processes_work_on_is_told_once() {
    need!(root(), programs(&["ip", "nft"], "apt install iproute2 nftables"));
    let _turn = together();
    in_a_network_of_its_own();
    let told = run(&warm(), &["run", "--rm", "--userns", "private", "--stable", "--explain=brief", "lab", "id"]);
    let told = told.succeeded().stderr;
    let of_maps: Vec<&str> = told.lines().filter(|line| line.contains(" id_mappings ")).collect();
    assert_eq!(of_maps.len(), 1, "{told}");
    assert!(!told.contains("failed"), "{told}");
}

#[test]
fn the_story_is_told_again_later() {
    need!(root(), programs(&["ip", "nft"], "apt install iproute2 nftables"));
    let _turn = together();
    in_a_network_of_its_own();
    let rlab = warm();
    let mut kept = None;
    for view in VIEWS {
        let (name, explain) = (format!("told-{view}"), format!("--explain={view}"));
        let told = run(&rlab, &["run", "--name", &name, "--stable", &explain, "lab", "id"]).succeeded().stderr;
        // The heading is the run's own: what it was, and how to see more.
        let told = if view == "story" { told.split_once("\n\n").unwrap().1.to_owned() } else { told };
        let again = rlab.run(&["explain", &name, "--view", view, "--stable"]).succeeded();
        assert_same(view, told.trim(), again.stdout.trim());
        assert_eq!(again.stderr, "");
        kept.get_or_insert(again.stdout);
    }
    // A trace file is as good as the container, and is there when the container is not.
    let file = rlab.folder().join("trace.jsonl");
    let file = file.to_str().unwrap();
    let output = rlab.run(&["run", "--rm", "--trace-out", file, "lab", "id"]).succeeded();
    assert_eq!(output.stderr, "", "a trace alone says nothing");
    let again = rlab.run(&["explain", file, "--stable"]).succeeded();
    assert!(again.stdout.contains(" 1 resolve ──") && again.stdout.contains(" teardown ──"), "{again}");
    rlab.run(&["explain", "nobody"]).ended_with(125).wrote("");
}

#[test]
fn every_line_of_a_trace_keeps_to_the_schema() {
    need!(root(), programs(&["ip", "nft"], "apt install iproute2 nftables"));
    need!(programs(&["python3"], "apt install python3 python3-jsonschema"));
    if !Command::new("python3").args(["-c", "import jsonschema"]).stderr(Stdio::null()).status().unwrap().success() {
        return crate::skip::aloud("python3 has no jsonschema: apt install python3-jsonschema");
    }
    let _turn = together();
    let rlab = Rlab::new();
    let schema = rlab.folder().join("schema.json");
    std::fs::write(&schema, rlab.run(&["trace", "schema"]).succeeded().stdout).unwrap();
    let port = format!("{}:80", free_port());
    let mut traces = vec![];
    for (name, arguments, code) in [
        ("first", &["-p", &port, "-m", "64m", "--cpus", "0.5", "--init", "-v", "/tmp:/tmp", "lab", "id"][..], 0),
        ("failed", &["--read-only", "lab", "no-such-program"], 127),
        ("chroot", &["--chroot", "--privileged", "--network", "host", "lab", "sh", "-c", "exit 3"], 3),
    ] {
        let file = rlab.folder().join(name);
        rlab.run(&[&["run", "--rm", "--trace-out", file.to_str().unwrap()], arguments].concat()).ended_with(code);
        traces.push(file);
    }
    let check = r#"
import json, sys, jsonschema
with open(sys.argv[1]) as file: schema = json.load(file)
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
for name in sys.argv[2:]:
    kinds = set()
    for number, line in enumerate(open(name), 1):
        event = json.loads(line)
        kinds.add(event["kind"])
        for error in validator.iter_errors(event):
            print(name, number, line, error.message, *[cause.message for cause in error.context])
    if not {"enter", "leave", "call", "work", "change", "skip", "note"} <= kinds: print(name, "has only", kinds)
for broken in [{}, {**event, "kind": "nothing"}, {**event, "stage": "nowhere"}, {**event, "seq": 0}]:
    if validator.is_valid(broken): print("the schema lets pass", broken)
"#;
    let output = Running::start(Command::new("python3").args(["-c", check]).arg(schema).args(&traces)).wait(PATIENCE);
    output.succeeded().wrote("");
    // Numbers are given once, and by the processes together without a gap.
    for file in &traces {
        let text = std::fs::read_to_string(file).unwrap();
        let mut seen: Vec<u64> =
            text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64().unwrap()).collect();
        seen.sort_unstable();
        assert_eq!(seen, (1..=seen.len() as u64).collect::<Vec<_>>(), "{}", file.display());
    }
}

#[test]
fn a_story_fits_a_page_and_is_plain_where_nobody_asked_for_colour() {
    need!(root(), programs(&["ip", "nft"], "apt install iproute2 nftables"));
    let _turn = together();
    let rlab = warm();
    for arguments in [&["-m", "64m", "lab", "id"][..], &["lab", "no-such-program"]] {
        let output = rlab.run(&[&["run", "--rm", "--explain"], arguments].concat());
        // What fails is said by the error, which is to be copied: its lines are not broken.
        let story = output.stderr.split("\nrlab: ").next().unwrap();
        for line in story.lines() {
            assert!(line.chars().count() <= 80, "{} columns: {line}", line.chars().count());
            assert!(!line.contains('\u{1b}') && !line.ends_with(' '), "{line:?}");
        }
    }
    for (variable, coloured) in [(None, true), (Some("NO_COLOR"), false)] {
        let mut command = rlab.command(&["run", "--rm", "--explain", "lab", "id"]);
        command.envs(variable.map(|name| (name, "1")));
        let mut terminal = crate::harness::terminal::Terminal::start(command, 80, 24);
        assert!(terminal.wait(PATIENCE).success());
        assert_eq!(terminal.raw().contains("\u{1b}["), coloured, "{variable:?}\n{}", terminal.raw());
    }
}

/// The snapshots were taken where most controllers are on cgroup v1 and v2 stands empty beside them.
fn hybrid() -> bool {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let is_hybrid = mounts.contains(" - cgroup ") && mounts.contains(" - cgroup2 ");
    if !is_hybrid {
        crate::skip::aloud("the snapshots are of a host with a hybrid cgroup layout, and this one's is another");
    }
    is_hybrid
}

/// Masks what is a matter of this host or of this build.
pub fn masked() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_omit_expression(true);
    settings.set_prepend_module_to_snapshot(false);
    settings.add_filter(r"Linux \d+\.\d+", "Linux (version)");
    settings.add_filter(r"localhost:\d{5}", "localhost:(port)");
    settings.add_filter(r"127\.0\.0\.1:\d{5}", "127.0.0.1:(port)");
    // What the host's own root is mounted from.
    settings.add_filter(r"   /  [a-z0-9]+ \S+ +→", "   /  (host)  →");
    settings.add_filter(r#"(root /: |(?:hosts|hostname|resolv.conf): NULL -> )"[^"]+""#, "$1(host)");
    settings.add_filter(
        r#"("key":"/","before":|"key":"/etc/(?:hosts|hostname|resolv.conf)","before":null,"after":)"[^"]+""#,
        "$1\"(host)\"",
    );
    settings
}

/// Compares with the snapshot.
fn assert_told(name: &str, told: &str) {
    let mut settings = masked();
    settings.add_filter(r"--root \S+", "--root (root)");
    settings.bind(|| insta::assert_snapshot!(name, told));
}

#[test]
fn what_lab_id_tells() {
    need!(root(), programs(&["ip", "nft"], "apt install iproute2 nftables"));
    if !hybrid() {
        return;
    }
    let _turn = together();
    in_a_network_of_its_own();
    let rlab = warm();
    for view in VIEWS {
        let explain = format!("--explain={view}");
        let arguments = ["run", "--rm", "--stable", &explain, "-p", "8080:80", "-m", "64m", "lab", "id"];
        assert_told(&format!("lab-{view}"), &run(&rlab, &arguments).succeeded().stderr);
    }
}

#[test]
fn what_nginx_from_a_registry_tells() {
    let layout = need_nginx!();
    if !hybrid() {
        return;
    }
    let _turn = together();
    in_a_network_of_its_own();
    let (registry, rlab) = (registry_with(layout, false), Rlab::new());
    let arguments = ["run", "--rm", "--stable", "--explain", "-p", "8080:80", &image(&registry)];
    let running = Running::start(&mut settled(&rlab, &arguments));
    let answer = http_get_once_up(SocketAddr::from(([127, 0, 0, 1], 8080)), "/", PATIENCE);
    assert_eq!(answer.status, 200);
    running.signal(Signal::SIGTERM);
    assert_told("nginx-story", &running.wait(PATIENCE).succeeded().stderr);
}

#[test]
fn what_a_kill_for_memory_tells() {
    need!(root());
    if !hybrid() {
        return;
    }
    let _turn = together();
    let rlab = warm();
    let arguments = ["run", "--rm", "--stable", "--explain", "--network", "none", "-m", "64m", "lab", "eat", "200m"];
    assert_told("oom-story", &run(&rlab, &arguments).ended_with(137).stderr);
}

#[test]
fn what_a_failure_half_way_tells() {
    need!(root());
    if !hybrid() {
        return;
    }
    let _turn = together();
    let rlab = warm();
    let base = ["run", "--rm", "--stable", "--explain", "--network", "none"];
    for (name, arguments, code) in [
        ("failed-rlimits-story", &["--ulimit", "nofile=99999999:99999999", "lab", "id"][..], 125),
        ("failed-exec-story", &["lab", "no-such-program"], 127),
    ] {
        assert_told(name, &run(&rlab, &[&base, arguments].concat()).ended_with(code).stderr);
    }
}
