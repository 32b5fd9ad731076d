//! A disk that is full: rlab's root on a filesystem in memory with room for so much and no more.
//!
//! Every file that rlab writes for itself (blobs, layers, records, undo lists, the bundle) is written by no call of the
//! trace. So the room is made smaller step by step, and each of those writes is at some step the first that finds none.

use crate::harness::Rlab;
use crate::harness::host::{Inventory, alone};
use crate::harness::need;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::signal::Signal;
use nix::sys::statvfs::statvfs;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What there is too little of.
#[derive(Clone, Copy, Debug)]
enum Short {
    Bytes,
    Inodes,
}

const ROOMY: &str = "size=1g,nr_inodes=100000";

/// An rlab whose root is a tmpfs.
struct Small {
    rlab: Rlab,
}

impl Small {
    fn new() -> Small {
        let rlab = Rlab::new();
        std::fs::create_dir(rlab.root()).unwrap();
        let small = Small { rlab };
        small.mount(MsFlags::empty(), ROOMY);
        small
    }

    fn mount(&self, flags: MsFlags, options: &str) {
        mount(Some("tmpfs"), &self.rlab.root(), Some("tmpfs"), flags, Some(options)).unwrap();
    }

    /// Room for everything.
    fn widen(&self) {
        self.mount(MsFlags::MS_REMOUNT, ROOMY);
    }

    /// Leaves room for so many pages or inodes more than are in use.
    fn leave(&self, short: Short, room: u64) {
        let stat = statvfs(&self.rlab.root()).unwrap();
        let page = stat.fragment_size();
        let options = match short {
            Short::Bytes => format!("size={},nr_inodes=100000", (stat.blocks() - stat.blocks_free() + room) * page),
            Short::Inodes => format!("size=1g,nr_inodes={}", stat.files() - stat.files_free() + room),
        };
        // A size of 0 would be no limit at all, see tmpfs(5).
        self.mount(MsFlags::MS_REMOUNT, &options);
    }

    fn files(&self) -> BTreeSet<PathBuf> {
        fn walk(folder: &Path, found: &mut BTreeSet<PathBuf>) {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                found.insert(entry.path());
                if entry.file_type().unwrap().is_dir() {
                    walk(&entry.path(), found);
                }
            }
        }
        let mut found = BTreeSet::new();
        walk(&self.rlab.root(), &mut found);
        found
    }

    fn empty(&self) {
        umount2(&self.rlab.root(), MntFlags::MNT_DETACH).unwrap();
        self.mount(MsFlags::empty(), ROOMY);
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _not_mounted = umount2(&self.rlab.root(), MntFlags::MNT_DETACH);
    }
}

const RUN: [&str; 6] = ["run", "--rm", "--network", "none", "lab", "true"];

/// Runs with ever more room until it is enough; gives how many runs failed. What each has left is told to `look`.
fn until_it_fits(small: &Small, short: Short, step: u64, look: &mut dyn FnMut(u64)) -> usize {
    let (mut room, mut failed) = (if step > 1 { step } else { 0 }, 0);
    loop {
        small.leave(short, room);
        let output = small.rlab.run(&RUN);
        if output.status.code() == Some(0) {
            return failed;
        }
        let output = output.ended_with(125);
        let said = output.stderr.lines().find(|line| line.starts_with("rlab: ")).unwrap_or_default();
        assert!(said.contains("No space left on device"), "room for {room} {short:?}: {output}");
        look(room);
        failed += 1;
        room += step;
        assert!(failed < 400, "{output}");
    }
}

#[test]
fn a_disk_that_fills_while_a_container_is_made_loses_nothing() {
    need!(root());
    let _turn = alone();
    let small = Small::new();
    small.rlab.run(&RUN).succeeded();
    small.rlab.run(&["images"]).succeeded();
    small.widen();
    let host = Inventory::take(&[&small.rlab.root()]);
    for short in [Short::Bytes, Short::Inodes] {
        let failed = until_it_fits(&small, short, 1, &mut |_| {
            small.widen();
            host.assert_restored();
        });
        crate::harness::tell(&format!("{short:?}: {failed} runs found no room, and left nothing"));
        assert!(failed > 5, "{short:?}: {failed}");
    }
}

#[test]
fn a_disk_that_fills_while_an_image_is_unpacked_keeps_no_half_of_it() {
    need!(root());
    let _turn = alone();
    let small = Small::new();
    small.rlab.run(&RUN).succeeded();
    let whole = small.files().len() as u64;
    let stat = statvfs(&small.rlab.root()).unwrap();
    let pages = stat.blocks() - stat.blocks_free();
    for (short, step) in [(Short::Bytes, pages / 12), (Short::Inodes, whole / 24)] {
        small.empty();
        let failed = until_it_fits(&small, short, step, &mut |room| {
            small.widen();
            small.rlab.run(&["images"]).succeeded();
            let half: Vec<PathBuf> = small.files().into_iter().filter(|path| is_half_made(path)).collect();
            // An image that is listed is whole: it is what was being done with it that found no room.
            let listed = small.rlab.run(&["images"]).succeeded().stdout.contains("lab");
            assert!(listed || half.is_empty(), "room for {room} {short:?}: {half:#?}");
            small.empty();
        });
        crate::harness::tell(&format!("{short:?}: {failed} first runs found no room, and kept no half image"));
        assert!(failed > 5, "{short:?}: {failed}");
    }
}

#[test]
fn a_kill_while_an_image_is_packed_and_unpacked_keeps_no_scraps() {
    need!(root());
    let _turn = alone();
    let small = Small::new();
    let begun = Instant::now();
    small.rlab.run(&RUN).succeeded();
    let (steps, whole) = (24, begun.elapsed());
    let (mut struck, mut listed) = (0, 0);
    for step in 1..=steps {
        small.empty();
        let mut running = small.rlab.start(&RUN);
        std::thread::sleep(whole * step / steps);
        if !running.has_ended() {
            running.signal(Signal::SIGKILL);
            struck += 1;
        }
        running.wait(whole + Duration::from_secs(60));
        let names = small.rlab.run(&["images"]).succeeded().stdout.contains("lab");
        listed += usize::from(names);
        // What has its final name is whole, and saves the next run the work; what has not is gone.
        let scraps: Vec<PathBuf> = small.files().into_iter().filter(|path| is_scrap(path)).collect();
        assert!(scraps.is_empty(), "killed at step {step}: {scraps:#?}");
        small.rlab.run(&RUN).succeeded();
    }
    let text = format!("{struck} kills, {listed} after the image had its name: no scraps, and each next run succeeded");
    crate::harness::tell(&text);
    assert!(struck > 10, "{struck}");
}

/// Whether this is something that has not got its final name.
fn is_scrap(path: &Path) -> bool {
    let text = path.to_string_lossy();
    ["/ingest/", "/work/", "/containers/", ".tmp"].iter().any(|part| text.contains(part))
}

/// Whether this is more than the folders and locks of a store that is empty.
fn is_half_made(path: &Path) -> bool {
    let text = path.to_string_lossy();
    ["/layers/", "/blobs/sha256/", "/ingest/", "/work/", "/containers/"].iter().any(|part| text.contains(part))
}
