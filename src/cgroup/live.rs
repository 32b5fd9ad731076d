//! Groups on the real kernel. They need root, and say so when they are skipped.

use super::layout::Version;
use super::{Cgroup, Layout, PARENT, Plan, plan};
use crate::sys;
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The layout, or a loud word on why there is none to try.
fn layout() -> Option<Layout> {
    let root = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) == 0;
    let found = if root { Layout::detect().map_err(|error| error.to_string()) } else { Err("not root".to_owned()) };
    found.map_err(|why| skip(&why)).ok()
}

fn skip(why: &str) {
    crate::skip::aloud(format!("no cgroups can be made: {why}"));
}

fn planned(name: &str, resources: Value, layout: &Layout) -> Plan {
    let resources = serde_json::from_value(resources).unwrap();
    plan(&path_of(name), Some(&resources), layout).unwrap()
}

/// Tests run side by side, and two runs of them can too.
fn path_of(name: &str) -> String {
    format!("/{PARENT}/test-{name}-{}", sys::getpid())
}

/// A shell that waits for a line, to be moved into the group first, and then becomes a program.
struct Waiting(Child);

impl Waiting {
    fn to_run(script: &str) -> Waiting {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("read go; {script}")]).stdin(Stdio::piped());
        Waiting(shell.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    fn pid(&self) -> i32 {
        self.0.id() as i32
    }

    fn go(&mut self) {
        self.0.stdin.take().unwrap().write_all(b"go\n").unwrap();
    }

    /// The signal that ended it, if one did.
    fn ended_by(&mut self) -> Option<i32> {
        std::os::unix::process::ExitStatusExt::signal(&self.0.wait().unwrap())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.kill().and_then(|()| self.0.wait()).ok();
    }
}

/// Removes a group however its test ends.
struct Cleared(Cgroup);

impl Drop for Cleared {
    fn drop(&mut self) {
        self.0.kill_all().and_then(|()| self.0.remove()).ok();
    }
}

