//! Writing a layer: a tar archive that comes out the same, byte for byte, whenever the same things are put in.
//!
//! Digests are names here: an archive that differed by a clock's tick would be stored and unpacked a second time.
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use tar::{EntryType, Header};

use super::LayerArchive;
use super::error::{Error, Result};
use crate::image::digest::{Algorithm, Hasher};

/// A finished layer, with what the image's history tells of it.
#[derive(Debug)]
pub struct Packed {
    pub file: LayerArchive,
    pub made_by: String,
    /// Time of the newest thing in it, in seconds since 1970.
    pub newest_s: u64,
}

/// Rights, owner and time of what is put in next.
#[derive(Clone, Copy)]
pub struct Attributes {
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
    pub mtime_s: u64,
}

impl Attributes {
    /// Root's, as nearly everything in an image is.
    pub fn root(mode: u32, mtime_s: u64) -> Self {
        Self { mode, uid: 0, gid: 0, mtime_s }
    }

    pub fn owned_by(self, uid: u64, gid: u64) -> Self {
        Self { uid, gid, ..self }
    }
}

pub struct LayerWriter {
    path: PathBuf,
    tar: tar::Builder<Hashing>,
    dirs: BTreeSet<PathBuf>,
    newest_s: u64,
}

/// Bytes on their way to the file are hashed as they pass: the archive is never read again.
struct Hashing {
    file: BufWriter<File>,
    hasher: Hasher,
    size_bytes: u64,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all(bytes)?;
        self.hasher.update(bytes);
        self.size_bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl LayerWriter {
    pub fn create(path: PathBuf) -> Result<Self> {
        let file = File::create(&path).map_err(|source| Error::Write { path: path.clone(), source })?;
        let file = BufWriter::with_capacity(256 << 10, file);
        let hashing = Hashing { file, hasher: Hasher::new(Algorithm::Sha256), size_bytes: 0 };
        Ok(Self { path, tar: tar::Builder::new(hashing), dirs: BTreeSet::new(), newest_s: 0 })
    }

    /// A directory, once: a second package's word on the same one changes nothing.
    pub fn dir(&mut self, path: &str, attributes: Attributes) -> Result<()> {
        if !self.dirs.insert(PathBuf::from(path)) {
            return Ok(());
        }
        let mut header = self.header(EntryType::Directory, attributes, 0);
        self.append(&mut header, &format!("{path}/"), &mut io::empty())
    }

    pub fn file(&mut self, path: &str, attributes: Attributes, size_bytes: u64, data: &mut dyn Read) -> Result<()> {
        let mut header = self.header(EntryType::Regular, attributes, size_bytes);
        self.append(&mut header, path, data)
    }

    pub fn text(&mut self, path: &str, attributes: Attributes, text: &str) -> Result<()> {
        self.file(path, attributes, text.len() as u64, &mut text.as_bytes())
    }

    pub fn symlink(&mut self, path: &str, target: &str, mtime_s: u64) -> Result<()> {
        let mut header = self.header(EntryType::Symlink, Attributes::root(0o777, mtime_s), 0);
        let done = self.tar.append_link(&mut header, path, target);
        done.map_err(|source| self.failed(source))
    }

    /// An entry of another archive, kept as it is but for its path and the target of a hard link.
    pub fn entry(&mut self, header: &Header, path: &Path, link: Option<&Path>, data: &mut dyn Read) -> Result<()> {
        self.newest_s = self.newest_s.max(header.mtime().unwrap_or(0));
        if header.entry_type().is_dir() && !self.dirs.insert(path.to_owned()) {
            return Ok(());
        }
        let mut header = header.clone();
        let done = match link {
            Some(target) => self.tar.append_link(&mut header, path, target),
            None => self.tar.append_data(&mut header, path, data),
        };
        done.map_err(|source| self.failed(source))
    }

    /// Time of the newest thing so far: what is made up gets it, having none of its own.
    pub fn newest_s(&self) -> u64 {
        self.newest_s
    }

    pub fn finish(self, made_by: String) -> Result<Packed> {
        let Self { path, tar, newest_s, .. } = self;
        let finish = |mut tar: tar::Builder<Hashing>| {
            tar.finish()?;
            let mut hashing = tar.into_inner()?;
            hashing.flush()?;
            Ok(hashing)
        };
        let hashing = finish(tar).map_err(|source: io::Error| Error::Write { path: path.clone(), source })?;
        let file = LayerArchive { path, diff_id: hashing.hasher.finish(), size_bytes: hashing.size_bytes };
        Ok(Packed { file, made_by, newest_s })
    }

    fn header(&mut self, kind: EntryType, attributes: Attributes, size_bytes: u64) -> Header {
        self.newest_s = self.newest_s.max(attributes.mtime_s);
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(attributes.mode);
        header.set_uid(attributes.uid);
        header.set_gid(attributes.gid);
        header.set_mtime(attributes.mtime_s);
        header.set_size(size_bytes);
        header
    }

    fn append(&mut self, header: &mut Header, path: &str, data: &mut dyn Read) -> Result<()> {
        let done = self.tar.append_data(header, path, data);
        done.map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::Write { path: self.path.clone(), source }
    }
}

#[cfg(test)]
impl Packed {
    pub fn sample(made_by: &str, newest_s: u64) -> Self {
        let diff_id = crate::image::digest::Digest::sha256(b"");
        let file = LayerArchive { path: "layer.tar".into(), diff_id, size_bytes: 0 };
        Self { file, made_by: made_by.to_owned(), newest_s }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::digest::Digest;

    fn pack(path: PathBuf) -> Packed {
        let mut layer = LayerWriter::create(path).unwrap();
        layer.dir("etc", Attributes::root(0o755, 1)).unwrap();
        layer.dir("etc", Attributes::root(0o700, 1)).unwrap();
        layer.text("etc/motd", Attributes::root(0o644, 7).owned_by(5, 6), "hello\n").unwrap();
        layer.symlink(&format!("etc/{}", "long".repeat(40)), "motd", 2).unwrap();
        layer.finish("by hand".to_owned()).unwrap()
    }

    #[test]
    fn the_same_things_make_the_same_bytes_and_the_digest_is_theirs() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (pack(dir.path().join("1")), pack(dir.path().join("2")));
        let bytes = std::fs::read(&one.file.path).unwrap();
        assert_eq!(bytes, std::fs::read(&two.file.path).unwrap());
        assert_eq!((one.file.diff_id, one.file.size_bytes), (Digest::sha256(&bytes), bytes.len() as u64));
        assert_eq!(one.newest_s, 7);
    }

    #[test]
    fn entries_read_back_with_their_attributes() {
        let dir = tempfile::tempdir().unwrap();
        let packed = pack(dir.path().join("1"));
        let mut archive = tar::Archive::new(File::open(packed.file.path).unwrap());
        let entries: Vec<(String, u32, u64, u64)> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let header = entry.header();
                let path = entry.path().unwrap().display().to_string();
                (path, header.mode().unwrap(), header.uid().unwrap(), header.mtime().unwrap())
            })
            .collect();
        assert_eq!(entries[0], ("etc/".into(), 0o755, 0, 1));
        assert_eq!(entries[1], ("etc/motd".into(), 0o644, 5, 7));
        assert_eq!((entries.len(), entries[2].0.len()), (3, 164));
    }
}
