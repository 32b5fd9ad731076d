//! A writer of the kernel's own archive format, `newc` of cpio(5).
//!
//! Kernel documentation: driver-api/early-userspace/buffer-format. Nothing of the host goes in, neither times nor numbers
//! of inodes, so the same files always make the same archive.
use std::collections::BTreeSet;
use std::io::{self, Write};

const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;
const CHARACTER_DEVICE: u32 = 0o020_000;

/// An archive in the making.
pub struct Archive<W> {
    into: W,
    /// The numbers of inodes, by which hard links would be told: none is given twice.
    entries: u32,
    dirs: BTreeSet<String>,
}

impl<W: Write> Archive<W> {
    /// Begins with nothing.
    pub fn new(into: W) -> Self {
        Self { into, entries: 0, dirs: BTreeSet::new() }
    }

    /// A directory, and those above it. One that is there already is there.
    pub fn dir(&mut self, path: &str) -> io::Result<()> {
        for end in path.match_indices('/').map(|(at, _)| at).chain([path.len()]) {
            if self.dirs.insert(path[..end].to_owned()) {
                self.entry(&path[..end], DIRECTORY | 0o755, (0, 0), &[])?;
            }
        }
        Ok(())
    }

    /// A file, and the directories above it: the kernel makes none by itself.
    pub fn file(&mut self, path: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        self.parent(path)?;
        self.entry(path, REGULAR | mode, (0, 0), content)
    }

    /// A device that root alone may use.
    pub fn character_device(&mut self, path: &str, device: (u32, u32)) -> io::Result<()> {
        self.parent(path)?;
        self.entry(path, CHARACTER_DEVICE | 0o600, device, &[])
    }

    /// Writes the end.
    pub fn finish(mut self) -> io::Result<W> {
        self.header("TRAILER!!!", 0, (0, 0), 0, 0)?;
        Ok(self.into)
    }

    fn parent(&mut self, path: &str) -> io::Result<()> {
        path.rsplit_once('/').map_or(Ok(()), |(parent, _)| self.dir(parent))
    }

    fn entry(&mut self, path: &str, mode: u32, device: (u32, u32), content: &[u8]) -> io::Result<()> {
        self.entries += 1;
        let too_large = |_| io::Error::new(io::ErrorKind::FileTooLarge, format!("{path} has more than 4 GiB"));
        let size = u32::try_from(content.len()).map_err(too_large)?;
        self.header(path, mode, device, size, self.entries)?;
        self.into.write_all(content)?;
        self.pad(content.len())
    }

    fn header(&mut self, path: &str, mode: u32, device: (u32, u32), size: u32, number: u32) -> io::Result<()> {
        let name_size = u32::try_from(path.len() + 1).unwrap_or(u32::MAX);
        let links = if mode & DIRECTORY == 0 { 1 } else { 2 };
        // Owner and time are root's and the beginning of 1970, the archive's own device is none.
        let fields = [number, mode, 0, 0, links, 0, size, 0, 0, device.0, device.1, name_size, 0];
        let mut header = "070701".to_owned();
        for field in fields {
            header.push_str(&format!("{field:08X}"));
        }
        header.push_str(path);
        header.push('\0');
        self.into.write_all(header.as_bytes())?;
        self.pad(header.len())
    }

    /// Names and contents end at a multiple of four bytes. Every part begins at one, so its own length tells.
    fn pad(&mut self, written: usize) -> io::Result<()> {
        self.into.write_all(&[0; 3][..written.next_multiple_of(4) - written])
    }
}