fn made(name: &str, resources: Value, layout: &Layout) -> Cleared {
    Cleared(planned(name, resources, layout).create().unwrap())
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(10), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_group_is_made_entered_read_back_emptied_and_removed() {
    let Some(layout) = layout() else { return };
    let plan = planned("life", json!({"memory": {"limit": 67108864}, "pids": {"limit": 7}}), &layout);
    let before = plan.cgroup().unwrap();
    assert!(before.directories().all(|directory| !directory.exists()), "a plan makes nothing");
    let group = Cleared(plan.create().unwrap());
    assert_eq!(group.0, before);
    assert!(group.0.directories().all(Path::is_dir));
    let limits: Vec<String> = group.0.limits().into_iter().map(|(_, value)| value).collect();
    assert!(limits.contains(&"67108864".to_owned()) && limits.contains(&"7".to_owned()), "{limits:?}");

    let mut child = Waiting::to_run("sleep 100 & sleep 100 & wait");
    group.0.join(child.pid()).unwrap();
    assert_eq!(group.0.processes(), [child.pid()]);
    assert!(plan.create().is_err_and(|error| error.to_string().ends_with("is in use already")));
    assert_eq!(group.0.processes(), [child.pid()], "who is in it is left alone");
    child.go();
    until("its children are born in the group", || group.0.processes().len() == 3);

    // A program with the right to do so can divide its group further.
    for directory in group.0.directories() {
        sys::mkdir(&directory.join("inner"), 0o755).unwrap();
    }
    group.0.kill_all().unwrap();
    assert_eq!(group.0.processes(), Vec::<i32>::new());
    assert_eq!(child.ended_by(), Some(9));
    group.0.remove().unwrap();
    assert!(group.0.directories().all(|directory| !directory.exists()));
    group.0.remove().unwrap();
}

/// Otherwise the limits of whoever started rlab would count for its containers too.
#[test]
fn groups_are_made_at_the_top_of_each_hierarchy() {
    use std::os::unix::fs::MetadataExt;
    let Some(layout) = layout() else { return };
    for hierarchy in layout.hierarchies() {
        let device = |path: &Path| std::fs::metadata(path).unwrap().dev();
        let above = hierarchy.base.parent().unwrap();
        assert_ne!(device(&hierarchy.base), device(above), "{} is no mount point", hierarchy.base.display());
    }
}

#[test]
fn more_memory_than_the_limit_is_the_end() {
    let Some(layout) = layout() else { return };
    let group = made("memory", json!({"memory": {"limit": 33554432, "swap": 67108864}}), &layout);
    // It keeps all it reads, for the last line might be in it.
    let mut hog = Waiting::to_run("exec tail /dev/zero");
    group.0.join(hog.pid()).unwrap();
    assert_eq!(group.0.counters().oom_kills, Some(0));
    hog.go();
    assert_eq!(hog.ended_by(), Some(9));
    let counters = group.0.counters();
    assert_eq!(counters.oom_kills, Some(1));
    assert!(counters.memory_failures > Some(0) && counters.memory_peak_bytes <= Some(33554432), "{counters:?}");
}

#[test]
fn more_processes_than_the_limit_are_refused() {
    let Some(layout) = layout() else { return };
    let group = made("pids", json!({"pids": {"limit": 3}}), &layout);
    let mut storm = Waiting::to_run("for i in 1 2 3 4 5 6 7 8; do sleep 100 & done; wait");
    group.0.join(storm.pid()).unwrap();
    storm.go();
    until("a refusal is counted", || group.0.counters().pids_refused > Some(0));
    assert!(group.0.processes().len() <= 3);
}

#[test]
fn a_quota_makes_the_processor_wait() {
    let Some(layout) = layout() else { return };
    let group = made("cpu", json!({"cpu": {"quota": 20000, "period": 100000}}), &layout);
    let mut burner = Waiting::to_run("while :; do :; done");
    group.0.join(burner.pid()).unwrap();
    burner.go();
    until("the wait is counted", || group.0.counters().cpu_throttled_periods > Some(2));
    let counters = group.0.counters();
    let used = (counters.cpu_used_us, counters.cpu_periods);
    let (Some(used_us), Some(periods)) = used else { panic!("{counters:?}") };
    assert!(counters.cpu_throttled_us > Some(0));
    // A fifth of each period, with room for the moment before it was stopped.
    assert!(used_us < (periods + 2) * 30_000, "{counters:?}");
}

#[test]
fn a_fork_storm_is_ended_one_and_all() {
    let Some(layout) = layout() else { return };
    // Without the kill file of v2, so that the slower way is tried too.
    for layout in [layout.clone(), layout.only(Version::V1)] {
        if layout.hierarchies().is_empty() {
            continue;
        }
        let group = made("storm", json!({"pids": {"limit": 60}}), &layout);
        let mut storm = Waiting::to_run("f() { while :; do sleep 1 & f & done; }; f");
        group.0.join(storm.pid()).unwrap();
        storm.go();
        until("it storms", || group.0.processes().len() > 20);
        group.0.kill_all().unwrap();
        assert_eq!(group.0.processes(), Vec::<i32>::new());
        storm.ended_by();
        group.0.remove().unwrap();
    }
}

#[test]
fn a_cpuset_of_v1_is_filled_before_anyone_enters() {
    let Some(layout) = layout() else { return };
    let group = made("cpuset", json!({"cpu": {"cpus": "0"}}), &layout);
    let child = Waiting::to_run(":");
    group.0.join(child.pid()).unwrap();
    assert!(group.0.limits().contains(&("cpuset.cpus".to_owned(), "0".to_owned())));
    assert_eq!(group.0.processes(), [child.pid()]);
}

#[test]
fn a_refused_write_leaves_nothing_behind() {
    let Some(layout) = layout() else { return };
    let plan = planned("refused", json!({"memory": {"limit": 67108864}, "cpu": {"quota": 5}}), &layout);
    let error = plan.create().unwrap_err();
    assert!(error.hint().is_some_and(|hint| hint.contains("1000 µs")), "{error}");
    assert!(plan.cgroup().unwrap().directories().all(|directory| !directory.exists()));
}

#[test]
fn a_file_that_does_not_exist_is_left_out_only_for_what_nobody_asked() {
    let Some(layout) = layout() else { return };
    let mut plan = planned("missing", json!({"pids": {"limit": 7}}), &layout);
    plan.writes[0].file = "pids.no_such_file".to_owned();
    let error = plan.create().unwrap_err();
    assert!(error.hint().is_some_and(|hint| hint.contains("no such file")), "{error}");
    plan.writes[0].skippable = true;
    Cleared(plan.create().unwrap());
}

/// Opening a device in the group: dd reads one byte from one and writes it to another.
fn copies(group: &Cgroup, from: &str, to: &str) -> bool {
    let mut child = Waiting::to_run(&format!("exec dd bs=1 count=1 if={from} of={to} conv=notrunc"));
    group.join(child.pid()).unwrap();
    child.go();
    child.0.wait().unwrap().success()
}

#[test]
fn only_the_devices_allowed_can_be_opened() {
    let Some(layout) = layout() else { return };
    let asked =
        json!({"devices": [{"allow": false}, {"allow": false, "type": "c", "major": 1, "minor": 5, "access": "w"}]});
    // Once as v1 has it, with lines, and once as v2 has it, with a program.
    for version in [Version::V1, Version::V2] {
        let layout = layout.clone().only(version);
        if layout.hierarchies().is_empty() || (version == Version::V1 && layout.with("devices").is_none()) {
            continue;
        }
        // In v1 the rule about zero's writing takes a part from the same rule's line, in v2 it is asked first.
        let group = made("devices", asked.clone(), &layout);
        assert!(copies(&group.0, "/dev/zero", "/dev/null"), "{version}");
        assert!(!copies(&group.0, "/dev/null", "/dev/zero"), "{version}: writing was denied");
        assert!(!copies(&group.0, "/dev/kmsg", "/dev/null"), "{version}: nobody allowed it");
        group.0.kill_all().unwrap();
        group.0.remove().unwrap();
    }
}

/// Where v2 has controllers of its own, they are handed down on the way.
#[test]
fn controllers_of_v2_are_handed_down() {
    let Some(layout) = layout().map(|layout| layout.only(Version::V2)) else { return };
    let files = [("pids", "pids.max"), ("hugetlb", "hugetlb.2MB.max")];
    let Some((controller, file)) = files.into_iter().find(|(name, _)| layout.with(name).is_some()) else {
        return skip("no controller is in v2");
    };
    let asked = json!({"unified": {file: "4194304"}});
    let top = layout.unified().unwrap().base.join("cgroup.subtree_control");
    let before = std::fs::read_to_string(&top).unwrap();
    // Beside rlab's own group, which other tests use: a controller can't be taken back from a group whose children have it.
    let parent = format!("{PARENT}-handed-{}", sys::getpid());
    let resources = serde_json::from_value(asked).unwrap();
    let group = Cleared(plan(&format!("/{parent}/x"), Some(&resources), &layout).unwrap().create().unwrap());
    let child = Waiting::to_run(":");
    group.0.join(child.pid()).unwrap();
    let directory = group.0.directories().next().unwrap().to_owned();
    assert_eq!(std::fs::read_to_string(directory.join(file)).unwrap(), "4194304\n");
    group.0.kill_all().unwrap();
    group.0.remove().unwrap();
    // rlab leaves a controller handed down, and groups that are not its own; a test leaves the host as it was.
    sys::rmdir(directory.parent().unwrap()).unwrap();
    if !before.contains(controller) {
        // Where the top had handed nothing down, rlab's own group of another test may need it by now.
        let taken_back = sys::write_file(&top, &format!("-{controller}"));
        assert!(
            taken_back.as_ref().err().is_none_or(|error| error.errno == sys::Errno::EBUSY as i32),
            "{taken_back:?}"
        );
    }
}

/// In a container the top that can be seen is a group like any other, with everyone in it.
#[test]
fn a_group_that_holds_processes_hands_nothing_down() {
    let Some(layout) = layout().map(|layout| layout.only(Version::V2)) else { return };
    let Some(unified) = layout.unified() else { return skip("no cgroup v2") };
    let outer = unified.base.join(format!("{PARENT}-outer-{}", sys::getpid()));
    sys::mkdir(&outer, 0o755).unwrap();
    let container = Cleared(Cgroup::at(&outer));
    let inhabitant = Waiting::to_run(":");
    container.0.join(inhabitant.pid()).unwrap();
    // As if it had been given pids: the answer must come before the kernel is asked.
    let mut asked = plan(&path_of("inner"), None, &layout.seen_from(&outer)).unwrap();
    asked.required = vec!["pids".to_owned()];
    let refused = asked.create().unwrap_err();
    assert!(refused.to_string().ends_with("it holds processes itself"), "{refused}");
    assert!(refused.hint().is_some_and(|hint| hint.starts_with("cgroup v2 wants processes at the ends")));

    (asked.required, asked.welcome) = (vec![], vec!["pids".to_owned()]);
    let group = Cleared(asked.create().unwrap());
    let child = Waiting::to_run(":");
    group.0.join(child.pid()).unwrap();
    assert_eq!(group.0.processes(), [child.pid()]);
}

/// The journal may name a group that was never made, and its text must be readable after an upgrade.
#[test]
fn a_group_written_down_can_be_cleared_by_its_text() {
    let Some(layout) = layout() else { return };
    let text = serde_json::to_string(&planned("journal", json!({}), &layout).cgroup().unwrap()).unwrap();
    let group: Cgroup = serde_json::from_str(&text).unwrap();
    group.kill_all().unwrap();
    group.remove().unwrap();
    assert_eq!(group.counters(), super::Counters::default());
    assert_eq!(group.path(), PathBuf::from(&path_of("journal")[1..]));
}
