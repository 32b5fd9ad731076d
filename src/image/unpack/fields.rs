//! The numbers of a tar header, as leniently read as the programs that read images do.   Man: tar(5).
//!
//! A field may be octal with spaces and NULs on either side, left blank (zero), or, for what octal has no room for,
//! binary with the top bit set. The `tar` crate refuses blank fields, which real writers leave.

use tar::Header;

use crate::sys::tree::Mtime;

/// The numbers of one header.
pub struct Fields<'a>(pub &'a Header);

impl Fields<'_> {
    /// Whether the header's checksum is right, the sign that this is a header at all.
    pub fn is_checksum_right(&self) -> bool {
        let bytes = self.0.as_bytes();
        let stated = number(&self.0.as_old().cksum);
        // The sum counts its own eight bytes as spaces. Some old writers summed signed bytes.
        let mut unsigned = 8 * i64::from(b' ');
        let mut signed = unsigned;
        for part in [&bytes[..148], &bytes[156..]] {
            for byte in part {
                unsigned += i64::from(*byte);
                signed += i64::from(byte.cast_signed());
            }
        }
        stated.is_some_and(|stated| stated == unsigned || stated == signed)
    }

    /// Bytes of data that follow.
    pub fn size_bytes(&self) -> Result<u64, &'static str> {
        let size = number(&self.0.as_old().size).and_then(|size| u64::try_from(size).ok());
        size.ok_or("a header has no readable size")
    }

    /// Permission bits with setuid, setgid and sticky.
    pub fn mode(&self) -> Result<u32, &'static str> {
        let mode = number(&self.0.as_old().mode).and_then(|mode| u32::try_from(mode & 0o7777).ok());
        mode.ok_or("a header has no readable mode")
    }

    /// Owner.
    pub fn uid(&self) -> Result<u64, &'static str> {
        number(&self.0.as_old().uid).and_then(|uid| u64::try_from(uid).ok()).ok_or("a header has no readable owner")
    }

    /// Group.
    pub fn gid(&self) -> Result<u64, &'static str> {
        number(&self.0.as_old().gid).and_then(|gid| u64::try_from(gid).ok()).ok_or("a header has no readable group")
    }

    /// Time of change.
    pub fn mtime(&self) -> Result<Mtime, &'static str> {
        let seconds = number(&self.0.as_old().mtime).ok_or("a header has no readable time")?;
        Ok(Mtime { seconds, nanoseconds: 0 })
    }

    /// Major and minor of a device node; the oldest format has no place for them.
    pub fn device(&self) -> Result<(u32, u32), &'static str> {
        let both = match (self.0.as_ustar(), self.0.as_gnu()) {
            (Some(ustar), _) => (number(&ustar.dev_major), number(&ustar.dev_minor)),
            (_, Some(gnu)) => (number(&gnu.dev_major), number(&gnu.dev_minor)),
            (None, None) => (None, None),
        };
        // The kernel has 12 bits and 20: more would be cut off, and mean another device.
        let fits = |number: Option<i64>, bits: u32| {
            number.and_then(|number| u32::try_from(number).ok()).filter(|number| number >> bits == 0)
        };
        fits(both.0, 12).zip(fits(both.1, 20)).ok_or("a device node has no number that a device can have")
    }
}

fn number(field: &[u8]) -> Option<i64> {
    let first = *field.first()?;
    if first & 0x80 != 0 {
        return binary(field, first & 0x40 != 0);
    }
    let text = std::str::from_utf8(field).ok()?;
    let text = text.trim_matches([' ', '\0']);
    // What follows a NUL is not part of the number.
    let text = text.split(['\0', ' ']).next()?;
    if text.is_empty() { Some(0) } else { i64::from_str_radix(text, 8).ok().filter(|number| *number >= 0) }
}

/// Two's complement, the highest byte first, with the marking bit standing for the sign.
fn binary(field: &[u8], negative: bool) -> Option<i64> {
    let mut value: i128 = if negative { -1 } else { 0 };
    for (at, byte) in field.iter().enumerate() {
        let byte = match (at, negative) {
            (0, true) => byte | 0x80,
            (0, false) => byte & 0x7f,
            _ => *byte,
        };
        value = value << 8 | i128::from(byte);
    }
    i64::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn all_spellings_of_a_number_are_read() {
        for (field, expected) in [
            (b"0000644\0" as &[u8], Some(0o644)),
            (b"    644 ", Some(0o644)),
            (b"644 \0   ", Some(0o644)),
            (b"\0\0\0\0\0\0\0\0", Some(0)),
            (b"        ", Some(0)),
            (b"0000648\0", None),
            (b"-000644\0", None),
            (b"\x80\0\0\0\0\x2d\xc6\xc0", Some(3_000_000)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe", Some(-2)),
            (b"\x80\0\0\0\0\0\0\0\0\0\0\x02", Some(2)),
            (b"\x90\0\0\0\0\0\0\0\0\0\0\0", None),
        ] {
            assert_eq!(number(field), expected, "{field:?}");
        }
    }

    proptest! {
        #[test]
        fn foreign_fields_never_panic(field in proptest::collection::vec(any::<u8>(), 8..13)) {
            let _ = number(&field);
        }
    }
}
