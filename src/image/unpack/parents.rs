//! Finds, and where the archive forgot it makes, the directory an entry goes into.
//!
//! Entries come in the order of the tree, so most go where the one before went: that directory is kept open. A name that
//! resolved once stays right until something is removed, because only a removal can put a link where a directory was;
//! then the kept one is forgotten. Even a stale one could only be a directory of this layer.

use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use super::error::Error;
use crate::sys::tree::{self, Mtime, Ownership};

/// The attribute by which overlayfs takes a directory as a whole, with nothing of the layers below shining through.
pub const OPAQUE_XATTR: &[u8] = b"trusted.overlay.opaque";

/// The directories of one layer.
pub struct Parents<'a> {
    root: Rc<OwnedFd>,
    below: &'a [OwnedFd],
    last: Option<(Vec<u8>, Rc<OwnedFd>)>,
    adopted: Vec<(Vec<u8>, Mtime)>,
    made: u64,
}

impl<'a> Parents<'a> {
    /// Directories below `root`; `below` are the layers beneath, the nearest first.
    pub fn new(root: OwnedFd, below: &'a [OwnedFd]) -> Self {
        Self { root: Rc::new(root), below, last: None, adopted: Vec::new(), made: 0 }
    }

    /// The layer's own directory.
    pub fn root(&self) -> Rc<OwnedFd> {
        Rc::clone(&self.root)
    }

    /// Opens a directory that must be there.
    pub fn open_existing(&mut self, path: &[u8]) -> io::Result<Rc<OwnedFd>> {
        if path.is_empty() {
            return Ok(self.root());
        }
        if let Some((last, directory)) = &self.last
            && last == path
        {
            return Ok(Rc::clone(directory));
        }
        let directory = Rc::new(tree::open_dir(&self.root, path)?);
        self.last = Some((path.to_vec(), Rc::clone(&directory)));
        Ok(directory)
    }

    /// Opens a directory, making what is missing on the way.
    pub fn open(&mut self, path: &[u8]) -> io::Result<Rc<OwnedFd>> {
        match self.open_existing(path) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                self.create(path)?;
                self.open_existing(path)
            }
            other => other,
        }
    }

    /// Keeps a directory at hand that was just made.
    pub fn remember(&mut self, path: Vec<u8>, directory: OwnedFd) {
        self.last = Some((path, Rc::new(directory)));
    }

    /// Forgets what is kept, after a removal.
    pub fn forget(&mut self) {
        self.last = None;
    }

    /// How many directories were made that no entry mentions.
    pub fn made(&self) -> u64 {
        self.made
    }

    /// Times that directories made here should have in the end.
    pub fn take_adopted(&mut self) -> Vec<(Vec<u8>, Mtime)> {
        std::mem::take(&mut self.adopted)
    }

    /// Step by step from the directory before, not each time from the root: a name may have two thousand components.
    fn create(&mut self, path: &[u8]) -> io::Result<()> {
        let mut current = self.root();
        let mut prefix = Vec::new();
        // What the layers below do not have has nothing in it there either.
        let mut below = self.below;
        for name in path.split(|byte| *byte == b'/') {
            if !prefix.is_empty() {
                prefix.push(b'/');
            }
            prefix.extend_from_slice(name);
            // It may be a link, which only a look-up from the root resolves.
            let found = tree::open_child(&current, name).or_else(|_| tree::open_dir(&self.root, &prefix));
            current = Rc::new(match found {
                Ok(found) => found,
                Err(error) => self.make(&current, name, (&prefix, &mut below), error)?,
            });
        }
        Ok(())
    }

    fn make(
        &mut self,
        parent: &OwnedFd,
        name: &[u8],
        (path, below): (&[u8], &mut &[OwnedFd]),
        error: io::Error,
    ) -> io::Result<OwnedFd> {
        let hidden = match tree::lstat(parent, name)? {
            None => false,
            // The layer hides what was here and then builds anew: its directory must not let the old one shine through.
            Some(stat) if stat.is_whiteout() => {
                tree::remove(parent, name)?;
                true
            }
            Some(_) => return Err(error),
        };
        tree::make_dir(parent, name)?;
        // Whatever umask rlab was started with: the programs of an image are not all root's.
        tree::set_mode_at(parent, name, 0o755)?;
        self.made += 1;
        let made = tree::open_child(parent, name)?;
        if hidden {
            tree::set_xattr(&made, OPAQUE_XATTR, b"y")?;
        } else if !self.adopt(&made, path, below)? {
            *below = &[];
        }
        Ok(made)
    }

    /// Stacked, the directory of the upper layer decides owner and bits. One that the archive does not mention would
    /// turn a world-writable /tmp of the layers below into 0755, so it takes theirs. Says whether there is one.
    fn adopt(&mut self, made: &OwnedFd, path: &[u8], below: &[OwnedFd]) -> io::Result<bool> {
        let Some(found) = below.iter().find_map(|layer| tree::open_dir(layer, path).ok()) else {
            return Ok(false);
        };
        let stat = tree::fstat(&found)?;
        tree::set_ownership(made, Ownership { mode: stat.mode, uid: stat.uid, gid: stat.gid })?;
        self.adopted.push((path.to_vec(), stat.mtime));
        Ok(true)
    }
}

/// A directory's path and a name in it.
pub type Split = (Vec<u8>, Vec<u8>);

/// Splits an archived name into directory and last component, both free of `.` and extra slashes; `None` is the root
/// itself. A leading slash means the layer's root. `..` is refused: the kernel would keep it inside, but no honest
/// archive has one.
pub fn split(path: &[u8]) -> Result<Option<Split>, Error> {
    let components = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".");
    let mut components: Vec<&[u8]> = components.collect();
    if path.contains(&0) || components.contains(&&b".."[..]) {
        return Err(Error::UnsafeName { entry: display(path) });
    }
    let last = components.pop();
    Ok(last.map(|name| (components.join(&b'/'), name.to_vec())))
}

/// A name as text for messages.
pub fn display(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_split_at_the_last_component() {
        let split = |path: &str| {
            let found = split(path.as_bytes()).ok()?;
            Some(found.map(|(dir, name)| (display(&dir), display(&name))))
        };
        let pair = |dir: &str, name: &str| Some(Some((dir.to_owned(), name.to_owned())));
        assert_eq!(split("a/b/c"), pair("a/b", "c"));
        assert_eq!(split("/etc//./passwd/"), pair("etc", "passwd"));
        assert_eq!(split("./x"), pair("", "x"));
        assert_eq!(split("./"), Some(None));
        assert_eq!(split("a/../b"), None);
        assert_eq!(split("a\0b"), None);
    }

    proptest! {
        #[test]
        fn no_split_name_leads_upwards(path in "[a./\u{e9}]{0,24}") {
            if let Ok(Some((dir, name))) = split(path.as_bytes()) {
                prop_assert!(!name.contains(&b'/') && name != b"." && name != b"..");
                prop_assert!(dir.split(|byte| *byte == b'/').all(|part| part != b".." && part != b"."));
            }
        }
    }
}
