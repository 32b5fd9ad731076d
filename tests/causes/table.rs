//! The confusions that learners meet most, and for each how a run by root meets it here, or why it can't.

use How::{Elsewhere, Here, Never};
use std::io::Write;

enum How {
    /// Provoked by a test of these.
    Here(&'static str),
    /// Provoked by a test of another file.
    Elsewhere(&'static str, &'static str),
    /// A run by root can't meet it, because.
    Never(&'static str),
}

const ROWS: [(u8, &str, How); 20] = [
    (1, "user namespaces are restricted", Here("user_namespaces_at_their_limit_name_the_setting")),
    (2, "a new /proc is refused in a nested container", Here("a_covered_proc_is_why_no_new_one_is_mounted")),
    (3, "mounts show up outside", Here("a_shared_root_leaks_nothing_and_is_no_obstacle")),
    (
        4,
        "free shows the host's memory",
        Never("nothing fails: the program reads /proc/meminfo, which no namespace has"),
    ),
    (5, "chroot or pivot_root", Here("in_a_chroot_the_root_is_no_mount_point")),
    (6, "no names: 127.0.0.53", Here("a_name_server_on_loopback_is_told_with_what_is_used_instead")),
    (7, "overlay: invalid argument", Here("of_an_overlay_on_an_overlay_the_directory_is_named")),
    (8, "cgroup v1 or v2", Here("a_limit_whose_controller_is_not_mounted_names_it")),
    (9, "limits are ignored", Here("a_controller_that_was_not_delegated_is_refused_by_name")),
    (10, "things left behind", Elsewhere("tests/harness/lab.rs", "fn assert_restored")),
    (11, "process 1 ignores SIGTERM", Here("process_1_without_a_handler_is_told")),
    (12, "WSL 2, hybrid", Elsewhere("src/engine/doctor/tests.rs", "fn wsl_and_hybrid_are_told_by_name")),
    (13, "seccomp and clone3", Here("a_filter_around_rlab_is_told_from_the_kernel")),
    (14, "not enough IDs", Here("users_that_the_namespace_around_does_not_know_are_told")),
    (15, "exec: no such file, though it is there", Here("why_a_file_that_is_there_is_not_run")),
    (16, "ports and privilege", Here("a_low_port_without_the_capability_for_it_is_told")),
    (17, "two forks; setns does not move me", Never("nothing fails: one clone3 makes the process where it belongs")),
    (18, "exit code 137", Here("who_sent_the_sigkill_of_exit_code_137_is_told")),
    (
        19,
        "root inside can't mount",
        Never("the program is refused, not rlab: its run has begun, and ends with its own code"),
    ),
    (20, "a process or a VM?", Never("nothing fails: the story says it, stage by stage")),
];

const FILES: [&str; 4] =
    [include_str!("exec.rs"), include_str!("power.rs"), include_str!("room.rs"), include_str!("surroundings.rs")];

/// Past the test runner's capture: the table is there to be read.
fn tell(line: &str) {
    let _nobody_reads = writeln!(std::io::stderr(), "{line}");
}

#[test]
fn each_confusion_is_provoked_or_has_a_reason_not_to_be() {
    let (mut here, mut elsewhere, mut never) = (0, 0, 0);
    for (number, (row, confusion, how)) in (1..).zip(&ROWS) {
        assert_eq!(*row, number);
        match how {
            Here(test) => {
                here += 1;
                tell(&format!("{row:>2}  {confusion}: {test}"));
                assert!(FILES.iter().any(|file| file.contains(&format!("#[test]\nfn {test}()"))), "no test {test}");
            }
            Elsewhere(file, part) => {
                elsewhere += 1;
                tell(&format!("{row:>2}  {confusion}: {file}, {part}"));
                let text =
                    std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
                assert!(text.contains(part), "{file} has no {part}");
            }
            Never(reason) => {
                never += 1;
                tell(&format!("{row:>2}  {confusion}: not met, {reason}"));
            }
        }
    }
    let tests: usize = FILES.iter().map(|file| file.matches("#[test]").count()).sum();
    tell(&format!("{here} provoked here, {elsewhere} elsewhere, {never} not met; {tests} tests in all"));
    assert_eq!((here, elsewhere, never), (14, 2, 4));
}
