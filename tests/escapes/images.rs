//! Images whose /proc, /sys, /dev and /etc are not what they seem.

use super::range::{SECRET, images, outcomes, range};
use std::collections::BTreeSet;
use std::path::Path;

/// What is in a folder, by name.
fn names(folder: &Path) -> BTreeSet<String> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Each place that rlab mounts on or writes to is a link to a folder of the host's, by its absolute path and by `..`.
#[test]
fn a_link_in_an_image_leads_nowhere_but_into_the_image() {
    let (range, images) = (range!(), images!());
    let victim = range.place().join("victim");
    std::fs::create_dir(&victim).unwrap();
    std::fs::write(victim.join("file"), SECRET).unwrap();
    let before = names(&victim);
    let places = [
        ("dev", "", 125),
        ("dev/pts", "", 0),
        ("dev/shm", "", 0),
        ("dev/null", "/file", 0),
        ("dev/console", "/file", 0),
        ("etc", "", 0),
        ("etc/resolv.conf", "/file", 0),
        ("etc/hosts", "/file", 0),
        ("etc/hostname", "/new", 0),
        ("sys/fs/cgroup", "", 0),
        ("proc", "", 125),
        ("sys", "", 125),
        ("work", "", 0),
    ];
    for (number, (place, more, code)) in places.into_iter().enumerate() {
        let climb = "../".repeat(30);
        for (kind, start) in [("absolute", "/"), ("climbing", climb.as_str())] {
            let target = format!("{start}{}{more}", victim.display().to_string().trim_start_matches('/'));
            let script = format!("mkdir -p $(dirname {place}); rm -rf {place}; ln -s {target} {place}");
            let image =
                images.add(&range, &format!("link-{number}-{kind}"), &script, &["--config.workingdir", "/work"]);
            // A terminal as well: for it more is opened and mounted.
            for flags in [&[][..], &["-t"]] {
                let output = images.attack(flags, &image, &["descriptors"]);
                assert_eq!(output.status.code(), Some(code), "{place} {flags:?}\n{output}");
            }
        }
        assert_eq!(names(&victim), before, "{place}");
        assert_eq!(std::fs::read_to_string(victim.join("file")).unwrap(), SECRET, "{place}");
    }
}

/// CVE-2025-31133, CVE-2025-52881: the image's own /dev lies under rlab's, so neither a link nor a file in the place of
/// /dev/null is ever mounted over what is to be masked.
#[test]
fn what_covers_the_masked_files_is_no_file_of_the_images() {
    let (range, images) = (range!(), images!());
    for (name, script) in [
        ("link", "mkdir dev; ln -s /proc/sys/kernel/core_pattern dev/null; ln -s /proc/keys dev/console"),
        ("file", "mkdir dev; echo mine > dev/null; echo mine > dev/console; mkdir dev/ptmx"),
        ("self", "mkdir dev; ln -s /proc/self/attr/current dev/null; ln -s /dev/null dev/console"),
    ] {
        let image = images.add(&range, name, script, &[]);
        for flags in [&[][..], &["-t"]] {
            let output = images.attack(flags, &image, &["look,/proc/keys", "look,/dev/null"]).succeeded();
            let came = outcomes(&output);
            assert!(came.values().all(|outcome| outcome == "empty"), "{came:?}");
        }
    }
}

/// Not an attack, and once refused like one: systemd's images have it.
#[test]
fn a_link_to_nothing_is_filled_inside_the_image() {
    let (range, images) = (range!(), images!());
    let script = "mkdir etc var; ln -s ../run/systemd/resolve/stub-resolv.conf etc/resolv.conf; ln -s /run var/run
        ln -s loop etc/hosts; ln -s hosts etc/loop";
    let image = images.add(&range, "dangling", &script.replace("ln -s loop etc/hosts; ln -s hosts etc/loop", ""), &[]);
    let volume = format!("{}:/var/run/here/marker", range.marker().display());
    let output =
        images.attack(&["-v", &volume], &image, &["look,/etc/resolv.conf", "look,/run/here/marker"]).succeeded();
    assert!(outcomes(&output).values().all(|outcome| outcome == "ok"), "{output}");
    // Links that lead in circles end.
    let image = images.add(&range, "circle", script, &[]);
    images.attack(&[], &image, &["descriptors"]).ended_with(125);
}
