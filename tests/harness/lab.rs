//! The `lab` image in an rlab that the tests share, and the host compared before and after each of them.

use super::host::{Inventory, Turn, alone};
use super::{Output, Rlab};
use std::ops::Deref;
use std::sync::{Arc, Mutex, Weak};

/// Packing the image takes longer than most tests. Weak, because nobody drops what a static holds.
static SHARED: Mutex<Weak<Rlab>> = Mutex::new(Weak::new());

/// One test's turn with an rlab whose image `lab` is packed. Dropped, it fails the test unless the host is as it was.
pub struct Lab {
    rlab: Arc<Rlab>,
    before: Inventory,
    _turn: Turn,
}

impl Lab {
    /// Waits for the machine. Needs root, `ip` and `nft`.
    pub fn new() -> Self {
        // Taken before the wait: whoever waits keeps it for those who come later.
        let rlab = shared();
        let turn = alone();
        if !rlab.root().exists() {
            rlab.run(&["run", "--rm", "lab", "true"]).succeeded();
        }
        let before = Inventory::take(&[&rlab.root()]);
        Self { rlab, before, _turn: turn }
    }

    /// Runs a tool of the image, with these flags and without a network unless they name one.
    #[track_caller]
    pub fn tool(&self, flags: &[&str], command: &[&str]) -> Output {
        self.rlab.run(&Self::arguments(flags, command))
    }

    /// What is typed after `rlab` for [`Lab::tool`].
    pub fn arguments<'a>(flags: &[&'a str], command: &[&'a str]) -> Vec<&'a str> {
        let network: &[&str] = if flags.contains(&"--network") { &[] } else { &["--network", "none"] };
        [&["run", "--rm"], network, flags, &["lab"], command].concat()
    }

    /// The same, with a line for the shell of the image.
    #[track_caller]
    pub fn shell(&self, flags: &[&str], line: &str) -> Output {
        self.tool(flags, &["sh", "-c", line])
    }

    /// What is on the host now and was not before, a line each.
    pub fn left(&self) -> String {
        self.before.difference(&Inventory::take(&[&self.rlab.root()]))
    }

    /// Fails the test unless the host comes back to what it was within a moment.
    #[track_caller]
    pub fn assert_restored(&self) {
        self.before.assert_restored();
    }
}

impl Deref for Lab {
    type Target = Rlab;

    fn deref(&self) -> &Rlab {
        &self.rlab
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // What a failed test leaves in its rlab is not the next one's concern.
            *SHARED.lock().unwrap() = Weak::new();
        } else {
            self.assert_restored();
        }
    }
}

fn shared() -> Arc<Rlab> {
    let mut shared = SHARED.lock().unwrap();
    shared.upgrade().unwrap_or_else(|| {
        let rlab = Arc::new(Rlab::new());
        *shared = Arc::downgrade(&rlab);
        rlab
    })
}

/// A [`Lab`], or the end of the test, aloud, where there can be none.
macro_rules! lab {
    () => {{
        $crate::harness::need!(root(), programs(&["ip", "nft"], "apt install iproute2 nftables"));
        $crate::harness::lab::Lab::new()
    }};
}
pub(crate) use lab;
