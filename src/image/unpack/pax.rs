//! Extended headers: the records that carry what the 512-byte tar header has no room for.   Man: pax(1), tar(5).
//!
//! A record is `LENGTH KEY=VALUE\n` with the length of the whole record in decimal. The value is taken by length, never
//! by looking for the newline: a capability set is binary and may contain one.

use std::collections::BTreeMap;
use std::ops::Bound;

use base64::Engine as _;

use crate::sys::tree::Mtime;

/// The records of one extended header: of a key that is repeated, the last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Records {
    last: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The one kind that is meant to repeat: the map of a sparse file in the oldest format, in its order.
    pieces: Vec<Vec<u8>>,
}

impl Records {
    /// Reads the body of an extended header.
    pub fn parse(mut body: &[u8]) -> Result<Self, &'static str> {
        let mut records = Self::default();
        // Some writers pad the last block inside of the stated size.
        while !body.is_empty() && body[0] != 0 {
            let ((key, value), rest) = split_record(body)?;
            if matches!(key.as_slice(), b"GNU.sparse.offset" | b"GNU.sparse.numbytes") {
                records.pieces.push(value);
            } else {
                records.last.insert(key, value);
            }
            body = rest;
        }
        Ok(records)
    }

    /// Puts these records over those of an earlier, global header. Nothing is copied: a global header of a megabyte, and
    /// a million entries behind it, would keep a machine busy for a day.
    pub fn over<'a>(&'a self, base: &'a Self) -> Layered<'a> {
        Layered { own: self, base }
    }

    /// The records whose keys begin so, without that beginning. The others are not even looked at.
    fn with_prefix<'a>(&'a self, prefix: &'static [u8]) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let from = self.last.range::<[u8], _>((Bound::Included(prefix), Bound::Unbounded));
        from.map_while(move |(key, value)| Some((key.strip_prefix(prefix)?, value.as_slice())))
    }

    /// Takes in a later global header, up to `max_bytes` in all: a stream of them must not fill the memory.
    pub fn extend(&mut self, later: Self, max_bytes: u64) -> Result<(), &'static str> {
        self.last.extend(later.last);
        let bytes: usize = self.last.iter().map(|(key, value)| key.len() + value.len()).sum();
        if bytes as u64 > max_bytes { Err("its global headers are larger than 1 MiB in all") } else { Ok(()) }
    }
}

/// An entry's own records over the global ones.
pub struct Layered<'a> {
    own: &'a Records,
    base: &'a Records,
}

impl Layered<'_> {
    /// The value of a key, if it has one. An empty value takes the key back.
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        let found = self.own.last.get(key.as_bytes()).or_else(|| self.base.last.get(key.as_bytes()));
        found.map(Vec::as_slice).filter(|value| !value.is_empty())
    }

    /// Offsets and lengths of the pieces of a sparse file, in turn.
    pub fn pieces(&self) -> Vec<&[u8]> {
        self.own.pieces.iter().map(Vec::as_slice).collect()
    }

    /// A decimal number.
    pub fn number(&self, key: &str) -> Result<Option<u64>, &'static str> {
        self.get(key).map(|value| decimal(value).ok_or("an extended header holds a number that is none")).transpose()
    }

    /// A time such as `1700000000.25` or `-1.5`.
    pub fn time(&self, key: &str) -> Result<Option<Mtime>, &'static str> {
        self.get(key).map(|value| time(value).ok_or("an extended header holds a time that is none")).transpose()
    }

    /// Extended attributes by name, in either of the two spellings in use.
    pub fn xattrs(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut found = BTreeMap::new();
        for records in [self.base, self.own] {
            for (name, value) in records.with_prefix(b"LIBARCHIVE.xattr.") {
                found.extend(libarchive_value(value).map(|value| (percent_decode(name), value)));
            }
            found.extend(records.with_prefix(b"SCHILY.xattr.").map(|(name, value)| (name.to_vec(), value.to_vec())));
        }
        found.into_iter().collect()
    }
}

type Record = (Vec<u8>, Vec<u8>);

fn split_record(body: &[u8]) -> Result<(Record, &[u8]), &'static str> {
    const BAD: &str = "an extended header holds a record of a wrong length";
    let space = body.iter().take(20).position(|byte| *byte == b' ').ok_or(BAD)?;
    let length = decimal(&body[..space]).and_then(|n| usize::try_from(n).ok()).ok_or(BAD)?;
    if length <= space + 1 || length > body.len() || body[length - 1] != b'\n' {
        return Err(BAD);
    }
    let record = &body[space + 1..length - 1];
    let equals = record.iter().position(|byte| *byte == b'=').ok_or("an extended header holds a record without =")?;
    let (key, value) = (&record[..equals], &record[equals + 1..]);
    Ok(((key.to_vec(), value.to_vec()), &body[length..]))
}

