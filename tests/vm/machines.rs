//! An rlab that can start machines, shared by the tests: the kernel is fetched once, disk and initramfs are made once.

use crate::harness::host::{Inventory, Turn, alone, together};
use crate::harness::terminal::Terminal;
use crate::harness::{Output, Rlab, Running};
use std::ops::Deref;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::Duration;

/// Longer than a machine takes to its program on a busy host, by emulation.
pub const SOON: Duration = Duration::from_secs(120);

/// Weak, because nobody drops what a static holds.
static SHARED: Mutex<Weak<Rlab>> = Mutex::new(Weak::new());
/// How many more tests may have a machine: each keeps a processor busy and takes half a gigabyte.
static ROOM: (Mutex<usize>, Condvar) = (Mutex::new(2), Condvar::new());

/// One test's turn with an rlab that has started a machine before.
pub struct Machines {
    rlab: Arc<Rlab>,
    /// When nobody else is there: dropped, it fails the test unless the host is as it was.
    before: Option<Inventory>,
    _room: Room,
    _turn: Turn,
}

/// The right to have a machine.
struct Room;

impl Room {
    fn enter() -> Room {
        let mut free = ROOM.0.lock().unwrap();
        while *free == 0 {
            free = ROOM.1.wait(free).unwrap();
        }
        *free -= 1;
        Room
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        *ROOM.0.lock().unwrap() += 1;
        ROOM.1.notify_one();
    }
}

impl Machines {
    /// Beside other tests.
    pub fn beside_others() -> Result<Self, String> {
        // The turn first: who waits for it holds nothing that another needs.
        let turn = together();
        let room = Room::enter();
        Ok(Self { rlab: shared()?, before: None, _room: room, _turn: turn })
    }

    /// With the host to itself, which is compared before and after.
    pub fn alone() -> Result<Self, String> {
        let turn = alone();
        let room = Room::enter();
        let rlab = shared()?;
        let before = Some(Inventory::take(&[&rlab.root()]));
        Ok(Self { rlab, before, _room: room, _turn: turn })
    }

    /// What is typed after `rlab` to run a program of the image `lab` with these flags, without a card unless they are
    /// about one.
    pub fn arguments<'a>(flags: &[&'a str], command: &[&'a str]) -> Vec<&'a str> {
        let wants_card = flags.iter().any(|flag| ["--network", "-p"].contains(flag));
        let network: &[&str] = if wants_card { &[] } else { &["--network", "none"] };
        [&["vm", "run"], network, flags, &["lab"], command].concat()
    }

    /// Runs a tool of the image in a machine.
    #[track_caller]
    pub fn tool(&self, flags: &[&str], command: &[&str]) -> Output {
        self.rlab.run(&Self::arguments(flags, command))
    }

    /// Runs a line in the shell of the image, in a machine.
    #[track_caller]
    pub fn shell(&self, flags: &[&str], line: &str) -> Output {
        self.tool(flags, &["sh", "-c", line])
    }

    /// Starts a tool, and lets it run.
    #[track_caller]
    pub fn start_tool(&self, flags: &[&str], command: &[&str]) -> Running {
        self.rlab.start(&Self::arguments(flags, command))
    }

    /// Starts a tool in a terminal.
    #[track_caller]
    pub fn at_terminal(&self, flags: &[&str], command: &[&str]) -> Terminal {
        self.rlab.terminal(&Self::arguments(flags, command))
    }

    /// Fails the test unless the host comes back to what it was within a moment.
    #[track_caller]
    pub fn assert_restored(&self) {
        self.before.as_ref().expect("only who is alone can tell").assert_restored();
    }

    /// What is on the host now and was not before, a line each.
    pub fn left(&self) -> String {
        let before = self.before.as_ref().expect("only who is alone can tell");
        before.difference(&Inventory::take(&[&self.rlab.root()]))
    }
}

impl Deref for Machines {
    type Target = Rlab;

    fn deref(&self) -> &Rlab {
        &self.rlab
    }
}

impl Drop for Machines {
    fn drop(&mut self) {
        if std::thread::panicking() {
            *SHARED.lock().unwrap_or_else(PoisonError::into_inner) = Weak::new();
        } else if let Some(before) = &self.before {
            before.assert_restored();
        }
    }
}

/// Fetched kernels are kept beside the tests' program, where a later run finds them again.
pub fn share_kernels(rlab: &Rlab) {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kernels");
    std::fs::create_dir_all(&kept).unwrap();
    std::fs::create_dir_all(rlab.root().join("vm")).unwrap();
    symlink(kept, rlab.root().join("vm/kernels")).unwrap();
}

fn shared() -> Result<Arc<Rlab>, String> {
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(rlab) = shared.upgrade() {
        return Ok(rlab);
    }
    let rlab = Arc::new(Rlab::new());
    share_kernels(&rlab);
    // A machine and a container: folders that stay are made by the first of each.
    let output = rlab.run(&Machines::arguments(&[], &["true"]));
    if output.stderr.contains("none can be fetched") {
        return Err(format!("there is no kernel for a machine here: {}", output.stderr.trim()));
    }
    output.succeeded();
    *shared = Arc::downgrade(&rlab);
    Ok(rlab)
}

/// Ends the test, aloud, where there is nothing to make a machine with.
macro_rules! need_qemu {
    () => {
        $crate::harness::need!(
            root(),
            programs(&["qemu-system-x86_64"], "apt install qemu-system-x86"),
            programs(&["mke2fs", "debugfs"], "apt install e2fsprogs"),
            programs(&["ip", "nft"], "apt install iproute2 nftables")
        );
    };
}
pub(crate) use need_qemu;

/// A [`Machines`], `alone` or `beside_others`, or the end of the test, aloud, where there can be none.
macro_rules! machines {
    ($how:ident) => {{
        $crate::vm::machines::need_qemu!();
        match $crate::vm::machines::Machines::$how() {
            Ok(machines) => machines,
            Err(reason) => return $crate::skip::aloud(reason),
        }
    }};
}
pub(crate) use machines;
