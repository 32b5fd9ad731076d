//! Cleaning up after an rlab that was killed: whatever its undo lists still hold is taken away by the next command.

use super::container::{Record, all, hold};
use super::home::Home;
use super::journal::Journal;
use crate::image::classroom;
use crate::image::store::InUse;
use crate::sys::flock;
use std::fs::File;
use std::path::Path;

/// Works off the undo lists of containers whose rlab is gone. What can't be taken away now is tried again next time.
pub fn sweep(home: &Home) {
    classroom::sweep(&home.root);
    let Ok(entries) = std::fs::read_dir(home.containers()) else { return };
    for dir in entries.flatten().map(|entry| entry.path()) {
        match owner(&dir) {
            Owner::Lives => {}
            Owner::Unknown => remove_rest(home, &dir),
            Owner::Gone(until_done) => match Journal::reopen(&dir) {
                Some(journal) => undo(&journal, &dir),
                None => {
                    drop(until_done);
                    remove_rest(home, &dir);
                }
            },
        }
    }
}

fn undo(journal: &Journal, dir: &Path) {
    let (_, refused) = journal.undo();
    if refused.is_none() {
        // A list that was cut off at its first line does not name the directory that it lies in.
        let _next_time = std::fs::remove_dir_all(dir);
    }
}

/// What the lock in a container's directory says about the rlab that made it.
enum Owner {
    Lives,
    /// It is gone, and as long as this is held no other command clears up after it.
    Gone(File),
    /// There is no lock.
    Unknown,
}

fn owner(dir: &Path) -> Owner {
    let Ok(alive) = File::open(dir.join("alive")) else { return Owner::Unknown };
    if flock::try_lock(&alive, flock::Mode::Exclusive).unwrap_or(false) { Owner::Gone(alive) } else { Owner::Lives }
}

/// A directory that was not yet filled when its rlab was killed, or not yet quite removed, which comes last: nothing but
/// files can be in it. It may also be just being made, so it is looked at again under the lock of who makes one.
fn remove_rest(home: &Home, dir: &Path) {
    let Ok(_alone) = hold(home) else { return };
    if !matches!(owner(dir), Owner::Lives) && Journal::reopen(dir).is_none() {
        let _next_time = std::fs::remove_dir_all(dir);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A home with one container's directory, and in it the files of these names.
    fn home_with(files: &[&str]) -> (tempfile::TempDir, Home, std::path::PathBuf) {
        let root = tempfile::tempdir().unwrap();
        let home = Home::new(Some(root.path()));
        let dir = home.containers().join("c0ffee");
        std::fs::create_dir_all(&dir).unwrap();
        for file in files {
            std::fs::write(dir.join(file), "").unwrap();
        }
        (root, home, dir)
    }

    #[test]
    fn a_directory_half_made_or_half_removed_goes() {
        for files in [&[][..], &["alive"], &["record.json", "config.json"], &["alive", "undo.jsonl"]] {
            let (_root, home, dir) = home_with(files);
            sweep(&home);
            assert!(!dir.exists(), "{files:?}");
        }
    }

    #[test]
    fn a_directory_whose_rlab_lives_stays() {
        for files in [&["alive"][..], &["alive", "undo.jsonl", "record.json"]] {
            let (_root, home, dir) = home_with(files);
            let alive = File::open(dir.join("alive")).unwrap();
            flock::lock(&alive, flock::Mode::Exclusive).unwrap();
            sweep(&home);
            assert!(dir.join("alive").exists(), "{files:?}");
        }
    }
}
