//! What needs no root: names, sizes, what is swept, what cannot be written.
use super::*;
use std::time::{Duration, Instant, SystemTime};

fn digest(name: &str) -> Digest {
    Digest::sha256(name.as_bytes())
}

/// Never called: one layer alone is not mounted.
fn no_mount(_: &Path) -> Result<(), Error> {
    panic!("one layer alone is not mounted")
}

/// A layer of a few files, and a cache beside it.
fn layer() -> (tempfile::TempDir, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let tree = root.path().join("layer/fs");
    fs::create_dir_all(tree.join("etc")).unwrap();
    fs::write(tree.join("etc/hostname"), "test\n").unwrap();
    fs::hard_link(tree.join("etc/hostname"), tree.join("name")).unwrap();
    std::os::unix::fs::symlink("etc", tree.join("link")).unwrap();
    (root, tree)
}

fn made(root: &Path, tree: &Path) -> Result<Disk, Error> {
    make(&root.join("vm"), &[(digest("a"), tree.to_owned())], &root.join("mount"), &mut no_mount)
}

#[test]
fn a_disk_is_made_once_and_again_the_same() {
    let (root, tree) = layer();
    // Not read since it was written: to read it for the first disk changes its time of access before the second.
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
    let times = fs::FileTimes::new().set_accessed(long_ago).set_modified(long_ago);
    File::options().write(true).open(tree.join("etc/hostname")).unwrap().set_times(times).unwrap();
    let disk = match made(root.path(), &tree) {
        Err(error @ Error::NoProgram { .. }) => return crate::skip::aloud(error),
        other => other.unwrap(),
    };
    // etc, the file of two names, and the link.
    assert_eq!((disk.files, disk.made), (3, true));
    let bytes = fs::read(&disk.path).unwrap();
    assert_eq!(made(root.path(), &tree).unwrap(), Disk { made: false, ..disk.clone() });
    let elsewhere = root.path().join("other");
    let again = make(&elsewhere, &[(digest("a"), tree)], root.path(), &mut no_mount).unwrap();
    assert!(fs::read(again.path).unwrap() == bytes, "another disk of the same tree");
    let left: BTreeSet<String> = fs::read_dir(root.path().join("vm/disks"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let name = disk.path.file_name().unwrap().to_str().unwrap().to_owned();
    assert_eq!(left, BTreeSet::from([name, "lock".to_owned()]));
}

#[test]
fn only_disks_of_images_stay() {
    let cache = tempfile::tempdir().unwrap();
    let dir = cache.path().join("disks");
    fs::create_dir(&dir).unwrap();
    let images = [vec![digest("a"), digest("b")], vec![digest("b"), digest("a")], vec![digest("a")]];
    let path = |layers: &[Digest]| dir.join(format!("{}.ext4", chain(layers.iter()).hex()));
    for layers in &images {
        fs::write(path(layers), "").unwrap();
    }
    fs::write(dir.join(UNFINISHED), "").unwrap();
    let lock = lock(&dir).unwrap();
    assert_eq!(sweep(cache.path(), &images[1..]), [path(&images[0])]);
    assert!(dir.join(UNFINISHED).exists(), "an rlab is at work on it");
    drop(lock);
    // A child that another test has just made holds a copy of the lock until its execve or its end.
    let deadline = Instant::now() + Duration::from_secs(10);
    while dir.join(UNFINISHED).exists() && Instant::now() < deadline {
        assert!(sweep(cache.path(), &images[1..]).is_empty());
    }
    assert!(path(&images[1]).exists() && path(&images[2]).exists() && !dir.join(UNFINISHED).exists());
    assert!(sweep(&cache.path().join("none"), &[]).is_empty());
}

#[test]
fn the_order_of_layers_makes_another_disk_and_one_that_occurs_twice_is_stacked_once() {
    assert_ne!(chain([digest("a"), digest("b")].iter()), chain([digest("b"), digest("a")].iter()));
    let layers = ["a", "b", "a", "c"].map(|name| (digest(name), PathBuf::from(name)));
    assert_eq!(lower_dirs(&layers), ["c", "a", "b"].map(Path::new));
}

#[test]
fn more_layers_than_a_page_can_name_are_told() {
    let root = tempfile::tempdir().unwrap();
    let layers: Vec<_> = (0..60).map(|n| (digest(&n.to_string()), format!("/l/{n:0>80}/fs").into())).collect();
    let mut will = |_: &Path| Ok::<(), Error>(());
    let error = make(root.path(), &layers, root.path(), &mut will).unwrap_err();
    assert!(error.to_string().contains("60 layers need") && error.hint().is_some(), "{error}");
}

#[test]
fn where_nothing_can_be_written_is_named() {
    let (root, tree) = layer();
    fs::write(root.path().join("vm"), "").unwrap();
    let error = made(root.path(), &tree).unwrap_err();
    assert!(error.to_string().contains("cannot write") && error.to_string().contains("vm/disks"), "{error}");
    let unreadable = root.path().join("absent");
    fs::remove_file(root.path().join("vm")).unwrap();
    let error = made(root.path(), &unreadable).unwrap_err().to_string();
    assert!(error.contains("absent") || error.contains("mke2fs"), "{error}");
}
