//! How large a filesystem has to be for a tree, told before it is made.
use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::Error;

/// Bytes of a block, and of an inode with room for a file's capabilities.
pub const BLOCK: u64 = 4096;
pub const INODE: u64 = 256;

/// Blocks in one group, which has a table and two maps of its own.
const GROUP: u64 = 8 * BLOCK;

/// A target this long is kept in the inode itself: ext4(5) calls it a fast symbolic link.
const FAST_SYMLINK: u64 = 59;

/// What a tree needs.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Needs {
    /// Inodes: a file of several names counts once.
    pub inodes: u64,
    /// Blocks of the files' contents, without the holes in them.
    pub blocks: u64,
    /// The same, were there no holes.
    pub blocks_without_holes: u64,
    /// The directory itself: mke2fs copies what is in it, and not what it is like.
    pub root: Root,
}

/// Mode, owner and time of the tree's own directory, and whether it has a `lost+found`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Root {
    pub mode: u32,
    pub owner: (u32, u32),
    pub mtime_s: i64,
    pub has_lost_and_found: bool,
}

impl Needs {
    /// Walks the tree.
    pub fn of(tree: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Read { path: tree.to_owned(), source };
        let meta = fs::symlink_metadata(tree).map_err(failed)?;
        let has_lost_and_found = tree.join("lost+found").is_dir();
        let owner = (meta.uid(), meta.gid());
        let root = Root { mode: meta.mode(), owner, mtime_s: meta.mtime(), has_lost_and_found };
        let mut needs = Self { root, ..Self::default() };
        let mut linked = BTreeSet::new();
        let mut open = vec![tree.to_owned()];
        while let Some(dir) = open.pop() {
            needs.directory(&dir, &mut linked, &mut open).map_err(|source| Error::Read { path: dir, source })?;
        }
        Ok(needs)
    }

    fn directory(
        &mut self,
        dir: &Path,
        linked: &mut BTreeSet<(u64, u64)>,
        open: &mut Vec<std::path::PathBuf>,
    ) -> io::Result<()> {
        // `.` and `..`; an entry is eight bytes and its name, and stays within a block.
        let mut entries_bytes = 24;
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let meta = entry.metadata()?;
            entries_bytes += (8 + entry.file_name().as_bytes().len() as u64).next_multiple_of(4);
            if meta.is_dir() {
                open.push(entry.path());
            } else if meta.nlink() > 1 && !meta.is_symlink() && !linked.insert((meta.dev(), meta.ino())) {
                // Another name of a file that was counted. Of a symbolic link mke2fs makes one for each name.
                continue;
            } else {
                self.file(&meta);
            }
        }
        // The end of a block stays empty where the next name is too long for it: 255 bytes and eight at most.
        self.add(entries_bytes.div_ceil(BLOCK - 264).max(1), 0);
        Ok(())
    }

    fn file(&mut self, meta: &Metadata) {
        let whole = match meta.file_type() {
            kind if kind.is_file() => meta.len().div_ceil(BLOCK),
            kind if kind.is_symlink() && meta.len() > FAST_SYMLINK => 1,
            _ => 0,
        };
        let there = if meta.is_file() { (meta.blocks() * 512).div_ceil(BLOCK).min(whole) } else { whole };
        self.add(there, whole - there);
    }

    fn add(&mut self, blocks: u64, holes: u64) {
        self.inodes += 1;
        self.blocks += blocks;
        self.blocks_without_holes += blocks + holes;
    }

    /// Blocks of a filesystem for all of it, with a little room: what is not used is a hole in the disk's file.
    pub fn filesystem(&self) -> u64 {
        with_tables(self.blocks + self.blocks / 64 + 256, self.inodes)
    }

    /// A size that does for every tree: where the host's filesystem packs files, or keeps them in inodes, or where they
    /// have more attributes than an inode takes.
    pub fn generous(&self) -> u64 {
        with_tables(self.blocks_without_holes + self.blocks_without_holes / 16 + 2 * self.inodes + 4096, self.inodes)
    }

    /// Inodes of a filesystem for all of it. Ten are its own, and mke2fs makes a lost+found.
    pub fn table(&self) -> u64 {
        self.inodes + 16
    }
}

/// Of each group two maps, and of some a copy of the superblock and of the descriptors of all groups.
fn with_tables(blocks: u64, inodes: u64) -> u64 {
    let blocks = blocks + ((inodes + 16) * INODE).div_ceil(BLOCK);
    let groups = blocks.div_ceil(GROUP) + 1;
    // A group's part of the inode table is whole blocks.
    blocks + groups * (3 + 1 + groups.div_ceil(BLOCK / 64))
}
