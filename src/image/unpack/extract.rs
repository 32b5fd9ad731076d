//! Writes the entries of one layer below one directory.   Spec: OCI image, layer.md (applying changesets).
//!
//! A layer may add, replace and hide. Hiding is archived as a file named `.wh.NAME`; overlayfs knows it as a character
//! device 0/0 called NAME, and a directory that hides all below it by the attribute `trusted.overlay.opaque`. The marks
//! are translated here once, so that stacking layers later is the kernel's work alone.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::rc::Rc;

use super::archive::{Archive, Entry, Node};
use super::error::{Error, OWNER};
use super::parents::{OPAQUE_XATTR, Parents, display, split};
use super::sparse::SparseMap;
use super::{Counts, Limits};
use crate::sys::tree::{self, Kind, Mtime, Ownership};

const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// Names that aufs kept for itself; old images still carry a few, and they mean nothing here.
const AUFS_META: &[u8] = b".wh..wh.";

/// One layer being written.
pub struct Extractor<'a> {
    parents: Parents<'a>,
    counts: Counts,
    limits: Limits,
    /// Times of directories, set last: every file made in a directory changes its time.
    times: BTreeMap<Vec<u8>, Mtime>,
}

/// Where an entry goes: a name in an open directory.
struct Place<'e> {
    parent: Rc<OwnedFd>,
    name: Vec<u8>,
    entry: &'e Entry,
}

impl Place<'_> {
    fn failed(&self, action: &'static str) -> impl Fn(io::Error) -> Error {
        let entry = display(&self.entry.path);
        move |source| Error::Entry { entry: entry.clone(), action, source }
    }

    fn ownership(&self) -> Ownership {
        Ownership { mode: self.entry.mode, uid: self.entry.uid, gid: self.entry.gid }
    }
}

impl<'a> Extractor<'a> {
    /// Starts in an empty directory. `below` are the layers beneath, the nearest first: a directory that this layer
    /// has files in but does not mention takes owner and bits from there.
    pub fn new(root: OwnedFd, below: &'a [OwnedFd], limits: Limits) -> Self {
        Self { parents: Parents::new(root, below), counts: Counts::default(), limits, times: BTreeMap::new() }
    }

    /// Writes everything an archive holds.
    pub fn extract<R: BufRead>(mut self, archive: &mut Archive<R>) -> Result<Counts, Error> {
        let mut last = Vec::new();
        while let Some(entry) =
            archive.next().map_err(|error| if last.is_empty() { error } else { error.after(&last) })?
        {
            self.counts.entries += 1;
            self.apply(&entry, archive).and_then(|()| self.within_limits()).map_err(|error| error.at(&entry.path))?;
            last = entry.path;
        }
        self.set_times()?;
        Ok(self.counts)
    }

    /// A directory that an entry only implies costs the disk as much as one that is listed, and one name can imply two
    /// thousand.
    fn within_limits(&self) -> Result<(), Error> {
        let limit = self.limits.max_entries;
        if self.counts.entries + self.parents.made() > limit { Err(Error::TooManyEntries { limit }) } else { Ok(()) }
    }

    fn apply<R: BufRead>(&mut self, entry: &Entry, archive: &mut Archive<R>) -> Result<(), Error> {
        let Some((directory, name)) = split(&entry.path)? else {
            return self.root(entry);
        };
        let opened = self.parents.open(&directory);
        let parent = opened.map_err(|source| Error::Entry {
            entry: display(&entry.path),
            action: "open its directory",
            source,
        })?;
        let place = Place { parent, name, entry };
        if place.name.starts_with(WHITEOUT) {
            return self.hide(&place);
        }
        match &entry.node {
            Node::Directory => self.directory(&place, directory),
            Node::File(map) => self.file(&place, map.as_ref(), archive),
            Node::Symlink(target) => self.symlink(&place, target),
            Node::HardLink(target) => self.hard_link(&place, target),
            Node::Special(kind, device) => self.special(&place, *kind, *device),
        }
    }

    /// The entry `./` describes the layer's own directory.
    fn root(&mut self, entry: &Entry) -> Result<(), Error> {
        if entry.node != Node::Directory {
            return Err(Error::UnsafeName { entry: display(&entry.path) });
        }
        let place = Place { parent: self.parents.root(), name: b".".to_vec(), entry };
        self.counts.directories += 1;
        self.finish_directory(&place, &place.parent, Vec::new())
    }

