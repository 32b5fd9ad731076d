//! What of the host's files is inside, and what may be written.

use crate::harness::lab::{Lab, lab};
use crate::harness::{Output, Running};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// `rlab run -v VOLUME lab sh -c LINE`, called from a folder.
fn with_volume(lab: &Lab, folder: &Path, volume: &str, line: &str) -> Output {
    let mut command = lab.command(&Lab::arguments(&["-v", volume], &["sh", "-c", line]));
    Running::start(command.current_dir(folder)).wait(super::streams::SOON)
}

#[test]
fn a_folder_of_the_hosts_is_the_same_inside() {
    let lab = lab!();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let shared = folder.join("shared");
    std::fs::create_dir(&shared).unwrap();
    std::fs::write(shared.join("in"), "from the host").unwrap();
    for volume in [format!("{}:/mnt", shared.display()), "./shared:/mnt:rw".to_owned()] {
        with_volume(&lab, folder, &volume, "cat /mnt/in; write /mnt/out from inside")
            .succeeded()
            .wrote("from the host");
        assert_eq!(std::fs::read_to_string(shared.join("out")).unwrap().trim(), "from inside");
        std::fs::remove_file(shared.join("out")).unwrap();
    }
    with_volume(&lab, folder, "./shared:/mnt:ro", "write /mnt/out no").ended_with(1).told("Read-only file system");
    assert!(!shared.join("out").exists());
    // One file over another.
    let file = format!("{}:/etc/os-release", shared.join("in").display());
    with_volume(&lab, folder, &file, "cat /etc/os-release").succeeded().wrote("from the host");
}

#[test]
fn a_source_that_is_missing_becomes_a_folder() {
    let lab = lab!();
    let folder = tempfile::tempdir().unwrap();
    with_volume(&lab, folder.path(), "./new/one:/mnt", "write /mnt/file x").succeeded();
    assert!(folder.path().join("new/one/file").is_file());
}

#[test]
fn a_named_volume_is_refused_with_the_next_step() {
    let lab = lab!();
    let folder = tempfile::tempdir().unwrap();
    with_volume(&lab, folder.path(), "data:/mnt", "true")
        .ended_with(125)
        .told("named volumes")
        .told("give /path or ./path");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was made for it");
}

#[test]
fn a_tree_can_be_read_only_with_places_to_write() {
    let lab = lab!();
    lab.shell(&["--read-only"], "write /file no").ended_with(1).told("Read-only file system");
    let output = lab.shell(&["--read-only", "--tmpfs", "/scratch:size=1m"], "write /scratch/file yes; mount -t tmpfs");
    let mount = output.stdout.lines().find(|line| line.contains(" on /scratch ")).unwrap_or_default();
    for option in ["rw", "nosuid", "nodev", "noexec", "size=1024k"] {
        assert!(mount.contains(option), "no {option}\n{output}");
    }
    output.succeeded();
}

#[test]
fn what_is_written_stays_in_one_container() {
    let lab = lab!();
    lab.shell(&[], "write /file of-one-container; cat /file").succeeded().wrote("of-one-container");
    lab.tool(&[], &["cat", "/file"]).ended_with(1).told("No such file");
}

#[test]
fn in_a_user_namespace_root_inside_is_nobody_outside() {
    let lab = lab!();
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let volume = format!("{}:/mnt", folder.path().display());
    let flags = ["--userns", "private", "-v", &volume];
    let output = lab.shell(&flags, "id -u; cat /proc/self/uid_map; ls -l /etc/passwd; write /mnt/file x").succeeded();
    let words: Vec<&str> = output.stdout.split_whitespace().collect();
    assert_eq!(words[..4], ["0", "0", "100000", "65536"], "{output}");
    // The image's files are shared with other containers and still belong to this root.
    assert!(output.stdout.contains("root root"), "{output}");
    let owner = std::fs::metadata(folder.path().join("file")).unwrap().uid();
    assert_eq!(owner, 100_000, "the owner of what it wrote, as the host sees it");
}
