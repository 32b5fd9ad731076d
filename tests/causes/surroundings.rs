//! What is around rlab: mounts, control groups, name servers, tools.

use super::{Place, SOON, caused, says};
use crate::harness::lab::lab;
use crate::harness::{Running, need};
use nix::sys::signal::Signal;
use std::path::{Path, PathBuf};

/// A directory of /proc that holds something and that rlab does not read.
fn part_of_proc() -> PathBuf {
    let parts = ["/proc/tty", "/proc/irq", "/proc/bus"].map(PathBuf::from);
    parts.into_iter().find(|part| part.is_dir()).unwrap()
}

#[test]
fn a_covered_proc_is_why_no_new_one_is_mounted() {
    let lab = lab!();
    let part = part_of_proc();
    let part = part.display();
    let place = Place::mounts(&lab, format!("mount -t tmpfs none {part}"));
    let output = place.tool(&["--userns", "private"], &["true"]).told("mounts: mount(\"proc\", \"/proc\"");
    caused(&place, output, &format!("cause: {part} is covered by a mount"), &format!(" {part} "));
    // Root of the host may, covered or not; and without the cover the other may, too.
    place.tool(&[], &["true"]).succeeded();
    lab.tool(&["--userns", "private"], &["true"]).succeeded();
}

#[test]
fn a_shared_root_leaks_nothing_and_is_no_obstacle() {
    let lab = lab!();
    let lines = "mount --make-rshared /; cut -d' ' -f3- /proc/self/mountinfo >$RLAB_ROOT/../before";
    let place = Place::mounts(&lab, lines);
    let script =
        "rlab run --rm --network none lab true && cut -d' ' -f3- /proc/self/mountinfo | diff $RLAB_ROOT/../before -";
    Running::start(&mut place.command("sh", &["-c", script])).wait(SOON).succeeded().wrote("");
    std::fs::remove_file(lab.folder().join("before")).unwrap();
}

#[test]
fn in_a_chroot_the_root_is_no_mount_point() {
    let lab = lab!();
    need!(programs(&["chroot", "findmnt"], "apt install coreutils util-linux"));
    // The host's directories by their own names below a directory that is no mount point itself.
    let lines = "mount -t tmpfs none /mnt; mkdir /mnt/root; cd /mnt/root
         for name in $(ls -A /); do
             if [ -L /$name ]; then cp -P /$name $name
             elif [ $name != mnt ] && [ -d /$name ]; then mkdir $name; mount --rbind /$name $name; fi
         done
         exec chroot /mnt/root \"$0\" \"$@\"";
    let place = Place::mounts(&lab, lines);
    let output = place.tool(&[], &["true"]);
    caused(&place, output, "/ is no mount point here, as in a chroot", "/ is no mount point");
}

#[test]
fn a_name_server_on_loopback_is_told_with_what_is_used_instead() {
    let lab = lab!();
    need!(programs(&["unshare"], "apt install util-linux"));
    let lines = "ip link set lo up; echo nameserver 127.0.0.1 >$RLAB_ROOT/../resolv
                 mount --bind $RLAB_ROOT/../resolv $(readlink -f /etc/resolv.conf)";
    let place = Place { lab: &lab, behind: &["unshare", "--mount", "--net"], lines: lines.to_owned() };
    let output = place.rlab(&["run", "--rm", "--explain", "lab", "cat", "/etc/resolv.conf"]).succeeded();
    says(&output, "name server 127.0.0.1 is out of reach from here: it listens on the host's own loopback");
    says(&output, "See grep nameserver /etc/resolv.conf; --dns names others.");
    let seen = Running::start(&mut place.command("grep", &["nameserver", "/etc/resolv.conf"])).wait(SOON);
    seen.wrote("nameserver 127.0.0.1");
    assert!(!output.stdout.contains("127."), "{output}");
    let told = place.rlab(&["run", "--rm", "--explain", "--dns", "192.0.2.53", "lab", "cat", "/etc/resolv.conf"]);
    told.succeeded().wrote_line("nameserver 192.0.2.53");
    std::fs::remove_file(lab.folder().join("resolv")).unwrap();
}

#[test]
fn of_an_overlay_on_an_overlay_the_directory_is_named() {
    let lab = lab!();
    need!(programs(&["findmnt"], "apt install util-linux"));
    let lines = "mount -t tmpfs none /mnt; mkdir /mnt/l /mnt/u /mnt/w /mnt/m
                 mount -t overlay none -o lowerdir=/mnt/l,upperdir=/mnt/u,workdir=/mnt/w /mnt/m";
    let place = Place::mounts(&lab, lines);
    let output =
        place.rlab(&["--root", "/mnt/m/root", "run", "--rm", "--network", "none", "lab", "true"]).ended_with(125);
    says(&output, "cause: upperdir lies on overlay, at /mnt/m/root/containers, and overlayfs can't write onto that");
    let check = output.stderr.lines().find_map(|line| line.strip_prefix("  check: ")).unwrap();
    assert_eq!(check, "findmnt -n -o FSTYPE -T /mnt/m/root/containers");
    // Each run of the place begins anew, so the directory has to be made again.
    let seen = Running::start(&mut place.command("sh", &["-c", &format!("mkdir -p /mnt/m/root/containers; {check}")]));
    seen.wait(SOON).wrote("overlay");
}

