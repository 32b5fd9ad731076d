//! Forges archives: every field of a header can be set to what no honest tool would write.

use tar::{EntryType, Header};

/// A tar stream in the making.
#[derive(Clone, Default)]
pub struct Forge(pub Vec<u8>);

impl Forge {
    /// An entry whose header `change` has the last word on, with its data; the checksum is right.
    pub fn with(mut self, name: &[u8], kind: EntryType, data: &[u8], change: impl FnOnce(&mut Header)) -> Self {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_uid(1);
        header.set_gid(2);
        header.set_mtime(1_000_000_000);
        header.set_size(data.len() as u64);
        change(&mut header);
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(data);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    pub fn entry(self, name: impl AsRef<[u8]>, kind: EntryType) -> Self {
        self.with(name.as_ref(), kind, b"", |_| {})
    }

    pub fn file(self, name: impl AsRef<[u8]>) -> Self {
        self.with(name.as_ref(), EntryType::Regular, b"evil", |_| {})
    }

    pub fn dir(self, name: impl AsRef<[u8]>) -> Self {
        self.with(name.as_ref(), EntryType::Directory, b"", |header| header.set_mode(0o755))
    }

    pub fn symlink(self, name: &str, target: &str) -> Self {
        self.link_to(name, EntryType::Symlink, target)
    }

    pub fn link(self, name: &str, target: &str) -> Self {
        self.link_to(name, EntryType::Link, target)
    }

    fn link_to(self, name: &str, kind: EntryType, target: &str) -> Self {
        self.with(name.as_bytes(), kind, b"", |header| header.set_link_name_literal(target).unwrap())
    }

    pub fn node(self, name: &str, kind: EntryType, major: u32, minor: u32) -> Self {
        self.with(name.as_bytes(), kind, b"", |header| {
            header.set_mode(0o600);
            header.set_device_major(major).unwrap();
            header.set_device_minor(minor).unwrap();
        })
    }

    /// An extended header with these records, their lengths right.
    pub fn pax(self, records: &[(&str, &[u8])]) -> Self {
        let body: Vec<u8> = records.iter().flat_map(|(key, value)| record(key, value)).collect();
        self.extension(EntryType::XHeader, &body)
    }

    /// An extension header with any body.
    pub fn extension(self, kind: EntryType, body: &[u8]) -> Self {
        self.with(b"extension", kind, body, |_| {})
    }

    /// The stream with its closing zeros.
    pub fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(&[0; 1024]);
        self.0
    }
}

/// `LENGTH KEY=VALUE\n`.
pub fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let length = (rest + 1..).find(|length| length.to_string().len() + rest == *length).unwrap();
    [format!("{length} {key}=").as_bytes(), value, b"\n"].concat()
}
