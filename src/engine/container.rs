//! One container's directories and record.

use super::error::{Error, file};
use super::home::Home;
use super::journal::{Journal, Made, remove_tree};
use crate::image::digest::Digest;
use crate::sys::flock;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::path::{Path, PathBuf};

/// What is kept about a container.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// 64 hex digits.
    pub id: String,
    /// `--name`, if one was given.
    pub name: Option<String>,
    /// The image, as it was named.
    pub image: String,
    /// The image's id.
    pub image_id: Option<Digest>,
    /// Its layers.
    pub layers: Vec<Digest>,
    /// What it ran.
    pub command: Vec<String>,
    /// Its exit status, when it has ended.
    pub exit_code: Option<u8>,
}

impl Record {
    /// The record of a container that is about to be: with an id of its own, and nothing known but the image's name.
    pub fn new(image: &str, name: Option<String>) -> Result<Record, Error> {
        Ok(Record {
            id: new_id()?,
            name,
            image: image.to_owned(),
            image_id: None,
            layers: Vec::new(),
            command: Vec::new(),
            exit_code: None,
        })
    }

    /// The id as people see it.
    pub fn short(&self) -> &str {
        &self.id[..12.min(self.id.len())]
    }

    /// Reads the record in a directory.
    pub fn load(dir: &Path) -> Option<Record> {
        serde_json::from_slice(&std::fs::read(dir.join("record.json")).ok()?).ok()
    }

    /// Writes the record by rename: a reader sees the old one or the new one, never half of one.
    pub fn save(&self, dir: &Path) -> Result<(), Error> {
        let (new, path) = (dir.join("record.json.new"), dir.join("record.json"));
        std::fs::write(&new, serde_json::to_vec_pretty(self).unwrap_or_default()).map_err(file(&new))?;
        std::fs::rename(&new, &path).map_err(file(&path))
    }
}

/// A container that this process makes and takes away.
pub struct Container {
    /// Its record.
    pub record: Record,
    /// Where its running parts lie: bundle, rootfs, undo list. Gone when it ends.
    pub dir: PathBuf,
    /// Where its writable layer lies. Stays, unless `--rm`.
    pub kept: PathBuf,
    /// Its undo list.
    pub journal: Journal,
    /// Held as long as this process lives: who finds it free knows that nobody looks after the container any more.
    _alive: File,
}

impl Container {
    /// Makes the directories of a new container.
    pub fn new(home: &Home, record: Record) -> Result<Container, Error> {
        private_dir(&home.containers())?;
        // Held until the record is there: of two runs with one --name the second sees the first, and no sweep takes the
        // directory, which for a moment has no lock in it, for a dead one's.
        let _alone = hold(home)?;
        refuse_taken_name(home, &record)?;
        let (dir, kept) = (home.containers().join(&record.id), home.kept().join(&record.id));
        Container::fill(record, &dir, &kept).inspect_err(|_no_room| {
            // Nothing but files so far, and perhaps no list that would name them.
            for made in [&dir, &kept] {
                let _not_there = std::fs::remove_dir_all(made);
            }
        })
    }

    fn fill(record: Record, dir: &Path, kept: &Path) -> Result<Container, Error> {
        private_dir(dir)?;
        let alive = lock(dir)?;
        let mut journal = Journal::open(dir)?;
        // First on the list, so last to go: the list itself lies in it.
        for path in [dir, kept] {
            journal.record(&Made::Directory(path.to_owned())).map_err(file(dir))?;
        }
        private_dir(kept)?;
        record.save(dir)?;
        Ok(Container { record, dir: dir.to_owned(), kept: kept.to_owned(), journal, _alive: alive })
    }

    /// Takes away all that was made so far, what is normally kept among it. For an rlab that is about to end.
    pub fn abandon(&self) {
        let _next_time = self.journal.undo();
    }

    /// Writes down what is about to be made.
    pub fn will_make(&mut self, made: &Made) -> Result<(), Error> {
        self.journal.record(made).map_err(file(&self.dir))
    }
}

/// The lock on the directory of all running containers, without which none is added or taken for abandoned.
pub fn hold(home: &Home) -> Result<File, Error> {
    let path = home.containers();
    let all = File::open(&path).map_err(file(&path))?;
    flock::lock(&all, flock::Mode::Exclusive).map_err(file(&path))?;
    Ok(all)
}

fn lock(dir: &Path) -> Result<File, Error> {
    let path = dir.join("alive");
    let alive = File::create(&path).map_err(file(&path))?;
    flock::lock(&alive, flock::Mode::Exclusive).map_err(file(&path))?;
    Ok(alive)
}

/// Others on the host have no business in here: setuid files of an image would be theirs to run.
fn private_dir(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(file(path))
}

fn refuse_taken_name(home: &Home, record: &Record) -> Result<(), Error> {
    let Some(name) = &record.name else { return Ok(()) };
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "_.-".contains(letter);
    if name.len() < 2 || !name.starts_with(|first: char| first.is_ascii_alphanumeric()) || !name.chars().all(allowed) {
        let reason = "a name has two or more letters, digits, _ . -, and begins with a letter or digit".to_owned();
        return Err(Error::Flag { flag: "--name", value: name.clone(), reason });
    }
    match all(home).into_iter().find(|other| other.name.as_ref() == Some(name)) {
        Some(other) => Err(Error::NameTaken { name: name.clone(), id: other.short().to_owned() }),
        None => Ok(()),
    }
}

/// Every container known here, running or kept.
pub fn all(home: &Home) -> Vec<Record> {
    let dirs = [home.containers(), home.kept()];
    let entries = dirs.iter().filter_map(|dir| std::fs::read_dir(dir).ok()).flatten().flatten();
    let mut records: Vec<Record> = entries.filter_map(|entry| Record::load(&entry.path())).collect();
    records.sort_by(|a, b| a.id.cmp(&b.id));
    records.dedup_by(|a, b| a.id == b.id);
    records
}

/// The container that a name or the beginning of an id means.
pub fn find(home: &Home, typed: &str) -> Result<Record, Error> {
    let mut found = all(home);
    found.retain(|record| record.name.as_deref() == Some(typed) || (!typed.is_empty() && record.id.starts_with(typed)));
    match found.len() {
        1 => Ok(found.remove(0)),
        _ => Err(Error::NoContainer(typed.to_owned())),
    }
}

/// Removes what is kept of a container that has ended.
pub fn remove(home: &Home, typed: &str) -> Result<(), Error> {
    let record = find(home, typed)?;
    if home.containers().join(&record.id).exists() {
        return Err(Error::Running(typed.to_owned()));
    }
    let kept = home.kept().join(&record.id);
    remove_tree(&kept).map_err(file(&kept))
}

/// 64 random hex digits, as Docker's ids are.
fn new_id() -> Result<String, Error> {
    use std::io::Read;
    let path = Path::new("/dev/urandom");
    let mut bytes = [0; 32];
    File::open(path).and_then(|mut source| source.read_exact(&mut bytes)).map_err(file(path))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
