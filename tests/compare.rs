//! One image both ways: what is measured and shown has its shape, one side that is missing costs the other nothing, and
//! nothing is left behind. No test here is about how long anything takes.

use crate::harness::host::{Inventory, alone};
use crate::harness::lab::lab;
use crate::harness::{Output, Rlab, Running, need};
use crate::vm::machines::share_kernels;
use nix::sys::signal::Signal;
use serde_json::Value;
use std::time::Duration;

/// Longer than two runs of each kind by emulation take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(400);

/// Folders where nft and ip are, and QEMU is not.
const WITHOUT_QEMU: &str = "/usr/sbin:/sbin";

/// Ends a test, aloud, where no machine can be started. Gives an rlab that has all that a machine needs.
macro_rules! need_machine {
    () => {{
        need!(
            root(),
            programs(&["ip", "nft"], "apt install iproute2 nftables"),
            programs(&["qemu-system-x86_64"], "apt install qemu-system-x86")
        );
        let rlab = Rlab::new();
        share_kernels(&rlab);
        let first = rlab.start(&["vm", "run", "lab", "true"]).wait(PATIENCE);
        if !first.status.success() {
            return crate::skip::aloud(format!("no machine can be started here: {}", first.stderr.trim()));
        }
        rlab.run(&["run", "--rm", "lab", "true"]).succeeded();
        rlab
    }};
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{output}"))
}

/// The samples of a measurement on one side.
fn samples<'a>(report: &'a Value, id: &str, side: &str) -> &'a [Value] {
    let measures = report["measures"].as_array().unwrap();
    let measure = measures.iter().find(|measure| measure["id"] == id);
    measure.unwrap_or_else(|| panic!("no {id} in {measures:#?}"))[side].as_array().unwrap()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no text at {pointer} in {value:#}"))
}

#[test]
fn both_sides_are_measured_and_nothing_is_left() {
    let _turn = alone();
    let rlab = need_machine!();
    let before = Inventory::take(&[&rlab.root()]);
    let picture = rlab.folder().join("times.svg");
    let svg = picture.to_str().unwrap();
    let arguments = ["compare", "-n", "1", "--instances", "2", "--format", "json", "--svg", svg, "lab"];
    let output = rlab.start(&arguments).wait(PATIENCE).succeeded();
    let report = json(&output);
    assert_eq!((&report["v"], &report["runs"], &report["image"]), (&1.into(), &1.into(), &"lab".into()));
    for side in ["container", "machine"] {
        assert_eq!(report[side]["failed"], Value::Null, "{output}");
        for id in ["start_warm", "whole_warm", "http_first", "stop", "memory_pss", "processes", "memory_believed"] {
            assert!(samples(&report, id, side)[0].as_f64().is_some_and(|value| value > 0.0), "{id} {side}\n{output}");
        }
        for id in ["syscall", "memory", "file_write", "file_read", "loopback", "disk_allocated", "disk_apparent"] {
            assert_eq!(samples(&report, id, side).len(), 1, "{id} {side}\n{output}");
        }
        let points = report["density"][side]["points"].as_array().unwrap();
        assert_eq!(points.iter().map(|point| &point["instances"]).collect::<Vec<_>>(), [1, 2], "{output}");
    }
    // What differs by the nature of the two, on every host.
    let outside = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    assert_eq!(text(&report, "/container/kernel"), outside.trim());
    assert!(["tcg", "kvm"].contains(&text(&report, "/machine/accelerator")), "{output}");
    let total = samples(&report, "memory_believed", "container")[0].as_f64().unwrap();
    assert_eq!(Some(total as u64), report["host"]["memory_bytes"].as_u64());
    assert!(samples(&report, "memory_believed", "machine")[0].as_f64().unwrap() <= f64::from(512 << 20));
    let roles = |side: &str| report[side]["processes"].to_string();
    assert!(roles("container").contains("\"program\"") && !roles("container").contains("\"qemu\""), "{output}");
    assert!(roles("machine").contains("\"qemu\"") && !roles("machine").contains("\"program\""), "{output}");
    let whats: Vec<&str> =
        report["machine"]["files"].as_array().unwrap().iter().map(|file| text(file, "/what")).collect();
    assert_eq!(whats, ["kernel", "initramfs", "disk image"], "{output}");
    assert!(std::fs::read_to_string(&picture).unwrap().contains("<svg"));
    before.assert_restored();
}

#[test]
fn without_qemu_the_machines_side_is_empty_and_says_why() {
    let lab = lab!();
    let measure = |format: &str| {
        let mut command = lab.command(&["compare", "-n", "2", "--instances", "1", "--format", format, "lab"]);
        Running::start(command.env("PATH", WITHOUT_QEMU)).wait(PATIENCE)
    };
    let output = measure("json").succeeded();
    let report = json(&output);
    assert_eq!(samples(&report, "start_warm", "container").len(), 2, "{output}");
    assert_eq!(samples(&report, "start_warm", "machine").len(), 0, "{output}");
    assert!(text(&report, "/machine/failed").contains("qemu-system-x86_64"), "{output}");
    assert_eq!(output.stderr.matches("measured no further").count(), 1, "{output}");
    let table = measure("table").succeeded();
    assert!(table.stdout.lines().all(|line| line.chars().count() <= 80), "{table}");
    table.wrote_line_with("start: first byte said").wrote_line_with("WHAT MUST NOT BE CONCLUDED");
}

