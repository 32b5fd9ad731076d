//! Files with holes: the four ways in which GNU tar writes down where the data is.   Man: tar(5).
//!
//! The archive holds only the data; the map says where each piece goes and how long the file is. A reader that does not
//! know the map would unpack the pieces glued together, or the map itself as the start of the file.

use super::pax::{Layered, decimal};

/// Where the pieces of a sparse file go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SparseMap {
    /// Pieces in ascending order, each an offset and a length in bytes.
    pub pieces: Vec<(u64, u64)>,
    /// Length of the whole file in bytes.
    pub real_size_bytes: u64,
}

/// Many more pieces than any file of an image has; stops an archive that is all map.
const MAX_PIECES: usize = 1 << 20;

impl SparseMap {
    /// Checks that the pieces lie in order inside of the file and add up to the data in the archive.
    pub fn checked(pieces: Vec<(u64, u64)>, real_size_bytes: u64, data_bytes: u64) -> Result<Self, &'static str> {
        let (mut end, mut sum) = (0u64, 0u64);
        for (offset, length) in &pieces {
            if *offset < end {
                return Err("a sparse map has pieces out of order");
            }
            end = offset.checked_add(*length).ok_or("a sparse map has a piece beyond all sizes")?;
            sum += length;
        }
        if end > real_size_bytes || i64::try_from(real_size_bytes).is_err() {
            return Err("a sparse map has pieces beyond the end of its file");
        }
        if sum != data_bytes {
            return Err("a sparse map does not add up to the data in the archive");
        }
        Ok(Self { pieces, real_size_bytes })
    }
}

/// How an extended header announces a sparse file.
#[derive(Debug, PartialEq, Eq)]
pub enum PaxSparse {
    /// Formats 0.0 and 0.1: the map is in the header.
    Inline {
        /// Pieces as offset and length.
        pieces: Vec<(u64, u64)>,
        /// Length of the whole file in bytes.
        real_size_bytes: u64,
    },
    /// Format 1.0: the map precedes the data.
    Prefix {
        /// Length of the whole file in bytes.
        real_size_bytes: u64,
    },
}

/// Finds out whether the records describe a sparse file.
pub fn from_pax(records: &Layered<'_>) -> Result<Option<PaxSparse>, &'static str> {
    const INCOMPLETE: &str = "an extended header describes a sparse file incompletely";
    if let Some(major) = records.number("GNU.sparse.major")? {
        if (major, records.number("GNU.sparse.minor")?) != (1, Some(0)) {
            return Err("a sparse file of an unknown format");
        }
        let real_size_bytes = records.number("GNU.sparse.realsize")?.ok_or(INCOMPLETE)?;
        return Ok(Some(PaxSparse::Prefix { real_size_bytes }));
    }
    let Some(real_size_bytes) = records.number("GNU.sparse.size")? else {
        return Ok(None);
    };
    let numbers: Vec<&[u8]> = match records.get("GNU.sparse.map") {
        Some(map) => map.split(|byte| *byte == b',').collect(),
        None => records.pieces(),
    };
    let numbers: Vec<u64> = numbers.into_iter().map(decimal).collect::<Option<_>>().ok_or(INCOMPLETE)?;
    let (pairs, rest) = numbers.as_chunks::<2>();
    if !rest.is_empty() || records.number("GNU.sparse.numblocks")?.is_some_and(|count| count != pairs.len() as u64) {
        return Err(INCOMPLETE);
    }
    Ok(Some(PaxSparse::Inline {
        pieces: pairs.iter().map(|[offset, length]| (*offset, *length)).collect(),
        real_size_bytes,
    }))
}

/// The map in front of the data of format 1.0: decimal numbers, one a line, padded to whole blocks.
#[derive(Debug, Default)]
pub struct PrefixReader {
    numbers: Vec<u64>,
    line: Vec<u8>,
}

impl PrefixReader {
    /// Takes the next block; says whether the map is complete.
    pub fn push(&mut self, block: &[u8]) -> Result<bool, &'static str> {
        for byte in block {
            if self.is_complete() {
                break;
            }
            match byte {
                b'\n' => {
                    self.numbers.push(decimal(&self.line).ok_or("a sparse map holds a number that is none")?);
                    self.line.clear();
                }
                _ if self.line.len() >= 20 => return Err("a sparse map holds a number that is none"),
                _ => self.line.push(*byte),
            }
        }
        if self.numbers.first().is_some_and(|count| *count > MAX_PIECES as u64) {
            return Err("a sparse map has too many pieces");
        }
        Ok(self.is_complete())
    }

    fn is_complete(&self) -> bool {
        let wanted = self.numbers.first().map(|count| count.saturating_mul(2).saturating_add(1));
        wanted.is_some_and(|wanted| self.numbers.len() as u64 >= wanted)
    }

    /// The pieces read.
    pub fn pieces(&self) -> Vec<(u64, u64)> {
        let (pairs, _) = self.numbers.get(1..).unwrap_or_default().as_chunks::<2>();
        pairs.iter().map(|[offset, length]| (*offset, *length)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn maps_must_be_ordered_inside_and_complete() {
        assert!(SparseMap::checked(vec![(0, 4), (8, 4)], 16, 8).is_ok());
        assert!(SparseMap::checked(vec![(8, 4), (0, 4)], 16, 8).is_err());
        assert!(SparseMap::checked(vec![(0, 4), (2, 4)], 16, 8).is_err());
        assert!(SparseMap::checked(vec![(14, 4)], 16, 4).is_err());
        assert!(SparseMap::checked(vec![(0, 4)], 16, 5).is_err());
        assert!(SparseMap::checked(vec![(u64::MAX, 4)], u64::MAX, 4).is_err());
    }

    #[test]
    fn a_prefix_map_may_span_blocks() {
        let mut reader = PrefixReader::default();
        assert_eq!(reader.push(b"2\n0\n51"), Ok(false));
        assert_eq!(reader.push(b"2\n4096\n10\n\0\0\0"), Ok(true));
        assert_eq!(reader.pieces(), [(0, 512), (4096, 10)]);
    }

    proptest! {
        #[test]
        fn foreign_maps_never_panic(block in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut reader = PrefixReader::default();
            let _ = reader.push(&block);
            let _ = reader.pieces();
        }
    }
}
