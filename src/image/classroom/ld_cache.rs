//! `/etc/ld.so.cache`: where the loader of this host keeps which library is which file.
//!
//! The format is the C library's own (glibc's dl-cache.h): a header, entries of 24 bytes, and the names they point to,
//! counted from the header. Older files carry a table of an older kind in front, which is passed over.
use std::path::PathBuf;

const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
const HEADER_BYTES: usize = 48;
const ENTRY_BYTES: usize = 24;

/// Sonames and files in the order the loader tries them. Whatever is no such cache has none.
pub fn parse(data: &[u8]) -> Vec<(String, PathBuf)> {
    let Some(start) = data.windows(MAGIC.len()).position(|window| window == MAGIC) else { return Vec::new() };
    let table = &data[start..];
    let number = |at: usize| Some(u32::from_ne_bytes(table.get(at..at + 4)?.try_into().ok()?) as usize);
    let name = |at: usize| {
        let bytes = table.get(number(at)?..)?;
        let end = bytes.iter().position(|&byte| byte == 0)?;
        String::from_utf8(bytes[..end].to_vec()).ok()
    };
    let count = number(MAGIC.len()).unwrap_or(0).min(table.len() / ENTRY_BYTES);
    // An entry: flags, key, value, os version, hardware capabilities. Key and value are offsets of names.
    let entry = |i: usize| {
        let at = HEADER_BYTES + i * ENTRY_BYTES;
        Some((name(at + 4)?, PathBuf::from(name(at + 8)?)))
    };
    (0..count).filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cache(old_table: &[u8], names: &[u8]) -> Vec<u8> {
        let mut data = old_table.to_vec();
        data.extend(MAGIC);
        data.extend(1u32.to_ne_bytes());
        data.extend([0; 24]);
        let names_at = (HEADER_BYTES + ENTRY_BYTES) as u32;
        for field in [1, names_at, names_at + 7, 0, 0, 0] {
            data.extend(field.to_ne_bytes());
        }
        data.extend(names);
        data
    }

    #[test]
    fn an_entry_is_a_name_and_a_file() {
        let wanted = [("libx.1".to_owned(), PathBuf::from("/lib/libx.1"))];
        assert_eq!(parse(&cache(b"", b"libx.1\0/lib/libx.1\0")), wanted);
        assert_eq!(parse(&cache(b"ld.so-1.7.0\0oldoldold", b"libx.1\0/lib/libx.1\0")), wanted);
        assert_eq!(parse(&cache(b"", b"libx.1\0/lib/not-ended")), []);
    }

    proptest! {
        #[test]
        fn any_file_is_read_without_harm(head in any::<[u8; 28]>(), rest in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&[MAGIC, &head[..], &rest[..]].concat());
            let _ = parse(&rest);
        }
    }
}
