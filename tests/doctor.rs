//! `rlab doctor`: what it says here, to whom, and that it leaves everything as it was.

use crate::harness::host::{Inventory, alone, together};
use crate::harness::{Output, Rlab, Running, need};
use serde_json::{Value, json};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

// Every one of these takes its turn: who compares the host before and after would count their rlab as left behind.

const SOON: Duration = Duration::from_secs(60);

fn report(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{output}"))
}

/// One field of a row of the report, by its check.
#[track_caller]
fn field(report: &Value, check: &str, name: &str) -> String {
    let row = report["rows"].as_array().unwrap().iter().find(|row| row["check"] == check);
    row.unwrap_or_else(|| panic!("no row {check:?} in {report}"))[name].as_str().unwrap().to_owned()
}

#[track_caller]
fn can(report: &Value, what: &str) -> String {
    let all = report["can"].as_array().unwrap();
    all.iter().find(|one| one["what"] == what).unwrap()["verdict"].as_str().unwrap().to_owned()
}

/// rlab behind a program that changes what it may do.
fn behind(rlab: &Rlab, before: &[&str], arguments: &[&str]) -> Output {
    let inner = rlab.command(arguments);
    let mut command = Command::new(before[0]);
    command.args(&before[1..]).arg(inner.get_program()).args(inner.get_args());
    command.env("RLAB_ROOT", rlab.root()).env("RLAB_CONFIG", rlab.folder().join("config.toml"));
    Running::start(command.stdin(Stdio::null())).wait(SOON)
}

#[test]
fn the_report_says_whether_containers_can_be_made() {
    let _turn = together();
    let rlab = Rlab::new();
    let output = rlab.run(&["doctor", "--format", "json"]);
    let report = report(&output);
    let runs = can(&report, "run containers as root") != "missing";
    let output = output.ended_with(if runs { 0 } else { 1 });
    for row in report["rows"].as_array().unwrap() {
        let names: Vec<&str> = row.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["check", "fact", "verdict", "fix"], "{output}");
        assert!(["ok", "limited", "missing"].contains(&row["verdict"].as_str().unwrap()), "{row}");
    }
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    assert!(field(&report, "kernel", "fact").contains(release.trim()));
    let user = nix::unistd::geteuid();
    let wanted = if user.is_root() { "root".to_owned() } else { format!("user {user}; containers are made by root") };
    assert_eq!(field(&report, "user", "fact"), wanted);
    if user.is_root() {
        // What it promises is held against what happens.
        let ran = rlab.run(&["run", "--rm", "--network", "none", "lab", "true"]).status.success();
        assert_eq!(ran, runs, "{output}");
    }
}

#[test]
fn the_table_fits_eighty_columns_and_has_no_colour_in_it() {
    let _turn = together();
    let output = Rlab::new().run(&["doctor"]);
    for line in output.stdout.lines() {
        assert!(line.chars().count() <= 80 && !line.contains('\u{1b}'), "{line:?}\n{output}");
    }
    assert!(output.stdout.contains("CHECK") && output.stdout.contains("WHAT RLAB CAN DO HERE"), "{output}");
    Rlab::new().run(&["doctor", "--help"]).succeeded().wrote_line_with("Ends with 0 where `rlab run` can work");
}

#[test]
fn nothing_on_the_host_is_changed() {
    need!(root(), programs(&["ip", "nft"], "apt install iproute2 nftables"));
    let _turn = alone();
    let rlab = Rlab::new();
    let before = Inventory::take(&[rlab.folder()]);
    rlab.run(&["doctor"]);
    let difference = before.difference(&Inventory::take(&[rlab.folder()]));
    assert_eq!(difference, "");
    assert!(!rlab.root().exists(), "not even its own root is made");
}

#[test]
fn what_was_taken_from_root_is_missed() {
    need!(root(), programs(&["setpriv", "unshare"], "apt install util-linux"));
    let _turn = together();
    let rlab = Rlab::new();
    let output = behind(
        &rlab,
        &["setpriv", "--bounding-set=-sys_admin,-mknod", "--inh-caps=-sys_admin,-mknod", "--no-new-privs"],
        &["doctor", "--format", "json"],
    );
    let report = report(&output.ended_with(1));
    let lacks = field(&report, "capabilities", "fact");
    assert!(lacks.contains("CAP_SYS_ADMIN") && lacks.contains("CAP_MKNOD") && !lacks.contains("CAP_CHOWN"), "{lacks}");
    assert!(field(&report, "confinement", "fact").contains("no_new_privs"));
    assert_eq!(field(&report, "namespace mnt", "verdict"), "missing");
    assert!(field(&report, "namespace mnt", "fact").contains("EPERM"));
    assert_eq!(field(&report, "namespace user", "verdict"), "ok", "that one takes no capability");
}

#[test]
fn a_mount_namespace_around_it_is_seen() {
    need!(root(), programs(&["unshare", "mount"], "apt install util-linux"));
    let _turn = together();
    let rlab = Rlab::new();
    let prepare = "mount -t tmpfs none /proc/sys/kernel && mount --make-shared / && \
                   mkdir -p $RLAB_ROOT && mount -t tmpfs -o nr_inodes=50,size=1m none $RLAB_ROOT && exec \"$0\" \"$@\"";
    let output = behind(&rlab, &["unshare", "--mount", "sh", "-c", prepare], &["doctor", "--format", "json"]);
    let report = report(&output);
    assert!(field(&report, "/proc", "fact").contains("/proc/sys/kernel"), "{output}");
    assert!(field(&report, "mounts of /", "fact").starts_with("shared"), "{output}");
    assert_eq!(field(&report, "room", "verdict"), "missing", "{output}");
    assert!(field(&report, "rlab's root", "fact").ends_with("on tmpfs"), "{output}");
}