/// Reads a decimal number and nothing else.
pub fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn time(text: &[u8]) -> Option<Mtime> {
    let (negative, text) = text.strip_prefix(b"-").map_or((false, text), |rest| (true, rest));
    let dot = text.iter().position(|byte| *byte == b'.');
    let (whole, fraction) = dot.map_or((text, &b""[..]), |at| (&text[..at], &text[at + 1..]));
    let seconds = i64::try_from(decimal(whole)?).ok()?;
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digit = |at: usize| u32::from(fraction.get(at).map_or(0, |byte| byte - b'0'));
    let nanoseconds = (0..9).fold(0, |sum, at| sum * 10 + digit(at));
    Some(match (negative, nanoseconds) {
        (false, nanoseconds) => Mtime { seconds, nanoseconds },
        (true, 0) => Mtime { seconds: -seconds, nanoseconds: 0 },
        // Inodes count nanoseconds forward from the second below: -1.25 s is -2 s + 0.75 s.
        (true, nanoseconds) => Mtime { seconds: -seconds - 1, nanoseconds: 1_000_000_000 - nanoseconds },
    })
}

fn libarchive_value(value: &[u8]) -> Option<Vec<u8>> {
    use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(&base64::alphabet::STANDARD, config).decode(value).ok()
}

fn percent_decode(name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len());
    let mut at = 0;
    while at < name.len() {
        let hex = name.get(at + 1..at + 3).and_then(|two| std::str::from_utf8(two).ok());
        match (name[at], hex.and_then(|two| u8::from_str_radix(two, 16).ok())) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The records alone, with no global ones below.
    fn alone(records: &Records) -> Layered<'_> {
        static NONE: Records = Records { last: BTreeMap::new(), pieces: Vec::new() };
        records.over(&NONE)
    }

    fn record(key: &str, value: &[u8]) -> Vec<u8> {
        let body = key.len() + value.len() + 3;
        let length = (1..).map(|digits| body + digits).find(|n| n.to_string().len() + body == *n).unwrap();
        [format!("{length} {key}=").as_bytes(), value, b"\n"].concat()
    }

    #[test]
    fn values_are_taken_by_length_even_when_binary() {
        let body = [record("SCHILY.xattr.security.capability", b"\x01\n=\0\n"), record("path", b"a\nb")].concat();
        let records = Records::parse(&body).unwrap();
        assert_eq!(alone(&records).xattrs(), [(b"security.capability".to_vec(), b"\x01\n=\0\n".to_vec())]);
        assert_eq!(alone(&records).get("path"), Some(&b"a\nb"[..]));
    }

    #[test]
    fn local_records_win_over_global_ones_and_empty_ones_take_back() {
        let global = Records::parse(&[record("path", b"g"), record("mtime", b"1")].concat()).unwrap();
        let local = Records::parse(&[record("path", b"l"), record("mtime", b"")].concat()).unwrap();
        let both = local.over(&global);
        assert_eq!(both.get("path"), Some(&b"l"[..]));
        assert_eq!(both.get("mtime"), None);
    }

    #[test]
    fn global_records_have_a_limit_in_all() {
        let mut global = Records::default();
        let part = |at: usize| Records::parse(&record(&format!("key{at}"), &[b'x'; 900])).unwrap();
        assert_eq!((0..9).map(|at| global.extend(part(at), 2000).is_ok()).filter(|taken| *taken).count(), 2);
        let mut same = Records::default();
        assert!((0..9).all(|_| same.extend(part(0), 2000).is_ok()));
    }

    #[test]
    fn times_have_nanoseconds_and_may_lie_before_1970() {
        assert_eq!(time(b"12.5"), Some(Mtime { seconds: 12, nanoseconds: 500_000_000 }));
        assert_eq!(time(b"12.1234567891"), Some(Mtime { seconds: 12, nanoseconds: 123_456_789 }));
        assert_eq!(time(b"-1.25"), Some(Mtime { seconds: -2, nanoseconds: 750_000_000 }));
        assert_eq!(time(b"-3"), Some(Mtime { seconds: -3, nanoseconds: 0 }));
        assert_eq!(time(b"1e5"), None);
        assert_eq!(time(b""), None);
    }

    #[test]
    fn libarchive_spells_attributes_in_base64() {
        let records = Records::parse(&record("LIBARCHIVE.xattr.user.a%3Db", b"AQI")).unwrap();
        assert_eq!(alone(&records).xattrs(), [(b"user.a=b".to_vec(), vec![1, 2])]);
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Records::parse(&body).map(|records| (alone(&records).xattrs(), alone(&records).time("mtime")));
        }

        #[test]
        fn what_was_written_is_read_back(value in proptest::collection::vec(any::<u8>(), 1..200)) {
            let records = Records::parse(&record("SCHILY.xattr.user.x", &value)).unwrap();
            prop_assert_eq!(alone(&records).xattrs(), vec![(b"user.x".to_vec(), value)]);
        }
    }
}
