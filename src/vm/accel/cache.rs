//! The probe's answers, kept with all that they depend on: what was found on another boot, with another QEMU or for another
//! kernel is no answer.

use serde::{Deserialize, Serialize};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The file, in the folder for machines.
const FILE: &str = "kvm.json";
/// Answers that are kept: more kernels are not tried in turn.
const KEPT: usize = 8;
/// The file's format.
const VERSION: u32 = 1;

/// What came of trying an ordinary kernel under KVM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Found {
    /// It booted to its end.
    Runs {
        /// In so many milliseconds.
        took_ms: u64,
    },
    /// It did not, and gave no error.
    Hangs {
        /// For so many milliseconds it was waited for.
        waited_ms: u64,
        /// The last that came, of the kernel or of what runs before it.
        last: Option<String>,
    },
    /// QEMU ended itself, because KVM did what QEMU had thought impossible.
    Aborts {
        /// QEMU's words before.
        said: String,
    },
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = |ms: &u64| *ms as f64 / 1000.0;
        match self {
            Found::Runs { took_ms } => write!(f, "KVM ran this kernel to its end in {:.2} s", seconds(took_ms)),
            Found::Hangs { waited_ms, last: None } => {
                write!(
                    f,
                    "KVM is here, but an ordinary kernel said nothing within {:.0} s under it",
                    seconds(waited_ms)
                )
            }
            Found::Hangs { waited_ms, last: Some(last) } => write!(
                f,
                "KVM is here, but within {:.0} s an ordinary kernel came no farther under it than {last:?}",
                seconds(waited_ms)
            ),
            Found::Aborts { said } => write!(f, "KVM is here, but QEMU gave up under it: {said}"),
        }
    }
}

/// An answer, and when it was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// What was found.
    pub found: Found,
    /// When: RFC 3339, without fractions.
    pub at: String,
    /// The kernel that was tried.
    pub kernel: PathBuf,
}

/// All that an answer depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Key {
    host: Host,
    qemu: Identity,
    kernel: Identity,
}

/// A boot of a host. A host that was moved to other hardware, or whose own hypervisor was told to nest, has booted since;
/// release and processor are there for who reads the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Host {
    pub boot_id: String,
    pub release: String,
    pub processor: String,
}

/// A file, by what changes when another is put in its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    path: PathBuf,
    size: u64,
    modified_ns: i128,
    inode: u64,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    key: Key,
    known: Known,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    version: u32,
    answers: Vec<Entry>,
}

impl Host {
    fn this() -> Host {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let processor = read("/proc/cpuinfo");
        let model = processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Host {
            boot_id: read("/proc/sys/kernel/random/boot_id").trim().to_owned(),
            release: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            processor: model.map(|(_, name)| name.to_owned()).unwrap_or_default(),
        }
    }
}

impl Identity {
    fn of(path: &Path) -> Option<Identity> {
        let path = path.canonicalize().ok()?;
        let found = path.metadata().ok()?;
        let modified_ns = i128::from(found.mtime()) * 1_000_000_000 + i128::from(found.mtime_nsec());
        Some(Identity { size: found.len(), modified_ns, inode: found.ino(), path })
    }
}

impl Key {
    fn of(qemu: &Path, kernel: &Path) -> Option<Key> {
        Some(Key { host: Host::this(), qemu: Identity::of(qemu)?, kernel: Identity::of(kernel)? })
    }
}

/// What was found earlier for this very kernel.
pub(super) fn recall(cache: &Path, qemu: &Path, kernel: &Path) -> Option<Known> {
    let key = Key::of(qemu, kernel)?;
    read(cache).into_iter().find(|entry| entry.key == key).map(|entry| entry.known)
}

/// What an earlier probe found on this boot with this QEMU, of the kernel that was tried last and is still there. Nothing is
/// tried.
pub fn known(cache: &Path, qemu: &Path) -> Option<Known> {
    let still_holds = |entry: &Entry| Key::of(qemu, &entry.key.kernel.path).is_some_and(|key| key == entry.key);
    read(cache).into_iter().find(still_holds).map(|entry| entry.known)
}

/// Keeps an answer, as the first. A folder that can't be written to costs the next one a moment, and no more.
pub(super) fn remember(cache: &Path, qemu: &Path, kernel: &Path, found: &Found) {
    let Some(key) = Key::of(qemu, kernel) else { return };
    let at = OffsetDateTime::now_utc().replace_nanosecond(0).ok().and_then(|now| now.format(&Rfc3339).ok());
    let known = Known { found: found.clone(), at: at.unwrap_or_default(), kernel: key.kernel.path.clone() };
    let others = read(cache).into_iter().filter(|entry| entry.key != key && entry.key.host == key.host).take(KEPT - 1);
    let others: Vec<Entry> = others.collect();
    let answers = std::iter::once(Entry { key, known }).chain(others).collect();
    let _costs_a_moment = write(cache, &Kept { version: VERSION, answers });
}

/// What can't be read or is of another format counts as nothing known.
fn read(cache: &Path) -> Vec<Entry> {
    let kept = std::fs::read(cache.join(FILE)).ok().and_then(|bytes| serde_json::from_slice::<Kept>(&bytes).ok());
    kept.filter(|kept| kept.version == VERSION).map(|kept| kept.answers).unwrap_or_default()
}

/// By rename, from a name that another rlab at the same moment does not use.
fn write(cache: &Path, kept: &Kept) -> std::io::Result<()> {
    std::fs::create_dir_all(cache)?;
    let new = cache.join(format!("{FILE}.{}", std::process::id()));
    let written =
        std::fs::write(&new, serde_json::to_vec_pretty(kept)?).and_then(|()| std::fs::rename(&new, cache.join(FILE)));
    if written.is_err() {
        let _nothing_there = std::fs::remove_file(&new);
    }
    written
}
