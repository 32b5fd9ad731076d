//! Reads a tar stream entry by entry.   Man: tar(5).
//!
//! The header's fields are read with the `tar` crate; its own unpacking is not used, because it follows paths by name,
//! makes empty files of device nodes and does not know PAX sparse files. Here the extension headers that precede an
//! entry (long names, PAX records) are folded into it, so the extractor sees one flat description.

use std::io::BufRead;

use tar::{EntryType, Header};

use super::error::Error;
use super::fields::Fields;
use super::parents::display;
use super::pax::{Layered, Records};
use super::sparse::{self, PaxSparse, PrefixReader, SparseMap};
use crate::sys::tree::{Kind, Mtime};

const BLOCK: usize = 512;
/// The longest extension header taken: a file may carry 64 KiB of attributes, and a name 4 KiB.
const MAX_EXTENSION_BYTES: u64 = 1 << 20;

/// What an entry makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A regular file, with a map when it has holes.
    File(Option<SparseMap>),
    /// A second name for a file of this archive.
    HardLink(Vec<u8>),
    /// A symbolic link with its text.
    Symlink(Vec<u8>),
    /// A directory.
    Directory,
    /// A device node or named pipe.
    Special(Kind, (u32, u32)),
}

/// One entry with all its extension headers applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name as archived.
    pub path: Vec<u8>,
    /// What it makes.
    pub node: Node,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u32,
    /// Owner, by number: names are the host's business.
    pub uid: u32,
    /// Group, by number.
    pub gid: u32,
    /// Time of change.
    pub mtime: Mtime,
    /// Bytes of data in the archive.
    pub data_bytes: u64,
    /// Extended attributes.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// A tar stream being read.
pub struct Archive<R> {
    reader: R,
    /// Data of the current entry that nobody has read yet.
    data_left: u64,
    /// Zeros after that data up to the next block.
    padding: u64,
    offset: u64,
    global: Records,
}

/// Extension headers seen in front of an entry.
#[derive(Default)]
struct Extensions {
    long_path: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
    pax: Records,
}

impl<R: BufRead> Archive<R> {
    /// Starts at the first header.
    pub fn new(reader: R) -> Self {
        Self { reader, data_left: 0, padding: 0, offset: 0, global: Records::default() }
    }

    /// The next entry; what is left of the current one's data is skipped.
    pub fn next(&mut self) -> Result<Option<Entry>, Error> {
        let mut extensions = Extensions::default();
        loop {
            self.skip_data()?;
            let Some(header) = self.read_header()? else {
                return Ok(None);
            };
            match header.entry_type() {
                EntryType::GNULongName => extensions.long_path = Some(self.read_long_name(&header)?),
                EntryType::GNULongLink => extensions.long_link = Some(self.read_long_name(&header)?),
                EntryType::XHeader => extensions.pax = self.read_records(&header)?,
                EntryType::XGlobalHeader => {
                    let records = self.read_records(&header)?;
                    self.global.extend(records, MAX_EXTENSION_BYTES).map_err(|problem| self.bad(problem))?;
                }
                // A volume label names the tape, not a file.
                kind if kind.as_byte() == b'V' => self.begin_data(self.size_of(&header)?)?,
                _ => return self.entry(&header, &extensions).map(Some),
            }
        }
    }

    /// The next piece of the current entry's data, empty at its end; give back what was used with `consume`.
    pub fn data(&mut self) -> Result<&[u8], Error> {
        if self.data_left == 0 {
            return Ok(&[]);
        }
        let (offset, left) = (self.offset, self.data_left);
        let buffer = self.reader.fill_buf().map_err(Error::Read)?;
        if buffer.is_empty() {
            return Err(Error::BadArchive { offset, problem: "it ends in the middle of a file" });
        }
        let length = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        Ok(&buffer[..length])
    }

    /// Marks bytes of `data` as used.
    pub fn consume(&mut self, amount: usize) {
        self.reader.consume(amount);
        self.data_left -= amount as u64;
        self.offset += amount as u64;
    }

    /// Reads to the end of the stream: the diffID covers what follows the last entry too.
    pub fn drain(mut self) -> Result<(), Error> {
        loop {
            let length = self.reader.fill_buf().map_err(Error::Read)?.len();
            if length == 0 {
                return Ok(());
            }
            self.reader.consume(length);
        }
    }

    fn bad(&self, problem: &'static str) -> Error {
        Error::BadArchive { offset: self.offset, problem }
    }