    // ANCHOR: hide
    fn hide(&mut self, place: &Place) -> Result<(), Error> {
        if place.name == OPAQUE {
            self.counts.opaque += 1;
            return tree::set_xattr(&place.parent, OPAQUE_XATTR, b"y")
                .map_err(place.failed("mark its directory opaque"));
        }
        if place.name.starts_with(AUFS_META) {
            return Ok(());
        }
        let hidden = &place.name[WHITEOUT.len()..];
        if matches!(hidden, b"" | b"." | b"..") {
            return Err(Error::BadWhiteout { entry: display(&place.entry.path) });
        }
        self.counts.whiteouts += 1;
        let failed = place.failed("hide what is below");
        match tree::lstat(&place.parent, hidden).map_err(&failed)? {
            None => tree::make_whiteout(&place.parent, hidden).map_err(&failed),
            // A whiteout hides only the layers below. What this layer has under the same name stays; of a directory,
            // the content from below goes.
            Some(stat) if stat.kind == Kind::Directory => {
                let directory = tree::open_child(&place.parent, hidden).map_err(&failed)?;
                tree::set_xattr(&directory, OPAQUE_XATTR, b"y").map_err(&failed)
            }
            Some(_) => Ok(()),
        }
    }
    // ANCHOR_END: hide

    fn directory(&mut self, place: &Place, mut path: Vec<u8>) -> Result<(), Error> {
        let failed = place.failed("create the directory");
        let mut hides = false;
        if let Err(error) = tree::make_dir(&place.parent, &place.name) {
            let there = tree::lstat(&place.parent, &place.name).map_err(&failed)?;
            match there {
                Some(stat) if stat.kind == Kind::Directory => {}
                Some(stat) => {
                    // Hidden first and built anew after: nothing from below may shine through.
                    hides = stat.is_whiteout();
                    self.clear(place)?;
                    tree::make_dir(&place.parent, &place.name).map_err(&failed)?;
                }
                None => return Err(failed(error)),
            }
        }
        self.counts.directories += 1;
        let directory = tree::open_child(&place.parent, &place.name).map_err(&failed)?;
        if hides {
            tree::set_xattr(&directory, OPAQUE_XATTR, b"y").map_err(&failed)?;
        }
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(&place.name);
        self.finish_directory(place, &directory, path.clone())?;
        self.parents.remember(path, directory);
        Ok(())
    }

    fn finish_directory(&mut self, place: &Place, directory: &OwnedFd, path: Vec<u8>) -> Result<(), Error> {
        tree::set_ownership(directory, place.ownership()).map_err(place.failed(OWNER))?;
        for (name, value) in &place.entry.xattrs {
            let set = || tree::set_xattr(directory, name, value);
            self.xattr(place, name, set)?;
        }
        self.times.insert(path, place.entry.mtime);
        Ok(())
    }

    fn file<R: BufRead>(
        &mut self,
        place: &Place,
        map: Option<&SparseMap>,
        archive: &mut Archive<R>,
    ) -> Result<(), Error> {
        let file = self.create(place, "create the file", |place| tree::create_file(&place.parent, &place.name))?;
        let failed = place.failed("write the file");
        match map {
            None => copy(archive, &file, place.entry.data_bytes, &failed)?,
            Some(map) => {
                self.counts.sparse += 1;
                for (offset, length) in &map.pieces {
                    (&file).seek(SeekFrom::Start(*offset)).map_err(&failed)?;
                    copy(archive, &file, *length, &failed)?;
                }
                file.set_len(map.real_size_bytes).map_err(&failed)?;
            }
        }
        self.counts.files += 1;
        self.counts.file_bytes += place.entry.data_bytes;
        self.counts.setuid += u64::from(place.entry.mode & 0o6000 != 0);
        tree::set_ownership(&file, place.ownership()).map_err(place.failed(OWNER))?;
        // After the owner: chown(2) removes file capabilities.
        for (name, value) in &place.entry.xattrs {
            self.xattr(place, name, || tree::set_xattr(&file, name, value))?;
        }
        tree::set_mtime(&file, place.entry.mtime).map_err(place.failed("set the time"))
    }

    fn symlink(&mut self, place: &Place, target: &[u8]) -> Result<(), Error> {
        self.create(place, "create the symbolic link", |p| tree::make_symlink(&p.parent, &p.name, target))?;
        self.counts.symlinks += 1;
        self.finish_at(place)
    }

    fn special(&mut self, place: &Place, kind: Kind, device: (u32, u32)) -> Result<(), Error> {
        self.create(place, "create the node", |p| tree::make_node(&p.parent, &p.name, kind, device))?;
        self.counts.specials += 1;
        self.finish_at(place)
    }