#[test]
fn the_users_own_command_is_started() {
    let lab = lab!();
    let arguments = ["compare", "-n", "1", "--instances", "0", "--format", "json", "lab", "date"];
    let output = Running::start(lab.command(&arguments).env("PATH", WITHOUT_QEMU)).wait(PATIENCE).succeeded();
    let report = json(&output);
    assert_eq!(report["command"], serde_json::json!(["date"]));
    assert_eq!(samples(&report, "start_warm", "container").len(), 1, "{output}");
    assert!(!output.stdout.contains("http_first"), "a command is asked for no page\n{output}");
}

#[test]
fn who_asks_it_to_end_ends_both_sides() {
    let lab = lab!();
    let arguments = ["compare", "-n", "1", "lab"];
    let start = || {
        let running = Running::start(lab.command(&arguments).env("PATH", WITHOUT_QEMU));
        running.wait_for_stderr("4 idle containers", PATIENCE);
        running
    };
    let running = start();
    running.signal(Signal::SIGINT);
    running.wait(PATIENCE).ended_with(125).told("ended by a signal; both sides were ended too").wrote("");
    // One that was still looking for its image leaves an empty folder to the next command.
    lab.run(&["images"]).succeeded();
    lab.assert_restored();
    // Killed, it can end nothing itself: the kernel then asks its rlabs to end.
    let running = start();
    running.signal(Signal::SIGKILL);
    let killed = running.wait(PATIENCE);
    assert!(killed.status.code().is_none(), "{killed}");
    let mut left = lab.left();
    for _ in 0..100 {
        if left.is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
        lab.run(&["images"]).succeeded();
        left = lab.left();
    }
    assert_eq!(left, "");
}

#[test]
fn one_kernel_or_two_and_whose_processes() {
    let _turn = alone();
    let rlab = need_machine!();
    let before = Inventory::take(&[&rlab.root()]);
    let show =
        |what: &str| json(&rlab.start(&["compare", "--show", what, "--format", "json"]).wait(PATIENCE).succeeded());
    let swappiness = || std::fs::read_to_string("/proc/sys/vm/swappiness").unwrap().trim().to_owned();
    let outside = swappiness();
    let kernel = show("kernel");
    let row = |shown: &Value, at: usize, place: &str| text(&shown["rows"][at], &format!("/{place}")).to_owned();
    assert_eq!(row(&kernel, 0, "container"), row(&kernel, 0, "host"));
    assert_ne!(row(&kernel, 0, "machine"), row(&kernel, 0, "host"));
    assert_eq!(row(&kernel, 4, "container"), "refused: Operation not permitted (EPERM)");
    assert!(row(&kernel, 4, "machine").contains("Linux version"), "{kernel:#}");
    assert_eq!(row(&kernel, 6, "container"), "refused: Read-only file system (EROFS)");
    assert_eq!((row(&kernel, 6, "machine"), row(&kernel, 7, "machine")), ("61, taken".to_owned(), "61".to_owned()));
    assert_eq!((row(&kernel, 7, "host"), swappiness()), (outside.clone(), outside));
    let escape = show("escape");
    assert!(row(&escape, 0, "container").starts_with("found: `sleep "), "{escape:#}");
    assert!(row(&escape, 0, "machine").starts_with("not found"), "{escape:#}");
    assert!(row(&escape, 3, "machine").contains("qemu"), "{escape:#}");
    before.assert_restored();
}

#[test]
fn what_a_container_frees_is_the_hosts_again_and_what_a_machine_frees_is_not() {
    let _turn = alone();
    let rlab = need_machine!();
    let before = Inventory::take(&[&rlab.root()]);
    let shown = json(&rlab.start(&["compare", "--show", "elastic", "--format", "json"]).wait(PATIENCE).succeeded());
    let back = |row: usize, place: &str| {
        let told = text(&shown["rows"][row], &format!("/{place}"));
        told.rsplit_once('(').unwrap().1.split(' ').next().unwrap().parse::<u32>().unwrap()
    };
    assert!(back(3, "container") > 90 && back(3, "machine") < 50, "{shown:#}");
    // What the guest's driver reports in large pieces, and after a while, is most of it.
    assert!(back(4, "machine") > 60, "{shown:#}");
    before.assert_restored();
}

#[test]
fn the_tools_that_look_around_say_what_they_find() {
    let lab = lab!();
    lab.tool(&[], &["dmesg", "1"]).ended_with(1).told("Operation not permitted (EPERM)");
    lab.tool(&[], &["date"]).succeeded().wrote_line_with("T");
    let measured = lab.tool(&[], &["bench"]).succeeded();
    let names: Vec<&str> = measured.stdout.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(names, ["syscall", "memory", "file_write", "file_read", "loopback"], "{measured}");
    lab.tool(&[], &["bench", "sleep"]).ended_with(2).told("usage: bench [syscall|memory|file|loopback]");
}
