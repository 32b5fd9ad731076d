//! Turns a layer blob into the tar stream inside of it.
//!
//! The first bytes decide, not the media type: registries hold layers whose label is wrong, and the diffID settles in
//! the end whether what came out is what the image promised. Both formats may be several streams in a row (parallel and
//! seekable writers make them so), and all of them are read.

use std::io::{self, BufRead, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use serde::{Deserialize, Serialize};

use super::error::Error;

/// How a layer is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// A plain tar stream.
    Plain,
    /// gzip, the usual case.
    Gzip,
    /// zstd.
    Zstd,
}

impl Compression {
    /// Recognises a format by its first bytes.
    pub fn of(start: &[u8]) -> Result<Self, Error> {
        match start {
            [0x1f, 0x8b, ..] => Ok(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Ok(Self::Zstd),
            [b'B', b'Z', b'h', ..] => Err(Error::UnsupportedCompression("bzip2")),
            [0xfd, b'7', b'z', b'X', b'Z', ..] => Err(Error::UnsupportedCompression("xz")),
            _ => Ok(Self::Plain),
        }
    }
}

/// Opens the tar stream of a blob.
pub fn decompress<'a>(mut blob: impl BufRead + 'a) -> Result<(Compression, Box<dyn Read + 'a>), Error> {
    let found = Compression::of(blob.fill_buf().map_err(Error::Read)?)?;
    let stream: Box<dyn Read + 'a> = match found {
        Compression::Plain => Box::new(blob),
        Compression::Gzip => Box::new(MultiGzDecoder::new(blob)),
        Compression::Zstd => Box::new(MultiZstd { source: blob, frame: FrameDecoder::new() }),
    };
    Ok((found, stream))
}

/// Zstandard frames in a row, with the skippable ones (an index for lazy readers) left out.
struct MultiZstd<R> {
    source: R,
    frame: FrameDecoder,
}

impl<R: BufRead> MultiZstd<R> {
    /// Opens the next frame; false at the end of the blob.
    fn next_frame(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.frame.init(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    let length = u64::from(length);
                    if io::copy(&mut self.source.by_ref().take(length), &mut io::sink())? < length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
            }
        }
        Ok(false)
    }
}

impl<R: BufRead> Read for MultiZstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.frame.can_collect() > 0 || buffer.is_empty() {
                return self.frame.read(buffer);
            }
            if !self.frame.is_finished() {
                let decoded = self.frame.decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1));
                decoded.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            } else if !self.next_frame()? {
                return Ok(0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::write::GzEncoder;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn unpacked(blob: &[u8]) -> io::Result<(Compression, Vec<u8>)> {
        let (found, mut stream) = decompress(blob).unwrap();
        let mut out = Vec::new();
        stream.read_to_end(&mut out)?;
        drop(stream);
        Ok((found, out))
    }

    #[test]
    fn several_gzip_members_are_one_stream() {
        let blob = [gzip(b"first "), gzip(b""), gzip(b"second")].concat();
        assert_eq!(unpacked(&blob).unwrap(), (Compression::Gzip, b"first second".to_vec()));
    }

    #[test]
    fn several_zstd_frames_are_one_stream_and_skippable_ones_none() {
        let skippable = [&[0x52, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"xyz"].concat();
        let frame = |bytes: &[u8]| compress_to_vec(bytes, CompressionLevel::Fastest);
        let long = vec![b'l'; 300_000];
        let blob = [skippable.clone(), frame(b"first "), skippable.clone(), frame(&long), skippable].concat();
        assert_eq!(unpacked(&blob).unwrap(), (Compression::Zstd, [&b"first "[..], &long].concat()));
    }

    #[test]
    fn what_is_cut_short_is_an_error() {
        let gz = gzip(&vec![7; 100_000]);
        assert!(unpacked(&gz[..gz.len() - 9]).is_err());
        let zstd = compress_to_vec(&vec![7; 100_000][..], CompressionLevel::Fastest);
        assert!(unpacked(&zstd[..zstd.len() - 5]).is_err());
    }

    #[test]
    fn formats_without_a_decoder_are_named() {
        assert!(matches!(Compression::of(b"BZh91AY"), Err(Error::UnsupportedCompression("bzip2"))));
        assert!(matches!(Compression::of(b"\xfd7zXZ\0"), Err(Error::UnsupportedCompression("xz"))));
        assert_eq!(Compression::of(b"").unwrap(), Compression::Plain);
    }
}
