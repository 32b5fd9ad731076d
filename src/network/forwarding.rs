//! `net.ipv4.ip_forward`: whether the host passes packets on from one link to another.
//!
//! It is one switch for the whole network namespace, so several roots of rlab share it: the first to need it writes
//! down what was set and switches it on, the last to leave restores that. Switching it is not one value alone: the
//! kernel sets every link's own `forwarding` with it, and `accept_redirects` too, so these are restored as well; a
//! host that was hardened against redirects would otherwise come back open to them.

use super::error::{Error, Result};
use super::leases::read_first;
use crate::sys::{self, LockFile};
use crate::trace;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const HOST_WIDE: &str = "/run/rlab-forwarding.json";
const SWITCH: &str = "/proc/sys/net/ipv4/ip_forward";
const CONF: &str = "/proc/sys/net/ipv4/conf";

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Entry {
    /// The settings as they were, by path; empty when the switch was on already.
    saved: BTreeMap<PathBuf, String>,
    /// Who needs it: the lease files of the roots. One that is gone needs nothing any more.
    holders: BTreeSet<PathBuf>,
}

/// By the number of the network namespace, since each has a switch of its own.
type Entries = BTreeMap<String, Entry>;

/// The host-wide records, locked. While one root has them, no other chooses a network or touches the switch.
#[derive(Debug)]
pub struct Forwarding {
    file: LockFile,
    entries: Entries,
    namespace: String,
}

impl Forwarding {
    /// Waits for the lock and reads the records of the calling thread's network namespace.
    pub fn lock() -> Result<Forwarding> {
        let file = LockFile::lock(Path::new(HOST_WIDE)).map_err(records)?;
        let mut entries: Entries = read_first(&file.read().map_err(records)?);
        let namespace = sys::netns::NetworkNamespace::current()?.inode()?.to_string();
        // A namespace that ended took its settings along, and its number may be given to another one.
        entries.retain(|of, entry| *of == namespace || entry.holders.iter().any(|holder| holder.exists()));
        Ok(Forwarding { file, entries, namespace })
    }

    /// Switches it on for `holder`; what was set before is on disk before anything is changed.
    pub fn acquire(&mut self, holder: &Path) -> Result<()> {
        let entry = self
            .entries
            .entry(self.namespace.clone())
            .or_insert_with(|| Entry { saved: snapshot(), holders: BTreeSet::new() });
        entry.holders.retain(|holder| holder.exists());
        entry.holders.insert(holder.to_owned());
        self.save()?;
        write(Path::new(SWITCH), "1")
    }

    /// Gives it back; the last one restores what was set.
    pub fn release(&mut self, holder: &Path) -> Result<()> {
        let Some(entry) = self.entries.get_mut(&self.namespace) else { return Ok(()) };
        entry.holders.remove(holder);
        entry.holders.retain(|holder| holder.exists());
        if !entry.holders.is_empty() {
            return self.save();
        }
        restore(&entry.saved)?;
        self.entries.remove(&self.namespace);
        self.save()
    }

    /// Gives the lock back; the file goes with its last entry.
    pub fn close(self) -> Result<()> {
        if self.entries.is_empty() { self.file.remove().map_err(records) } else { Ok(()) }
    }

    fn save(&self) -> Result<()> {
        self.file.rewrite(&serde_json::to_string(&self.entries).unwrap_or_default()).map_err(records)
    }
}

fn records(source: std::io::Error) -> Error {
    Error::Records { path: HOST_WIDE.into(), source }
}

/// What the switch is going to change. Nothing when it is on: then it is someone else's to switch off.
fn snapshot() -> BTreeMap<PathBuf, String> {
    let mut saved = BTreeMap::new();
    let switch = read(Path::new(SWITCH));
    if switch.as_deref() == Some("1") {
        return saved;
    }
    let links = std::fs::read_dir(CONF).into_iter().flatten().flatten().map(|entry| entry.path().join("forwarding"));
    let paths = links.chain([Path::new(CONF).join("all/accept_redirects")]);
    saved.extend(paths.filter_map(|path| Some((path.clone(), read(&path)?))));
    saved.extend(switch.map(|value| (PathBuf::from(SWITCH), value)));
    saved
}

/// The switch first, because it overwrites the others.
fn restore(saved: &BTreeMap<PathBuf, String>) -> Result<()> {
    if let Some(value) = saved.get(Path::new(SWITCH)) {
        write(Path::new(SWITCH), value)?;
    }
    for (path, value) in saved {
        // A link may be gone by now; then its settings are, too.
        if read(path).is_some_and(|now| now != *value) {
            write(path, value)?;
        }
    }
    Ok(())
}

fn read(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

/// Writes a setting unless it has that value, and tells the difference.
fn write(path: &Path, value: &str) -> Result<()> {
    let before = read(path);
    if before.as_deref() == Some(value) {
        return Ok(());
    }
    sys::write_file(path, value)?;
    if trace::enabled() {
        let name = path.strip_prefix("/proc/sys").unwrap_or(path).to_string_lossy().replace('/', ".");
        trace::change("sysctl", name, json!(before), json!(read(path)));
    }
    Ok(())
}
