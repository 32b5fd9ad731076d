//! Everything that a tree can have, written to a disk and read back by the kernel's own ext4.
//!
//! In a mount namespace of its own, so that no mount of the test is ever seen by the host.
use super::*;
use crate::sys::tree::{self, Kind};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

const THIS: &str = "vm::disk::whole::what_the_layers_show_is_what_the_disk_has";
/// The test's folder, for the test once it is alone with its mounts. It is the other's who made it, because none that has
/// mounts in it can be removed.
const ALONE: &str = "RLAB_TEST_ALONE";
/// cap_net_raw+ep as the kernel keeps it, see capabilities(7).
const CAPABILITY: [u8; 20] = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

#[test]
fn what_the_layers_show_is_what_the_disk_has() {
    if crate::sys::geteuid() != 0 {
        return crate::skip::aloud("it needs root: run `sudo -E cargo test`");
    }
    if let Some(folder) = std::env::var_os(ALONE) {
        return alone(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let this = std::env::current_exe().unwrap();
    let mut command = Command::new("unshare");
    let output =
        command.arg("--mount").arg(this).args(["--exact", THIS, "--nocapture"]).env(ALONE, folder.path()).output();
    let output = output.unwrap();
    let said = [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat();
    assert!(output.status.success(), "{said}");
    if let Some(reason) = said.lines().find_map(|line| line.strip_prefix("skipped ")) {
        crate::skip::aloud(reason);
    }
    folder.close().unwrap();
}

fn alone(root: &Path) {
    let layers = ["lower", "middle", "upper"].map(|name| root.join("layers").join(name).join("fs"));
    for layer in &layers {
        fs::create_dir_all(layer).unwrap();
    }
    lower(&layers[0]);
    middle(&layers[1]);
    upper(&layers[2]);
    let named: Vec<(Digest, PathBuf)> =
        layers.iter().map(|path| (Digest::sha256(path.as_os_str().as_bytes()), path.clone())).collect();
    let (before, mut told) = (mounts(), Vec::new());
    let mount_point = root.join("mount");
    let mut will_mount = |path: &Path| {
        told.push(path.to_owned());
        Ok::<(), Error>(())
    };
    let disk = match make(&root.join("vm"), &named, &mount_point, &mut will_mount) {
        Err(error @ Error::NoProgram { .. }) => return crate::skip::aloud(error),
        other => other.unwrap(),
    };
    assert_eq!((mounts(), told, mount_point.exists()), (before, vec![mount_point.clone()], false));
    // A block for each file that is not empty. The two of 64 MB are holes, but for a block.
    assert!(disk.size_bytes < 48 << 20, "{disk:?}");

    let [stacked, written] = ["stacked", "written"].map(|name| root.join(name));
    fs::create_dir(&stacked).unwrap();
    fs::create_dir(&written).unwrap();
    let dirs = lower_dirs(&named).iter().map(|dir| dir.to_str().unwrap()).collect::<Vec<_>>().join(":");
    run("mount", &["-t", "overlay", "overlay", "-o", &format!("ro,lowerdir={dirs}"), stacked.to_str().unwrap()])
        .unwrap();
    if let Err(said) = run("mount", &["-o", "ro,loop", disk.path.to_str().unwrap(), written.to_str().unwrap()]) {
        return crate::skip::aloud(format!("a file cannot be mounted here: {said}"));
    }
    let (expected, found) = (read(&stacked), read(&written));
    for (path, entry) in &expected {
        assert_eq!(found.get(path), Some(entry), "{}", path.display());
    }
    assert_eq!(found.len(), expected.len());
    // But for the root, as many inodes as there are files, one of which has three names.
    assert_eq!(disk.files, expected.len() as u64 - 1 - 2);
    // When the layers were unpacked and last read is not to be seen; the root has its own time of change in all places.
    let times = |path: &PathBuf| {
        let meta = fs::symlink_metadata(written.join(path)).unwrap();
        (meta.atime(), meta.ctime())
    };
    let otherwise: Vec<_> = found.keys().filter(|path| !path.as_os_str().is_empty() && times(path) != (1, 1)).collect();
    assert!(otherwise.is_empty(), "{otherwise:?}");
    assert_eq!(attributes(&written), attributes(&stacked));
    let checked = run("e2fsck", &["-f", "-n", disk.path.to_str().unwrap()]);
    assert!(checked.is_ok(), "{checked:?}");
}

fn lower(layer: &Path) {
    fs::create_dir_all(layer.join("dir/below")).unwrap();
    fs::write(layer.join("dir/file"), "lower").unwrap();
    fs::write(layer.join("dir/hidden"), "lower").unwrap();
    fs::write(layer.join("dir/below/old"), "lower").unwrap();
    let many = layer.join("many");
    fs::create_dir(&many).unwrap();
    for number in 0..10_000 {
        fs::write(many.join(format!("file-{number}")), number.to_string().repeat(number % 7)).unwrap();
    }
    // Attributes that no inode has room for: of these blocks nothing is seen before they are written.
    fs::create_dir(layer.join("attributed")).unwrap();
    let attributed = tree::open_root(&layer.join("attributed")).unwrap();
    for number in 0..600 {
        let name = number.to_string();
        tree::create_file(&attributed, name.as_bytes()).unwrap();
        tree::set_xattr_at(&attributed, name.as_bytes(), b"user.large", &[b'x'; 3000]).unwrap();
    }
}

fn middle(layer: &Path) {
    fs::create_dir_all(layer.join("dir/below")).unwrap();
    fs::write(layer.join("dir/file"), "changed in the middle").unwrap();
    let dir = tree::open_root(&layer.join("dir")).unwrap();
    tree::make_whiteout(&dir, b"hidden").unwrap();
    let below = tree::open_root(&layer.join("dir/below")).unwrap();
    tree::set_xattr(&below, b"trusted.overlay.opaque", b"y").unwrap();
    fs::write(layer.join("dir/below/new"), "middle").unwrap();
}

/// One of everything.
fn upper(layer: &Path) {
    let root = tree::open_root(layer).unwrap();
    fs::write(layer.join("setuid"), "program").unwrap();
    tree::set_owner_at(&root, b"setuid", 70_000, 100_000).unwrap();
    tree::set_mode_at(&root, b"setuid", 0o6755).unwrap();
    tree::set_xattr_at(&root, b"setuid", b"security.capability", &CAPABILITY).unwrap();
    fs::write(layer.join("attributes"), "").unwrap();
    tree::set_xattr_at(&root, b"attributes", b"user.large", &[b'x'; 3000]).unwrap();
    tree::make_node(&root, b"null", Kind::CharDevice, (1, 3)).unwrap();
    tree::make_node(&root, b"disk", Kind::BlockDevice, (259, 300_000)).unwrap();
    tree::make_node(&root, b"pipe", Kind::Fifo, (0, 0)).unwrap();
    fs::write(layer.join("one"), "a file of three names").unwrap();
    fs::hard_link(layer.join("one"), layer.join("two")).unwrap();
    fs::create_dir_all(layer.join("sticky/deep")).unwrap();
    tree::set_mode_at(&root, b"sticky", 0o1777).unwrap();
    fs::hard_link(layer.join("one"), layer.join("sticky/deep/three")).unwrap();
    for (name, target) in [("short", "/dev/stdout".to_owned()), ("long", "x/".repeat(900))] {
        tree::make_symlink(&root, name.as_bytes(), target.as_bytes()).unwrap();
        fs::hard_link(layer.join(name), layer.join(format!("{name}, by another name"))).unwrap();
    }
    for (name, at) in [("hole", 60 << 20), ("end", 0)] {
        let file = File::create(layer.join(name)).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, b"data", at).unwrap();
        file.set_len(64 << 20).unwrap();
    }
    for name in [&[b'n'; 255][..], b"not \xff\xfe text", b"line\nbreak", b"\"quoted\" name", "ü".as_bytes(), b"-q"] {
        fs::write(layer.join(OsStr::from_bytes(name)), name).unwrap();
    }
    let old = tree::Mtime { seconds: 1_000_000_000, nanoseconds: 0 };
    for name in [&b"short"[..], b"one", b"sticky"] {
        tree::set_mtime_at(&root, name, old).unwrap();
    }
    tree::set_ownership(&root, tree::Ownership { uid: 12, gid: 34, mode: 0o1751 }).unwrap();
    tree::set_mtime(&root, old).unwrap();
}

/// Mode, owner, device; names, size and content of what is no directory; time of change.
type Entry = (u32, (u32, u32), u64, (u64, u64, Vec<u8>), i64);

fn read(tree: &Path) -> BTreeMap<PathBuf, Entry> {
    let mut found = BTreeMap::new();
    let mut open = vec![tree.to_owned()];
    while let Some(path) = open.pop() {
        let meta = fs::symlink_metadata(&path).unwrap();
        let content = match meta.file_type() {
            kind if kind.is_file() => {
                (meta.nlink(), meta.len(), Digest::sha256(&fs::read(&path).unwrap()).hex().into())
            }
            kind if kind.is_symlink() => (1, 0, fs::read_link(&path).unwrap().as_os_str().as_bytes().to_owned()),
            _ => (0, 0, Vec::new()),
        };
        if meta.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        let entry = (meta.mode(), (meta.uid(), meta.gid()), meta.rdev(), content, meta.mtime());
        found.insert(path.strip_prefix(tree).unwrap().to_owned(), entry);
    }
    found
}

/// All extended attributes, in the order of names; nothing where there is no program to read them.
fn attributes(tree: &Path) -> BTreeSet<String> {
    let output =
        Command::new("getfattr").args(["-R", "-h", "-d", "-m", "-", "-e", "hex", "."]).current_dir(tree).output();
    let Ok(output) = output else {
        crate::skip::aloud("there is no program getfattr: apt install attr");
        return BTreeSet::new();
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("security.capability=0x") && text.contains("user.large="), "{text}");
    text.split("\n\n").map(str::to_owned).collect()
}

fn mounts() -> String {
    fs::read_to_string("/proc/self/mountinfo").unwrap()
}

fn run(program: &str, args: &[&str]) -> Result<(), String> {
    let program = crate::sys::find_program(program).ok_or_else(|| format!("no program {program}"))?;
    let output = Command::new(program).args(args).output().unwrap();
    let said = [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat();
    if output.status.success() { Ok(()) } else { Err(said) }
}