    fn begin_data(&mut self, bytes: u64) -> Result<(), Error> {
        if i64::try_from(bytes).is_err() {
            return Err(self.bad("an entry is larger than any file can be"));
        }
        self.data_left = bytes;
        self.padding = bytes.wrapping_neg() % BLOCK as u64;
        Ok(())
    }

    fn skip_data(&mut self) -> Result<(), Error> {
        self.data_left += std::mem::take(&mut self.padding);
        while self.data_left > 0 {
            let length = self.data()?.len();
            self.consume(length);
        }
        Ok(())
    }

    fn read_block(&mut self) -> Result<Option<[u8; BLOCK]>, Error> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while filled < BLOCK {
            let n = self.reader.read(&mut block[filled..]).map_err(Error::Read)?;
            if n == 0 {
                break;
            }
            filled += n;
        }
        self.offset += filled as u64;
        match filled {
            // An archive without its closing zeros: tolerated, as tar(1) does.
            0 => Ok(None),
            BLOCK => Ok(Some(block)),
            _ => Err(self.bad("it ends in the middle of a header")),
        }
    }

    fn read_header(&mut self) -> Result<Option<Header>, Error> {
        let Some(block) = self.read_block()? else {
            return Ok(None);
        };
        if block == [0; BLOCK] {
            return Ok(None);
        }
        let header = Header::from_byte_slice(&block).clone();
        if Fields(&header).is_checksum_right() {
            return Ok(Some(header));
        }
        Err(self.bad("this is no tar header, or its checksum is wrong"))
    }

    fn size_of(&self, header: &Header) -> Result<u64, Error> {
        Fields(header).size_bytes().map_err(|problem| self.bad(problem))
    }

    fn read_extension(&mut self, header: &Header) -> Result<Vec<u8>, Error> {
        let size = self.size_of(header)?;
        if size > MAX_EXTENSION_BYTES {
            return Err(self.bad("an extension header is larger than 1 MiB"));
        }
        self.begin_data(size)?;
        let mut body = Vec::new();
        while self.data_left > 0 {
            let piece = self.data()?;
            body.extend_from_slice(piece);
            let length = piece.len();
            self.consume(length);
        }
        Ok(body)
    }

    fn read_long_name(&mut self, header: &Header) -> Result<Vec<u8>, Error> {
        let mut name = self.read_extension(header)?;
        let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
        name.truncate(end);
        Ok(name)
    }

    fn read_records(&mut self, header: &Header) -> Result<Records, Error> {
        let body = self.read_extension(header)?;
        Records::parse(&body).map_err(|problem| self.bad(problem))
    }

    fn entry(&mut self, header: &Header, extensions: &Extensions) -> Result<Entry, Error> {
        let global = std::mem::take(&mut self.global);
        let pax = extensions.pax.over(&global);
        let name = pax.get("GNU.sparse.name").or_else(|| pax.get("path")).map(<[u8]>::to_vec);
        let path = name.or_else(|| extensions.long_path.clone()).unwrap_or_else(|| header.path_bytes().into_owned());
        let entry = self.describe(header, extensions, &pax, &path).map_err(|error| error.at(&path));
        self.global = global;
        entry
    }

    fn describe(
        &mut self,
        header: &Header,
        extensions: &Extensions,
        pax: &Layered<'_>,
        path: &[u8],
    ) -> Result<Entry, Error> {
        let fields = Fields(header);
        let bad = |problem| self.bad(problem);
        let id = |key, field: Result<u64, &'static str>| {
            let number = pax.number(key).and_then(|number| number.map_or(field, Ok)).map_err(bad)?;
            // The highest number of all means "leave it as it is" to chown(2): the file would stay root's, and a setuid
            // program a way to root.
            let number = u32::try_from(number).ok().filter(|number| *number != u32::MAX);
            number.ok_or_else(|| self.bad("an owner has a number beyond all users"))
        };
        let mut entry = Entry {
            path: path.to_vec(),
            node: Node::Directory,
            mode: fields.mode().map_err(bad)?,
            uid: id("uid", fields.uid())?,
            gid: id("gid", fields.gid())?,
            mtime: pax.time("mtime").and_then(|time| time.map_or_else(|| fields.mtime(), Ok)).map_err(bad)?,
            data_bytes: 0,
            xattrs: pax.xattrs(),
        };
        entry.node = self.node(header, extensions, pax, path)?;
        entry.data_bytes = self.data_left;
        Ok(entry)
    }

    /// Says what the entry makes, and stands at the start of its data. Only regular files have data: like the programs
    /// that write images, the size in the header of any other kind is not believed.
    fn node(&mut self, header: &Header, ext: &Extensions, pax: &Layered<'_>, path: &[u8]) -> Result<Node, Error> {
        let link = || {
            let long = pax.get("linkpath").map(<[u8]>::to_vec).or_else(|| ext.long_link.clone());
            long.or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned)).unwrap_or_default()
        };
        match header.entry_type() {
            EntryType::Link => Ok(Node::HardLink(link())),
            EntryType::Symlink => Ok(Node::Symlink(link())),
            EntryType::Directory => Ok(Node::Directory),
            EntryType::Char => Ok(Node::Special(Kind::CharDevice, self.device(header)?)),
            EntryType::Block => Ok(Node::Special(Kind::BlockDevice, self.device(header)?)),
            EntryType::Fifo => Ok(Node::Special(Kind::Fifo, (0, 0))),
            // Archives older than POSIX mark a directory by nothing but the slash at the end of its name.
            EntryType::Regular if path.ends_with(b"/") => Ok(Node::Directory),
            EntryType::Regular | EntryType::Continuous => self.regular(header, pax).map(Node::File),
            EntryType::GNUSparse => self.old_gnu_sparse(header, pax).map(|map| Node::File(Some(map))),
            other => Err(Error::UnsupportedEntry { entry: display(path), typeflag: char::from(other.as_byte()) }),
        }
    }

    fn device(&self, header: &Header) -> Result<(u32, u32), Error> {
        Fields(header).device().map_err(|problem| self.bad(problem))
    }

    fn data_size(&self, header: &Header, pax: &Layered<'_>) -> Result<u64, Error> {
        match pax.number("size").map_err(|problem| self.bad(problem))? {
            Some(size) => Ok(size),
            None => self.size_of(header),
        }
    }

    fn regular(&mut self, header: &Header, pax: &Layered<'_>) -> Result<Option<SparseMap>, Error> {
        let size = self.data_size(header, pax)?;
        self.begin_data(size)?;
        let announced = sparse::from_pax(pax).map_err(|problem| self.bad(problem))?;
        let map = match announced {
            None => return Ok(None),
            Some(PaxSparse::Inline { pieces, real_size_bytes }) => SparseMap::checked(pieces, real_size_bytes, size),
            Some(PaxSparse::Prefix { real_size_bytes }) => {
                let pieces = self.read_sparse_prefix()?;
                SparseMap::checked(pieces, real_size_bytes, self.data_left)
            }
        };
        map.map(Some).map_err(|problem| self.bad(problem))
    }

    fn read_sparse_prefix(&mut self) -> Result<Vec<(u64, u64)>, Error> {
        let mut reader = PrefixReader::default();
        loop {
            if self.data_left < BLOCK as u64 {
                return Err(self.bad("a sparse map is cut short"));
            }
            let block = self.read_block()?.ok_or_else(|| self.bad("it ends in the middle of a sparse map"))?;
            self.data_left -= BLOCK as u64;
            if reader.push(&block).map_err(|problem| self.bad(problem))? {
                return Ok(reader.pieces());
            }
        }
    }

    fn old_gnu_sparse(&mut self, header: &Header, pax: &Layered<'_>) -> Result<SparseMap, Error> {
        const BAD: &str = "a sparse map cannot be read";
        let gnu = header.as_gnu().ok_or_else(|| self.bad(BAD))?;
        let real_size_bytes = gnu.real_size().map_err(|_| self.bad(BAD))?;
        let mut pieces = Vec::new();
        let mut take = |found: &[tar::GnuSparseHeader]| {
            for piece in found.iter().filter(|piece| !piece.is_empty()) {
                pieces.push((piece.offset()?, piece.length()?));
            }
            Ok::<_, std::io::Error>(pieces.len())
        };
        take(&gnu.sparse).map_err(|_| self.bad(BAD))?;
        let mut extended = gnu.is_extended();
        while extended {
            let mut more = tar::GnuExtSparseHeader::new();
            *more.as_mut_bytes() =
                self.read_block()?.ok_or_else(|| self.bad("it ends in the middle of a sparse map"))?;
            if take(more.sparse()).map_err(|_| self.bad(BAD))? > 1 << 20 {
                return Err(self.bad("a sparse map has too many pieces"));
            }
            extended = more.is_extended();
        }
        let size = self.data_size(header, pax)?;
        self.begin_data(size)?;
        SparseMap::checked(pieces, real_size_bytes, size).map_err(|problem| self.bad(problem))
    }
}