#[test]
fn settings_that_cannot_be_read_are_told() {
    let _turn = together();
    let rlab = Rlab::new();
    std::fs::write(rlab.folder().join("config.toml"), "[regsitry]\n").unwrap();
    let report = report(&rlab.run(&["doctor", "--format", "json"]).ended_with(1));
    assert!(field(&report, "settings", "fact").contains("config.toml, line 1"), "{report}");
}

#[test]
fn kvm_is_said_to_work_only_where_a_guest_ran() {
    let _turn = together();
    let output = Rlab::new().run(&["doctor", "--format", "json"]);
    let report = report(&output);
    let verdict = field(&report, "KVM", "verdict");
    let opened = std::fs::File::options().read(true).write(true).open("/dev/kvm").is_ok();
    assert!(verdict != "ok" || opened, "{output}");
    let fact = field(&report, "KVM", "fact");
    assert_eq!(fact.contains("does not prove"), verdict == "ok", "{fact}");
}

#[test]
fn a_device_that_only_has_the_name_of_kvm_is_not_believed() {
    need!(root(), programs(&["unshare", "mount"], "apt install util-linux"));
    let _turn = together();
    // A /dev of its own, with the null device under that name.
    let prepare = "mount -t tmpfs none /dev && mknod -m 666 /dev/kvm c 1 3 && mknod -m 666 /dev/null c 1 3 && \
                   exec \"$0\" \"$@\"";
    let output = behind(&Rlab::new(), &["unshare", "--mount", "sh", "-c", prepare], &["doctor", "--format", "json"]);
    let report = report(&output);
    assert_eq!(field(&report, "KVM", "verdict"), "missing", "{output}");
    assert!(field(&report, "KVM", "fact").starts_with("/dev/kvm is there, but: ioctl"), "{output}");
}

#[test]
fn what_machines_are_made_of_is_told_and_no_kernel_is_tried() {
    let _turn = together();
    let rlab = Rlab::new();
    let output = rlab.run(&["doctor", "--format", "json"]);
    let report = report(&output);
    for check in ["KVM with a kernel", "QEMU", "accelerator", "guest kernel", "mke2fs"] {
        let (verdict, fix) = (field(&report, check, "verdict"), field(&report, check, "fix"));
        assert_eq!(verdict == "ok", fix.is_empty(), "{check}: {output}");
    }
    // Nobody has run a machine below this root.
    assert!(field(&report, "KVM with a kernel", "fact").starts_with("not tried"), "{output}");
    let said = Command::new("qemu-system-x86_64").arg("--version").output();
    if let Ok(said) = said.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()) {
        let (_, version) = said.lines().next().unwrap().split_once("version ").unwrap();
        assert!(field(&report, "QEMU", "fact").ends_with(&format!(", version {version}")), "{output}");
    }
}

#[test]
fn what_a_machine_found_out_about_kvm_is_remembered() {
    need!(programs(&["qemu-system-x86_64"], "apt install qemu-system-x86"));
    let _turn = together();
    let rlab = Rlab::new();
    let kernel = rlab.folder().join("vmlinuz");
    std::fs::write(&kernel, "a kernel").unwrap();
    let which = Command::new("sh").args(["-c", "command -v qemu-system-x86_64"]).output().unwrap();
    let qemu = std::path::PathBuf::from(String::from_utf8(which.stdout).unwrap().trim());
    let known = json!({"found": {"hangs": {"waited_ms": 3001, "last": "Probing"}}, "at": "2026-01-02T03:04:05Z", "kernel": kernel});
    let key = json!({"host": this_boot(), "qemu": identity(&qemu), "kernel": identity(&kernel)});
    let answers = json!({"version": 1, "answers": [{"key": key, "known": known}]});
    std::fs::create_dir_all(rlab.root().join("vm")).unwrap();
    std::fs::write(rlab.root().join("vm/kvm.json"), answers.to_string()).unwrap();
    let facts = || {
        let report = report(&rlab.run(&["doctor", "--format", "json"]));
        ["KVM", "KVM with a kernel", "accelerator"].map(|check| field(&report, check, "fact"))
    };
    let [small, trial, accelerator] = facts();
    if !small.contains("does not prove") {
        return assert!(trial.starts_with("not tried: not even a small guest ran"), "{trial}");
    }
    let wanted = "KVM is here, but within 3 s an ordinary kernel came no farther under it than \"Probing\" (tried \
                  2026-01-02T03:04:05Z)";
    assert_eq!(trial, wanted);
    assert!(accelerator.starts_with("tcg"), "{accelerator}");
    // Another kernel in its place has not been tried.
    std::fs::write(&kernel, "another kernel").unwrap();
    let [_, trial, accelerator] = facts();
    assert!(trial.starts_with("not tried") && accelerator.starts_with("kvm, if"), "{trial}; {accelerator}");
}

/// What an answer holds for, as rlab writes it.
fn this_boot() -> Value {
    let read = |path: &str| std::fs::read_to_string(path).unwrap();
    let processor = read("/proc/cpuinfo");
    let model = processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    json!({
        "boot_id": read("/proc/sys/kernel/random/boot_id").trim(),
        "release": read("/proc/sys/kernel/osrelease").trim(),
        "processor": model.map_or("", |(_, name)| name),
    })
}

fn identity(path: &Path) -> Value {
    let path = path.canonicalize().unwrap();
    let found = path.metadata().unwrap();
    let modified_ns = found.mtime() * 1_000_000_000 + found.mtime_nsec();
    json!({"path": path, "size": found.len(), "modified_ns": modified_ns, "inode": found.ino()})
}
