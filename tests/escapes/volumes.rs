//! Volumes whose insides belong to someone hostile, and targets that lead elsewhere.

use super::range::{Range, SECRET, outcomes, range};
use crate::harness::Output;
use nix::fcntl::{RenameFlags, renameat2};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

fn volume(source: &Path, target: &str) -> String {
    format!("{}:{target}", source.display())
}

/// Runs the attacker's program beside these volumes.
#[track_caller]
fn attack(range: &Range, flags: &[&str], volumes: &[&str], attempts: &[&str]) -> Output {
    let attacker = format!("{}:/attack:ro", range.attacker().display());
    let mut all = flags.to_vec();
    for volume in volumes.iter().chain([&attacker.as_str()]) {
        all.extend(["-v", volume]);
    }
    range.tool(&all, &[&["/attack"][..], attempts].concat())
}

/// As runc: rlab writes into /proc while it is still root on the host (CVE-2025-52881, CVE-2019-16884).
#[test]
fn nothing_of_the_hosts_is_mounted_into_proc() {
    let range = range!();
    let (folder, file) = (range.place().join("folder"), range.place().join("file"));
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(&file, SECRET).unwrap();
    symlink("/proc/self/attr", folder.join("link")).unwrap();
    for (source, target) in [
        (&folder, "/proc"),
        (&folder, "/proc/sys"),
        (&folder, "/proc/self/attr"),
        (&folder, "/proc/thread-self/fd"),
        (&folder, "/mnt/../proc/sys/kernel"),
        (&file, "/proc/sys/kernel/core_pattern"),
        (&file, "/proc/self/attr/exec"),
        (&file, "/proc/self/oom_score_adj"),
        (&file, "/proc/version"),
    ] {
        let refused = attack(&range, &[], &[&volume(source, target)], &["descriptors"]).ended_with(125);
        assert!(refused.stderr.contains("mounts"), "{target}\n{refused}");
    }
    // By a link that a volume brings along.
    attack(&range, &[], &[&volume(&folder, "/a"), &volume(&folder, "/a/link")], &["descriptors"])
        .ended_with(125)
        .told("inside of /proc");
    range.tool(&["--tmpfs", "/proc/sys"], &["true"]).ended_with(125).told("inside of /proc");
    // What shows a container's limits in place of the machine's may be covered, and a /proc is a /proc.
    range.tool(&["-v", &volume(&file, "/proc/meminfo")], &["cat", "/proc/meminfo"]).succeeded().wrote(SECRET);
    range.tool(&["-v", "/proc:/proc"], &["true"]).succeeded();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), SECRET);
    range.assert_marker_untouched();
}

/// A volume over /dev in which the nodes that rlab uses are something else (CVE-2025-31133, CVE-2025-52565).
#[test]
fn a_volume_over_dev_can_not_choose_what_covers_or_is_covered() {
    let range = range!();
    // What lies in the volume, the link's text or nothing for a plain file, and who notices.
    for (number, (node, link, flags, told)) in [
        ("null", Some("/proc/sys/kernel/core_pattern"), &[][..], "null"),
        ("null", Some("zero"), &[], "null"),
        ("null", None, &[], "null"),
        ("console", Some("/proc/sysrq-trigger"), &["-t"], "devices"),
        ("console", Some("/proc/keys"), &["-t"], "console"),
        ("pts", Some("../tmp"), &["-t"], "ptmx"),
    ]
    .into_iter()
    .enumerate()
    {
        let dev = range.place().join(format!("dev-{number}"));
        std::fs::create_dir(&dev).unwrap();
        match link {
            Some(target) => symlink(target, dev.join(node)).unwrap(),
            None => std::fs::write(dev.join(node), SECRET).unwrap(),
        }
        let output = attack(&range, flags, &[&volume(&dev, "/dev")], &["look,/proc/keys"]).ended_with(125);
        assert!(output.stderr.contains(told), "{node} -> {link:?}\n{output}");
    }
    range.assert_marker_untouched();
}

/// A target that is a link to the host's file, in a volume that someone else has prepared.
#[test]
fn the_target_of_a_volume_is_looked_up_inside() {
    let range = range!();
    let shared = range.place().join("shared");
    std::fs::create_dir(&shared).unwrap();
    let mine = range.place().join("mine");
    std::fs::write(&mine, "another").unwrap();
    symlink(range.marker(), shared.join("absolute")).unwrap();
    symlink(format!("../../../../../../..{}", range.marker().display()), shared.join("climbing")).unwrap();
    for target in ["/a/absolute", "/a/climbing"] {
        let inside = format!("look,{}", range.marker().display());
        let output = attack(&range, &[], &[&volume(&shared, "/a"), &volume(&mine, target)], &[&inside]).succeeded();
        // The same path, but in the container's tree.
        assert_eq!(outcomes(&output)[&inside], "ok", "{output}");
        range.assert_marker_untouched();
    }
}

/// CVE-2021-30465: a neighbour that shares a volume exchanges a folder for a link while it is mounted on. Whoever wins, no
/// mount lies outside of the container, and what was to be read-only is.
#[test]
fn an_exchange_at_the_wrong_moment_gains_nothing() {
    const RUNS: usize = 40;
    let range = range!();
    let place = |name: &str| {
        let path = range.place().join(name);
        std::fs::create_dir(&path).unwrap();
        path
    };
    let (shared, secret, decoy) = (place("shared"), place("secret"), place("decoy"));
    std::fs::create_dir(shared.join("b")).unwrap();
    symlink("/decoy", shared.join("evil")).unwrap();
    let volumes = [volume(&shared, "/a"), volume(&decoy, "/decoy"), format!("{}:/a/b:ro", secret.display())];
    let flags: Vec<&str> = volumes.iter().flat_map(|volume| ["-v", volume]).collect();
    let over = AtomicBool::new(false);
    let (mut refused, mut ran) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (one, other) = (shared.join("b"), shared.join("evil"));
            while !over.load(Ordering::Relaxed) {
                let cwd = nix::fcntl::AT_FDCWD;
                let _busy = renameat2(cwd, &one, cwd, &other, RenameFlags::RENAME_EXCHANGE);
            }
        });
        let result = std::panic::catch_unwind(|| {
            let (mut refused, mut ran) = (0, 0);
            for _ in 0..RUNS {
                let output = range.tool(&flags, &["cat", "/proc/self/mountinfo"]);
                match output.status.code() {
                    Some(0) => ran += 1,
                    Some(125) => refused += 1,
                    _ => panic!("{output}"),
                }
                assert_read_only(&secret, &output);
            }
            (refused, ran)
        });
        over.store(true, Ordering::Relaxed);
        (refused, ran) = result.unwrap_or_else(|cause| std::panic::resume_unwind(cause));
    });
    assert!(refused > 0, "nobody lost: {ran} ran, so the race was none");
    for folder in [&secret, &decoy] {
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0);
    }
    range.assert_marker_untouched();
}

/// Every mount of a folder that a container has is read-only.
#[track_caller]
fn assert_read_only(folder: &Path, mountinfo: &Output) {
    let ends = folder.file_name().unwrap().to_str().unwrap();
    for line in mountinfo.stdout.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        if fields.get(3).is_some_and(|root| root.ends_with(ends)) {
            assert!(fields[5].starts_with("ro"), "{line}");
        }
    }
}
