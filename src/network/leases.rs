//! Which container has which address: one small file a root, locked while a container comes or goes.
//!
//! The file says too who is the last to leave, and so who takes the bridge away.

use super::error::{Error, Result};
use super::subnet::Subnet;
use crate::sys::LockFile;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Records {
    subnet: Option<Subnet>,
    leases: BTreeMap<String, Ipv4Addr>,
}

/// The records of one root, locked.
#[derive(Debug)]
pub struct Leases {
    file: LockFile,
    path: PathBuf,
    records: Records,
}

/// Where the records of a root are.
pub fn path(run: &Path) -> PathBuf {
    run.join("network.json")
}

impl Leases {
    /// Waits for the lock and reads the records.
    pub fn lock(run: &Path) -> Result<Leases> {
        let path = path(run);
        let failed = |source| Error::Records { path: path.clone(), source };
        let file = LockFile::lock(&path).map_err(failed)?;
        let records = read_first(&file.read().map_err(failed)?);
        Ok(Leases { file, path, records })
    }

    /// The bridge's network, once it is chosen.
    pub fn subnet(&self) -> Option<Subnet> {
        self.records.subnet
    }

    /// Sets or forgets the bridge's network.
    pub fn set_subnet(&mut self, subnet: Option<Subnet>) {
        self.records.subnet = subnet;
    }

    /// Whether no container has an address.
    pub fn is_empty(&self) -> bool {
        self.records.leases.is_empty()
    }

    /// Gives a container the lowest free address, or the one it has already.
    pub fn take(&mut self, id: &str, subnet: Subnet) -> Result<Ipv4Addr> {
        if let Some(ip) = self.records.leases.get(id) {
            return Ok(*ip);
        }
        let taken: Vec<Ipv4Addr> = self.records.leases.values().copied().collect();
        let free = subnet.hosts().find(|ip| !taken.contains(ip));
        let ip = free.ok_or_else(|| Error::NoAddress { subnet: subnet.to_string() })?;
        self.records.leases.insert(id.to_owned(), ip);
        Ok(ip)
    }

    /// Takes a container's address back.
    pub fn release(&mut self, id: &str) {
        self.records.leases.remove(id);
    }

    /// Writes the records and keeps the lock.
    pub fn save(&self) -> Result<()> {
        let text = serde_json::to_string(&self.records).unwrap_or_default();
        self.file.rewrite(&text).map_err(|source| Error::Records { path: self.path.clone(), source })
    }

    /// Writes the records, or removes the file with its last entry, and gives the lock back.
    pub fn close(self) -> Result<()> {
        if self.records != Records::default() {
            return self.save();
        }
        self.file.remove().map_err(|source| Error::Records { path: self.path, source })
    }
}

/// The first value of a text. An empty or broken one means no records: there is nothing better to know.
pub fn read_first<T: Default + for<'de> Deserialize<'de>>(text: &str) -> T {
    serde_json::Deserializer::from_str(text).into_iter().next().and_then(std::result::Result::ok).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NET: Subnet = Subnet { network: Ipv4Addr::new(172, 30, 0, 0), prefix_len: 24 };

    #[test]
    fn the_lowest_free_address_is_given_and_comes_back() {
        let run = tempfile::tempdir().unwrap();
        let mut leases = Leases::lock(run.path()).unwrap();
        leases.set_subnet(Some(NET));
        assert_eq!(leases.take("a", NET).unwrap(), Ipv4Addr::new(172, 30, 0, 2));
        assert_eq!(leases.take("b", NET).unwrap(), Ipv4Addr::new(172, 30, 0, 3));
        assert_eq!(leases.take("b", NET).unwrap(), Ipv4Addr::new(172, 30, 0, 3));
        leases.release("a");
        assert_eq!(leases.take("c", NET).unwrap(), Ipv4Addr::new(172, 30, 0, 2));
        leases.close().unwrap();
        let again = Leases::lock(run.path()).unwrap();
        assert_eq!((again.subnet(), again.is_empty()), (Some(NET), false));
    }

    #[test]
    fn the_last_one_takes_the_file_along() {
        let run = tempfile::tempdir().unwrap();
        let mut leases = Leases::lock(run.path()).unwrap();
        leases.take("a", NET).unwrap();
        leases.save().unwrap();
        leases.release("a");
        leases.close().unwrap();
        assert!(!path(run.path()).exists());
    }

    #[test]
    fn addresses_run_out_with_an_error() {
        let run = tempfile::tempdir().unwrap();
        let mut leases = Leases::lock(run.path()).unwrap();
        for id in 0..253 {
            leases.take(&id.to_string(), NET).unwrap();
        }
        assert!(matches!(leases.take("one more", NET), Err(Error::NoAddress { .. })));
    }

    #[test]
    fn a_rewrite_cut_short_still_reads_as_its_first_value() {
        let whole = r#"{"subnet":null,"leases":{"a":"172.30.0.2"}}"#;
        let records: Records = read_first(&format!("{whole}\"b\":\"172.30.0.3\"}}}}"));
        assert_eq!(records.leases.len(), 1);
        assert_eq!(read_first::<Records>("{broken"), Records::default());
    }
}
