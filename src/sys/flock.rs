//! Advisory locks on open files, so that two rlab processes never write the same blob or layer at once.   Man: flock(2).
//!
//! flock belongs to the open file, not to the process: closing it, or dying, lets go. A lock file left behind by
//! `kill -9` therefore blocks nobody, which a file holding a pid would.

use std::io;
use std::os::fd::AsFd;

use rustix::fs::{FlockOperation, flock};

/// How a lock is shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Many holders at once, none of them exclusive.
    Shared,
    /// One holder alone.
    Exclusive,
}

/// Waits until the lock is held.
pub fn lock(file: impl AsFd, mode: Mode) -> io::Result<()> {
    let operation = match mode {
        Mode::Shared => FlockOperation::LockShared,
        Mode::Exclusive => FlockOperation::LockExclusive,
    };
    loop {
        match flock(&file, operation) {
            Err(rustix::io::Errno::INTR) => {}
            other => return Ok(other?),
        }
    }
}

/// Takes the lock if nobody holds it, and says whether it did.
pub fn try_lock(file: impl AsFd, mode: Mode) -> io::Result<bool> {
    let operation = match mode {
        Mode::Shared => FlockOperation::NonBlockingLockShared,
        Mode::Exclusive => FlockOperation::NonBlockingLockExclusive,
    };
    match flock(&file, operation) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::time::{Duration, Instant};

    #[test]
    fn an_exclusive_lock_is_held_by_one_open_file_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = File::create(&path).unwrap();
        let second = File::open(&path).unwrap();
        lock(&first, Mode::Exclusive).unwrap();
        assert!(!try_lock(&second, Mode::Exclusive).unwrap());
        assert!(!try_lock(&second, Mode::Shared).unwrap());
        drop(first);
        // A child that another test has just made holds a copy of the lock until its execve or its end.
        let deadline = Instant::now() + Duration::from_secs(10);
        while !try_lock(&second, Mode::Exclusive).unwrap() {
            assert!(Instant::now() < deadline, "nobody has the file open any more");
            std::thread::yield_now();
        }
    }

    #[test]
    fn shared_locks_keep_only_exclusive_ones_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = File::create(&path).unwrap();
        let second = File::open(&path).unwrap();
        lock(&first, Mode::Shared).unwrap();
        assert!(try_lock(&second, Mode::Shared).unwrap());
        let third = File::open(&path).unwrap();
        assert!(!try_lock(&third, Mode::Exclusive).unwrap());
    }
}
