//! Cleaning up after an rlab that was killed: whatever its undo lists still hold is taken away by the next command.

use super::container::{Record, all, hold};
use super::home::Home;
use super::journal::Journal;
use crate::image::classroom;
use crate::image::store::InUse;
use crate::sys::flock;
use std::fs::File;

/// Works off the undo lists of containers whose rlab is gone. What can't be taken away now is tried again next time.
pub fn sweep(home: &Home) {
    classroom::sweep(&home.root);
    let Ok(entries) = std::fs::read_dir(home.containers()) else { return };
    for dir in entries.flatten().map(|entry| entry.path()) {
        let Ok(alive) = File::open(dir.join("alive")) else {
            // Killed between making the directory and the lock in it, or just being made: who makes one holds the lock.
            let _next_time = hold(home).map(|_alone| std::fs::remove_dir(&dir));
            continue;
        };
        if !flock::try_lock(&alive, flock::Mode::Exclusive).unwrap_or(false) {
            continue; // its rlab lives
        }
        if let Ok(journal) = Journal::open(&dir) {
            let _next_time = journal.undo();
        }
    }
}

/// Which images and layers containers still stand on.
pub fn in_use(home: &Home) -> Vec<InUse> {
    let hold = |record: Record| {
        let container = record.name.clone().unwrap_or_else(|| record.short().to_owned());
        Some(InUse { container, image: record.image_id?, layers: record.layers })
    };
    all(home).into_iter().filter_map(hold).collect()
}