    fn finish_at(&mut self, place: &Place) -> Result<(), Error> {
        let (parent, name, entry) = (&place.parent, &place.name, place.entry);
        tree::set_owner_at(parent, name, entry.uid, entry.gid).map_err(place.failed(OWNER))?;
        if !matches!(entry.node, Node::Symlink(_)) {
            tree::set_mode_at(parent, name, entry.mode).map_err(place.failed("set the mode"))?;
        }
        for (attribute, value) in &entry.xattrs {
            self.xattr(place, attribute, || tree::set_xattr_at(parent, name, attribute, value))?;
        }
        tree::set_mtime_at(parent, name, entry.mtime).map_err(place.failed("set the time"))
    }

    fn hard_link(&mut self, place: &Place, target: &[u8]) -> Result<(), Error> {
        let missing = || Error::LinkTarget { entry: display(&place.entry.path), target: display(target) };
        // A name that leads out of the layer names nothing in it either.
        let (directory, name) = split(target).ok().flatten().ok_or_else(missing)?;
        let from = self.parents.open_existing(&directory).map_err(|_| missing())?;
        let failed = place.failed("create the hard link");
        let there = tree::lstat(&from, &name).map_err(&failed)?.filter(|stat| !stat.is_whiteout());
        let there = there.ok_or_else(missing)?;
        self.counts.hard_links += 1;
        // A second entry that links a name to itself must not remove the only copy first.
        let own = tree::lstat(&place.parent, &place.name).map_err(&failed)?;
        if own.is_some_and(|own| own.identity == there.identity) {
            return Ok(());
        }
        use std::os::fd::AsFd;
        self.create(place, "create the hard link", |p| {
            tree::make_link((from.as_fd(), &name), (p.parent.as_fd(), &p.name))
        })
    }

    /// Makes a name, taking away what an earlier entry left under it.
    fn create<T>(
        &mut self,
        place: &Place,
        action: &'static str,
        make: impl Fn(&Place) -> io::Result<T>,
    ) -> Result<T, Error> {
        match make(place) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.clear(place)?;
                make(place).map_err(place.failed(action))
            }
            other => other.map_err(place.failed(action)),
        }
    }

    fn clear(&mut self, place: &Place) -> Result<(), Error> {
        self.parents.forget();
        tree::remove(&place.parent, &place.name).map_err(place.failed("replace what was there"))
    }

    fn xattr(&mut self, place: &Place, name: &[u8], set: impl Fn() -> io::Result<()>) -> Result<(), Error> {
        if !is_imported(name) {
            self.counts.xattrs_dropped += 1;
            return Ok(());
        }
        match set() {
            Ok(()) => self.counts.xattrs += 1,
            Err(error) if tree::is_xattr_unsupported(&error) => self.counts.xattrs_dropped += 1,
            Err(error) => return Err(place.failed("set an extended attribute")(error)),
        }
        Ok(())
    }

    fn set_times(&mut self) -> Result<(), Error> {
        for (path, mtime) in self.parents.take_adopted() {
            self.times.entry(path).or_insert(mtime);
        }
        self.parents.forget();
        let root = self.parents.root();
        for (path, mtime) in &self.times {
            // Gone when a later entry put something else in its place.
            let Ok(directory) = tree::open_dir(&root, path) else {
                continue;
            };
            let failed = |source| Error::Entry { entry: display(path), action: "set the time", source };
            tree::set_mtime(&directory, *mtime).map_err(failed)?;
        }
        Ok(())
    }
}

/// Attributes that an archive may set. Those of overlayfs are orders to the kernel about the stacking itself (a redirect
/// could graft one directory onto another), and labels belong to the host's policy.
fn is_imported(name: &[u8]) -> bool {
    const REFUSED: [&[u8]; 2] = [b"trusted.overlay.", b"user.overlay."];
    const HOST: [&[u8]; 4] = [b"security.selinux", b"security.ima", b"security.evm", b"system.nfs4_acl"];
    !REFUSED.iter().any(|prefix| name.starts_with(prefix)) && !HOST.contains(&name)
}

fn copy<R: BufRead>(
    archive: &mut Archive<R>,
    mut file: &File,
    mut left: u64,
    failed: &impl Fn(io::Error) -> Error,
) -> Result<(), Error> {
    while left > 0 {
        let piece = archive.data()?;
        let length = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        file.write_all(&piece[..length]).map_err(failed)?;
        archive.consume(length);
        left -= length as u64;
    }
    Ok(())
}
