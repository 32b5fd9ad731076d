//! From a name to an image in the store, without a registry.
//!
//! Whoever calls decides when: the registry has been tried and could not be reached, or the name is one that no registry
//! is asked for. What was done is written into the image's record, and told whenever the image is listed.
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use super::error::{Error, Result};
use super::{Assembled, debian, lab};
use crate::image::manifest::OCI_LAYER;
use crate::image::reference::Reference;
use crate::image::store::{self, Content, ImageRecord, LayerFile, Provenance, Store};
use crate::sys::flock;

/// What an image can be made from on this host.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// rlab's own binary: the image `lab`.
    BuiltIn,
    /// Packages of this host's distribution.
    Packages(&'static debian::Recipe),
}

/// Only what a bare name means is stood in for: `nginx`, never `nginx:1.25`, a digest, or somebody's own registry.
pub fn source(reference: &Reference) -> Option<Source> {
    let plain =
        reference.registry() == "docker.io" && reference.tag() == Some("latest") && reference.digest().is_none();
    let name = reference.repository().strip_prefix("library/").filter(|_| plain)?;
    if name == lab::NAME { Some(Source::BuiltIn) } else { debian::recipe(name).map(Source::Packages) }
}

impl Source {
    /// What the user is told is taken instead.
    pub fn describe(&self) -> String {
        match self {
            Self::BuiltIn => "rlab's own binary".to_owned(),
            Self::Packages(recipe) => format!("{} packages {}", debian::host_name(), recipe.packages.join(" ")),
        }
    }
}

/// Makes the image, or finds that it is there already: packages are not asked for anew while the image is in the store,
/// `lab` is packed again when rlab's binary is another one. `root` is rlab's root directory; downloads are kept there.
pub fn provide(
    store: &Store,
    root: &Path,
    reference: &Reference,
    source: Source,
    progress: &dyn Fn(&str),
    content: &mut Content,
) -> Result<ImageRecord> {
    let workshop = Workshop::enter(root)?;
    // Asked once the lock is held: another rlab may have made the image while this one waited for it.
    if let Some(record) = store.lookup(reference)? {
        match source {
            Source::BuiltIn if !is_current(store, &record, &workshop.digest)? => {}
            _ => return Ok(record),
        }
    }
    let (assembled, provenance) = match source {
        Source::BuiltIn => {
            progress("packing rlab's own binary into the image `lab`");
            let binary = Path::new(lab::OWN_BINARY);
            (lab::assemble(binary, &workshop.work_dir, &workshop.digest)?, Provenance::BuiltIn)
        }
        Source::Packages(recipe) => {
            let made = debian::assemble(recipe, &workshop.cache_dir, &workshop.work_dir, progress)?;
            let from = made.from.clone();
            (made, Provenance::Assembled { from })
        }
    };
    import(store, reference, &assembled, provenance, content)
}

fn is_current(store: &Store, record: &ImageRecord, kept: &Path) -> Result<bool> {
    // Somebody may have given the name to another image: that one is theirs, and stays.
    if record.provenance != Provenance::BuiltIn {
        return Ok(true);
    }
    lab::is_current(&store.read_blob(&record.config)?, Path::new(lab::OWN_BINARY), kept)
}

fn import(
    store: &Store,
    reference: &Reference,
    made: &Assembled,
    provenance: Provenance,
    content: &mut Content,
) -> Result<ImageRecord> {
    let mut layers = Vec::new();
    for layer in &made.layers {
        let file = File::open(&layer.path).map_err(|source| Error::Read { path: layer.path.clone(), source })?;
        layers.push(LayerFile { stream: Box::new(file), media_type: OCI_LAYER.to_owned() });
    }
    Ok(store.import(reference, &made.config_json, layers, provenance, content)?)
}

/// Takes away what an rlab that was killed while it made an image has left. Where one is at work, it is left alone.
pub fn sweep(root: &Path) {
    let dir = root.join("classroom");
    let Ok(lock) = File::open(dir.join("lock")) else { return };
    let imports = store::imports(root);
    if (dir.join("work").exists() || !imports.is_empty())
        && flock::try_lock(&lock, flock::Mode::Exclusive).unwrap_or(false)
    {
        // Should it fail, whoever makes the next image tries again, and says so.
        let _ = fs::remove_dir_all(dir.join("work"));
        for half in imports {
            let _ = fs::remove_file(half);
        }
    }
}

/// The place where images are made, for one rlab at a time: apt's own directories are not made for two.
struct Workshop {
    work_dir: PathBuf,
    cache_dir: PathBuf,
    /// Where the digest of rlab's own binary is kept.
    digest: PathBuf,
    _lock: File,
}

impl Workshop {
    fn enter(root: &Path) -> Result<Self> {
        let dir = root.join("classroom");
        let write = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Write { path, source }
        };
        fs::create_dir_all(&dir).map_err(write(&dir))?;
        let lock_path = dir.join("lock");
        let lock = OpenOptions::new().create(true).append(true).open(&lock_path).map_err(write(&lock_path))?;
        flock::lock(&lock, flock::Mode::Exclusive).map_err(write(&lock_path))?;
        let work_dir = dir.join("work");
        // What an rlab that was killed left behind: whoever holds the lock may sweep.
        if work_dir.exists() {
            fs::remove_dir_all(&work_dir).map_err(write(&work_dir))?;
        }
        fs::create_dir(&work_dir).map_err(write(&work_dir))?;
        Ok(Self { work_dir, cache_dir: dir.join("apt"), digest: dir.join("binary.json"), _lock: lock })
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        // Should it fail, the next one to enter sweeps.
        let _ = fs::remove_dir_all(&self.work_dir);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(name: &str) -> Reference {
        name.parse().unwrap()
    }

    #[test]
    fn only_bare_names_are_stood_in_for() {
        assert!(matches!(source(&reference("lab")), Some(Source::BuiltIn)));
        assert!(matches!(source(&reference("nginx:latest")), Some(Source::Packages(_))));
        for other in ["nginx:1.25", "localhost:5000/library/nginx", "someone/nginx", "nosuchimage"] {
            assert!(source(&reference(other)).is_none(), "{other}");
        }
    }

    #[test]
    fn lab_is_packed_once_and_leaves_no_scraps() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path()).unwrap();
        let told = std::cell::Cell::new(0);
        let pack = || {
            let tell = |_: &str| told.set(told.get() + 1);
            let mut content = Content::default();
            provide(&store, root.path(), &reference("lab"), Source::BuiltIn, &tell, &mut content).unwrap()
        };
        let (first, second) = (pack(), pack());
        assert_eq!((&first, told.get()), (&second, 1));
        assert_eq!((first.provenance, first.layers.len()), (Provenance::BuiltIn, 2));
        assert!(!root.path().join("classroom/work").exists());
    }
}
