//! Limits of memory, processes and processor time, as the kernel enforces and counts them.

use crate::harness::Output;
use crate::harness::lab::lab;

/// The two numbers of a counter in the story, before and after.
#[track_caller]
fn counter(output: &Output, name: &str) -> [u64; 2] {
    let line = output.stderr.lines().find(|line| line.contains(name) && line.contains('→'));
    let line = line.unwrap_or_else(|| panic!("no counter {name:?} in the story\n{output}"));
    let number = |text: &str, at: usize| text.split_whitespace().nth(at).and_then(|word| word.parse().ok());
    let (before, after) = line.split_once('→').unwrap();
    let before = before.split_whitespace().next_back().and_then(|word| word.parse().ok());
    [before, number(after, 0)].map(|number| number.unwrap_or_else(|| panic!("no number in {line:?}\n{output}")))
}

#[test]
fn who_eats_more_than_its_memory_is_killed_by_the_kernel() {
    let lab = lab!();
    let eaten = lab.tool(&["-m", "64m", "--explain"], &["eat", "200m"]).ended_with(137);
    assert!(eaten.stdout.contains("48 MiB") && !eaten.stdout.contains("72 MiB"), "it came near to its limit\n{eaten}");
    assert_eq!(counter(&eaten, "processes killed for memory"), [0, 1]);
    let [before, peak] = counter(&eaten, "bytes of memory at most");
    assert!(before < 16 << 20 && (60 << 20..=64 << 20).contains(&peak), "{before} → {peak}\n{eaten}");
    eaten.told("The kernel killed it").told("WIFSIGNALED, WTERMSIG=SIGKILL");
    // The same meal without the limit, and a smaller one with it, end well, and nobody is said to have been killed.
    lab.tool(&[], &["eat", "200m"]).succeeded();
    let small = lab.tool(&["-m", "64m", "--explain"], &["eat", "16m"]).succeeded();
    assert!(!small.stderr.contains("The kernel killed it"), "{small}");
}

#[test]
fn a_storm_of_forks_stops_at_its_limit() {
    let lab = lab!();
    let output = lab.tool(&["--pids-limit", "8", "--explain"], &["forks", "50"]).ended_with(1);
    let [before, after] = counter(&output, "forks refused");
    assert!(before == 0 && after > 0, "{output}");
    output.wrote("forked 7 children, pids 2 to 8\nfork number 8 failed: Resource temporarily unavailable (EAGAIN)");
    for unlimited in ["-1", "0"] {
        lab.tool(&["--pids-limit", unlimited], &["forks", "50"]).succeeded();
    }
}

#[test]
fn half_a_processor_is_throttled() {
    let lab = lab!();
    let half = lab.tool(&["--cpus", "0.5", "--explain"], &["burn", "0.5"]).succeeded();
    let [before, after] = counter(&half, "periods throttled");
    assert!(before == 0 && after > 0, "{half}");
    half.told("made to wait for the next");
    let whole = lab.tool(&["--explain"], &["burn", "0.2"]).succeeded();
    assert!(!whole.stderr.contains("periods throttled"), "{whole}");
}

#[test]
fn a_limit_that_makes_no_sense_is_refused() {
    let lab = lab!();
    for (flags, reason) in [
        (&["-m", "5m"][..], "the least that can be given is 6m"),
        (&["-m", "lots"], "is no size"),
        (&["-m", "64m", "--memory-swap", "32m"], "can't be less than --memory"),
        (&["--memory-swap", "64m"], "has no meaning without --memory"),
        (&["--cpus", "0"], "is no number of processors"),
        (&["--pids-limit", "many"], "many"),
    ] {
        lab.tool(flags, &["true"]).ended_with(125).told(reason).wrote("");
    }
}

#[test]
fn inside_only_its_own_group_is_to_be_seen() {
    let lab = lab!();
    lab.tool(&["-m", "64m"], &["free"]).succeeded().wrote_line_with("The limit of this cgroup is 64 MiB");
    let output = lab.tool(&[], &["cat", "/proc/self/cgroup"]).succeeded();
    // A hierarchy where rlab makes no group, since nothing is limited in it, is named as the host has it.
    assert!(output.stdout.lines().any(|line| line.ends_with(":/")), "{output}");
    assert!(!output.stdout.contains("rlab"), "its place on the host is no business of its own\n{output}");

    let unified = std::path::Path::new("/sys/fs/cgroup/cgroup.controllers").exists();
    let folder = if unified { "/sys/fs/cgroup" } else { "/sys/fs/cgroup/pids" };
    lab.shell(&[], &format!("cat {folder}/cgroup.procs")).succeeded().wrote("1\n2");
    lab.shell(&[], &format!("write {folder}/cgroup.procs 1")).ended_with(1).told("Read-only file system");
    lab.shell(&["-m", "64m"], &format!("mkdir {folder}/mine")).ended_with(1).told("Read-only file system");
}
