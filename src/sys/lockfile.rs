//! A small file that several processes of rlab read and rewrite, one at a time, see flock(2).
//!
//! It is rewritten in place, because a lock belongs to the file and not to its name: replaced by rename(2), it would
//! leave two processes each with a lock of its own. It is removed with its last entry, so whoever waited for the lock
//! looks whether the name still leads to the file that was locked.

use super::flock;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A file that no other process of rlab has locked now.
#[derive(Debug)]
pub struct LockFile {
    file: File,
    path: PathBuf,
}

impl LockFile {
    /// Opens the file, makes it when it is missing, and waits until no one else has it.
    pub fn lock(path: &Path) -> std::io::Result<LockFile> {
        loop {
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
            flock::lock(&file, flock::Mode::Exclusive)?;
            let (held, named) = (file.metadata()?, std::fs::metadata(path));
            if named.is_ok_and(|named| (named.dev(), named.ino()) == (held.dev(), held.ino())) {
                return Ok(LockFile { file, path: path.to_owned() });
            }
        }
    }

    /// All of its text.
    pub fn read(&self) -> std::io::Result<String> {
        let mut text = String::new();
        let mut file: &File = &self.file;
        std::io::Seek::rewind(&mut file)?;
        file.read_to_string(&mut text)?;
        Ok(text)
    }

    /// Puts `text` in the place of all that was there.
    ///
    /// The new text is written over the old one before the rest is cut off: killed between the two, the file still
    /// begins with a whole value, and a reader takes that one alone.
    pub fn rewrite(&self, text: &str) -> std::io::Result<()> {
        self.file.write_all_at(text.as_bytes(), 0)?;
        self.file.set_len(text.len() as u64)
    }

    /// Removes the file, still under the lock.
    pub fn remove(self) -> std::io::Result<()> {
        std::fs::remove_file(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    #[test]
    fn one_at_a_time_even_when_the_file_is_removed_and_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("records.json");
        let (inside, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for worker in 0..8 {
                let (path, inside, most) = (&path, &inside, &most);
                scope.spawn(move || {
                    for round in 0..50 {
                        let held = LockFile::lock(path).unwrap();
                        most.fetch_max(inside.fetch_add(1, SeqCst) + 1, SeqCst);
                        held.rewrite(&format!("{worker} {round}")).unwrap();
                        inside.fetch_sub(1, SeqCst);
                        if round % 3 == 0 {
                            held.remove().unwrap();
                        }
                    }
                });
            }
        });
        assert_eq!(most.into_inner(), 1);
    }

    #[test]
    fn a_shorter_text_leaves_nothing_of_a_longer_one() {
        let dir = tempfile::tempdir().unwrap();
        let held = LockFile::lock(&dir.path().join("records.json")).unwrap();
        held.rewrite("a long text").unwrap();
        held.rewrite("short").unwrap();
        assert_eq!(held.read().unwrap(), "short");
    }
}