const NO_GROUPS: &str = "for point in $(findmnt -rn -o TARGET -t cgroup,cgroup2 | sort -r); do umount $point; done";

#[test]
fn without_control_groups_that_is_said() {
    let lab = lab!();
    need!(programs(&["findmnt"], "apt install util-linux"));
    let place = Place::mounts(&lab, NO_GROUPS);
    caused(&place, place.tool(&[], &["true"]), "no cgroup filesystem is mounted", "none is mounted");
}

#[test]
fn a_limit_whose_controller_is_not_mounted_names_it() {
    let lab = lab!();
    if !Path::new("/sys/fs/cgroup/memory").exists() {
        return crate::skip::aloud("on this host no controller of its own is mounted for memory");
    }
    let place = Place::mounts(&lab, "umount /sys/fs/cgroup/memory");
    let output = place.tool(&["-m", "64m"], &["true"]);
    caused(&place, output, "can't set memory.max: the controller memory is in no cgroup", "memory is not mounted");
    place.tool(&[], &["true"]).succeeded();
}

/// Two groups of v2, one in the other, the inner without controllers; gone with this.
struct Undelegated(PathBuf);

impl Undelegated {
    fn new() -> Self {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let unified = mounts.lines().find(|line| line.contains(" - cgroup2 ")).unwrap();
        let group = Path::new(unified.split(' ').nth(4).unwrap()).join(format!("rlab-causes-{}", std::process::id()));
        std::fs::create_dir_all(group.join("inner")).unwrap();
        Self(group)
    }
}

impl Drop for Undelegated {
    fn drop(&mut self) {
        for group in [self.0.join("inner"), self.0.clone()] {
            // Its processes have ended; the kernel may take a moment to see it.
            while std::fs::remove_dir(&group).is_err_and(|error| error.raw_os_error() == Some(libc::EBUSY)) {
                std::thread::yield_now();
            }
        }
    }
}

#[test]
fn a_controller_that_was_not_delegated_is_refused_by_name() {
    let lab = lab!();
    need!(programs(&["unshare", "findmnt"], "apt install util-linux"));
    if !std::fs::read_to_string("/proc/self/mountinfo").unwrap().contains(" - cgroup2 ") {
        return crate::skip::aloud("cgroup v2 is not mounted here");
    }
    let groups = Undelegated::new();
    let enter =
        format!("echo $$ >{}/inner/cgroup.procs; exec unshare --cgroup --mount \"$0\" \"$@\"", groups.0.display());
    let behind = ["sh", "-ec", &enter];
    let place =
        Place { lab: &lab, behind: &behind, lines: format!("{NO_GROUPS}\nmount -t cgroup2 none /sys/fs/cgroup") };
    let output = place.tool(&["-m", "64m"], &["true"]).ended_with(125);
    says(&output, "the controller memory was not delegated to this part of the cgroup tree");
    says(&output, "Delegate=yes");
    assert!(!place.check(&output).contains("memory"));
}

#[test]
fn without_nft_its_package_is_named() {
    let lab = lab!();
    // Every folder where it could be, with the links between them, is covered but for the shell's.
    let lines = "for folder in /usr/sbin /sbin /usr/local/sbin; do
                     [ ! -d $folder ] || [ -L $folder ] || mount -t tmpfs none $folder; done; PATH=/usr/bin:/bin";
    let behind = ["unshare", "--mount", "--net"];
    let place = Place { lab: &lab, behind: &behind, lines: lines.to_owned() };
    let output = place.rlab(&["run", "--rm", "lab", "true"]).told("apt install nftables");
    caused(&place, output, "nft, which sets the rules, is not on this host", "no nft");
}

#[test]
fn process_1_without_a_handler_is_told() {
    let lab = lab!();
    let running =
        lab.start(&["run", "--rm", "--network", "none", "--explain", "lab", "sh", "-c", "echo up; exec sleep 1000"]);
    running.wait_for_stdout("up", SOON);
    let status = |field: &str| {
        let children = format!("/proc/{0}/task/{0}/children", running.pid());
        let child = std::fs::read_to_string(children).unwrap().split_whitespace().next().unwrap().to_owned();
        let status = std::fs::read_to_string(format!("/proc/{child}/status")).unwrap();
        let mask = status.lines().find_map(|line| line.strip_prefix(field)).unwrap().trim().to_owned();
        u64::from_str_radix(&mask, 16).unwrap()
    };
    while !lab.left().contains("sleep") {
        std::thread::yield_now();
    }
    let caught = status("SigCgt:") >> (Signal::SIGTERM as i32 - 1) & 1;
    running.signal(Signal::SIGTERM);
    let output = running.wait(SOON).ended_with(137);
    assert_eq!(caught, 0, "what the story says is to be seen there");
    says(&output, "The program has no handler for SIGTERM");
    says(&output, "See SigCgt in /proc/PID/status. With --init");
}
