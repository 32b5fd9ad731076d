//! The guest's files: the disk, a layer in memory above it, and the kernel's own filesystems.
//!
//! The disk belongs to the image and is only read: any number of machines can use it at once, as any number of containers
//! stand on the same layers. What the guest writes goes into its memory and is gone with it.
//!
//! Kernel documentation: filesystems/overlayfs, filesystems/ramfs-rootfs-initramfs. Man: mount(2).

use crate::shim::Failure;
use crate::sys::mount::{MsFlags, chdir, chroot, mount};
use crate::sys::{self, rootdir::RootDir};
use crate::vm::order::{DISK, Order, Share, refused};
use std::path::Path;

/// Where the disk lies until something is stacked on it.
const DISK_AT: &str = "/disk";
/// A filesystem in memory, for what the guest writes.
const MEMORY_AT: &str = "/memory";
/// The stack of both, which becomes `/`.
const ROOT_AT: &str = "/newroot";

/// A filesystem that is no disk's: which, where, flags, options.
type Special = (&'static str, &'static str, MsFlags, Option<&'static str>);

const NO_PROGRAMS: MsFlags = MsFlags::MS_NOSUID.union(MsFlags::MS_NOEXEC).union(MsFlags::MS_NODEV);

/// What rlab needs itself, before there is a disk.
const FIRST: [Special; 3] = [
    ("proc", "/proc", NO_PROGRAMS, None),
    ("sysfs", "/sys", NO_PROGRAMS, None),
    // The kernel itself fills it, with a file for each device that a driver reports. In a container that would be every
    // device of the host; these are the machine's own.
    ("devtmpfs", "/dev", MsFlags::MS_NOSUID, Some("mode=0755")),
];

/// What every program expects on top of these.
const MORE: [Special; 3] = [
    ("devpts", "/dev/pts", MsFlags::MS_NOSUID.union(MsFlags::MS_NOEXEC), Some("gid=5,mode=620,ptmxmode=666")),
    ("tmpfs", "/dev/shm", MsFlags::MS_NOSUID.union(MsFlags::MS_NODEV), Some("mode=1777")),
    ("cgroup2", "/sys/fs/cgroup", NO_PROGRAMS, None),
];

/// Links that the kernel leaves to others to make.
const LINKS: [(&str, &str); 4] = [
    ("/proc/self/fd", "/dev/fd"),
    ("/proc/self/fd/0", "/dev/stdin"),
    ("/proc/self/fd/1", "/dev/stdout"),
    ("/proc/self/fd/2", "/dev/stderr"),
];

/// Mounts what rlab itself needs to find its way.
pub fn begin() -> Result<(), Failure> {
    for (kind, path, flags, data) in FIRST {
        make_dir(path)?;
        mount(Some(kind), Path::new(path), Some(kind), flags, data).map_err(refused("guest_init"))?;
    }
    Ok(())
}

// ANCHOR: stack
/// Stacks memory on the disk: the same overlayfs that makes a container's tree, over one directory instead of one a layer.
pub fn stack() -> Result<RootDir, Failure> {
    for path in [DISK_AT, MEMORY_AT, ROOT_AT] {
        make_dir(path)?;
    }
    let read_only = MsFlags::MS_RDONLY;
    mount(Some(DISK), Path::new(DISK_AT), Some("ext4"), read_only, None).map_err(refused("guest_init"))?;
    mount(Some("tmpfs"), Path::new(MEMORY_AT), Some("tmpfs"), MsFlags::empty(), Some("mode=0755"))
        .map_err(refused("guest_init"))?;
    let (upper, work) = (format!("{MEMORY_AT}/upper"), format!("{MEMORY_AT}/work"));
    make_dir(&upper)?;
    make_dir(&work)?;
    let options = format!("lowerdir={DISK_AT},upperdir={upper},workdir={work}");
    mount(Some("overlay"), Path::new(ROOT_AT), Some("overlay"), MsFlags::empty(), Some(&options))
        .map_err(refused("guest_init"))?;
    RootDir::open(Path::new(ROOT_AT)).map_err(refused("guest_init"))
}
// ANCHOR_END: stack

/// Everything that is mounted or written below the new root. The image's own links are followed inside of it only.
pub fn fill(root: &RootDir, order: &Order) -> Result<(), Failure> {
    for (kind, path, flags, data) in FIRST.into_iter().chain(MORE) {
        mount_in(root, Some(kind), Path::new(path), kind, flags, data)?;
    }
    for (target, link) in LINKS {
        root.make_link(target, Path::new(link)).map_err(refused("guest_init"))?;
    }
    for (path, text) in &order.files {
        write(root, path, text)?;
    }
    for (path, options) in &order.tmpfs {
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        mount_in(
            root,
            Some("tmpfs"),
            path,
            "tmpfs",
            flags,
            Some(options).filter(|text| !text.is_empty()).map(|x| &**x),
        )?;
    }
    order.shares.iter().try_for_each(|share| share_in(root, share))?;
    // It may be missing from the image, and then a container's is made as well.
    root.make_dir(&order.cwd).map(drop).map_err(refused("guest_init"))
}

/// A directory of the host's: read and written over the machine's border, request by request.
fn share_in(root: &RootDir, share: &Share) -> Result<(), Failure> {
    let data = (share.filesystem == "9p").then_some("trans=virtio,version=9p2000.L,msize=524288");
    let flags = if share.read_only { MsFlags::MS_RDONLY } else { MsFlags::empty() };
    mount_in(root, Some(&share.tag), &share.destination, &share.filesystem, flags, data)
}

fn mount_in(
    root: &RootDir,
    source: Option<&str>,
    path: &Path,
    kind: &str,
    flags: MsFlags,
    data: Option<&str>,
) -> Result<(), Failure> {
    let place = root.make_dir(path).map_err(refused("guest_init"))?;
    sys::mount::mount_at(source, &place, Some(kind), flags, data).map_err(refused("guest_init"))
}

fn write(root: &RootDir, path: &Path, text: &str) -> Result<(), Failure> {
    let place = root.make_file(path).map_err(refused("guest_init"))?;
    std::fs::write(place.proc_path(), text).map_err(|error| Failure::Refused {
        stage: "guest_init".to_owned(),
        reason: format!("{}: {error}", path.display()),
    })
}

/// The stack becomes `/`.
///
/// pivot_root(2) can't: the initramfs is the first filesystem of all, and that one can be neither moved nor unmounted. So
/// the new root is moved over it, and chroot leads into what lies on top. The way back that chroot leaves open leads to a
/// few files of rlab's in memory: behind it is no other system, but the machine's own beginning.
pub fn enter(read_only: bool) -> Result<(), Failure> {
    let new_root = Path::new(ROOT_AT);
    if read_only {
        let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
        mount(None, new_root, None, flags, None).map_err(refused("guest_init"))?;
    }
    chdir(new_root).map_err(refused("guest_init"))?;
    mount(Some("."), Path::new("/"), None, MsFlags::MS_MOVE, None).map_err(refused("guest_init"))?;
    chroot(".").map_err(refused("guest_init"))?;
    chdir(Path::new("/")).map_err(refused("guest_init"))
}

fn make_dir(path: &str) -> Result<(), Failure> {
    match sys::mkdir(Path::new(path), 0o755) {
        Err(error) if error.errno == sys::Errno::EEXIST as i32 => Ok(()),
        other => other.map_err(refused("guest_init")),
    }
}
