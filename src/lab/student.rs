//! A student's folder: the labs that were started, and one record of progress for all of them.

use super::answers;
use super::course::Filled;
use super::error::{Error, file};
use super::manifest::{PREDICT, Predict};
use super::mark::{Marked, agrees};
use crate::sys::{self, flock};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The record's name in the folder of all labs.
pub const RECORD: &str = "progress.json";

/// Version of the record; it rises when a field changes its meaning.
const VERSION: u32 = 1;

/// What is kept of a student.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct Progress {
    /// [`VERSION`] of the writer.
    pub version: u32,
    /// Who it is.
    pub student: String,
    /// What the values are drawn from.
    pub seed: String,
    /// The labs that were started, by folder.
    pub labs: BTreeMap<String, LabProgress>,
}

/// What is kept of one lab.
#[derive(Serialize, Deserialize, Debug, Clone, Default, PartialEq)]
pub struct LabProgress {
    /// When it was started, RFC 3339.
    pub started: String,
    /// When all of it was right for the first time.
    #[serde(default)]
    pub finished: Option<String>,
    /// How often it was checked with all predictions made.
    #[serde(default)]
    pub checks: u32,
    /// The first predictions, before anything was run.
    #[serde(default)]
    pub predicted: BTreeMap<String, Prediction>,
    /// How many hints were shown, by check.
    #[serde(default)]
    pub hints: BTreeMap<String, usize>,
    /// Whether the solution was laid out.
    #[serde(default)]
    pub solved: bool,
    /// Points at the last check.
    #[serde(default)]
    pub points: u32,
    /// The most points there were.
    #[serde(default)]
    pub best: u32,
    /// Points there are.
    #[serde(default)]
    pub out_of: u32,
    /// What was not right at the last check.
    #[serde(default)]
    pub open: Vec<String>,
}

/// A first prediction.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
pub struct Prediction {
    /// What was predicted.
    pub answer: String,
    /// Whether it was right; nothing before that could be observed.
    #[serde(default)]
    pub right: Option<bool>,
}

/// A student and the folder of all their labs.
pub struct Student {
    /// The folder.
    pub dir: PathBuf,
    /// The record.
    pub progress: Progress,
}

impl Student {
    /// The student whose folder it is; in a new folder the one who is named, with the seed that is named or else the name.
    pub fn open(dir: &Path, name: Option<&str>, seed: Option<&str>) -> Result<Student, Error> {
        let progress = recorded(dir)?.unwrap_or_else(|| {
            let student = name.map_or_else(user, str::to_owned);
            let seed = seed.map_or_else(|| student.clone(), str::to_owned);
            Progress { version: VERSION, student, seed, labs: BTreeMap::new() }
        });
        let differs = |wanted: Option<&str>, have: &str| wanted.is_some_and(|wanted| wanted != have);
        if differs(name, &progress.student) || differs(seed, &progress.seed) {
            let told = |student: &str, seed: Option<&str>| match seed {
                Some(seed) => format!("{student} (seed {seed})"),
                None => student.to_owned(),
            };
            let yours = told(name.unwrap_or(&progress.student), seed);
            let theirs = told(&progress.student, seed.map(|_| progress.seed.as_str()));
            return Err(Error::OtherStudent { path: dir.to_owned(), theirs, yours });
        }
        Ok(Student { dir: dir.to_owned(), progress })
    }

    /// Where a lab's files are.
    pub fn folder(&self, lab: &Filled) -> PathBuf {
        self.dir.join(&lab.folder)
    }

    /// The folder of a lab that was started.
    pub fn started(&self, lab: &Filled) -> Result<PathBuf, Error> {
        let folder = self.folder(lab);
        if folder.is_dir() { Ok(folder) } else { Err(Error::NotStarted { number: lab.manifest.number, folder }) }
    }

    /// Lays out a lab for the student: whole, or not at all.
    pub fn start(&mut self, lab: &Filled, now: &str) -> Result<PathBuf, Error> {
        let folder = self.folder(lab);
        if folder.exists() {
            return Err(Error::Started { number: lab.manifest.number, folder });
        }
        self.lay_out(lab, &["starter"], &folder)?;
        self.record(lab, now, |_| ())?;
        Ok(folder)
    }

    /// Puts the student's files aside, under a name that is free, and lays out the lab anew. Gives where they are now.
    pub fn reset(&mut self, lab: &Filled, now: &str) -> Result<PathBuf, Error> {
        let aside = self.replace(lab, &["starter"])?;
        self.record(lab, now, |_| ())?;
        Ok(aside)
    }

    /// Lays the solution over the lab, the student's own files put aside, and writes that down.
    pub fn solve(&mut self, lab: &Filled, now: &str) -> Result<PathBuf, Error> {
        let aside = self.replace(lab, &["starter", "solution"])?;
        self.record(lab, now, |kept| kept.solved = true)?;
        Ok(aside)
    }

    /// Puts what is there aside and lays out these parts; where that fails, what was there is there again.
    fn replace(&self, lab: &Filled, parts: &[&str]) -> Result<PathBuf, Error> {
        let folder = self.started(lab)?;
        let aside = (1..).map(|count| self.dir.join(format!("{}.before-{count}", lab.folder)));
        let aside = aside.into_iter().find(|path| !path.exists()).unwrap_or_default();
        std::fs::rename(&folder, &aside).map_err(file(&folder))?;
        self.lay_out(lab, parts, &folder).inspect_err(|_| {
            let _it_is_named_in_the_error = std::fs::rename(&aside, &folder);
        })?;
        Ok(aside)
    }

    /// Writes the files of a lab beside where they belong, and moves them there when all are written.
    fn lay_out(&self, lab: &Filled, parts: &[&str], folder: &Path) -> Result<(), Error> {
        let new = self.dir.join(format!(".{}.new-{}", lab.folder, sys::getpid()));
        let put = |name: &str, text: &str| {
            let path = new.join(name);
            std::fs::write(&path, text).map_err(file(path))
        };
        let written = || {
            std::fs::create_dir_all(&new).map_err(file(&new))?;
            put("TASK.md", &lab.task)?;
            if let Some(text) = answers::blank(&lab.manifest) {
                put(answers::FILE, &text)?;
            }
            parts.iter().try_for_each(|part| lab.write(part, &new))?;
            std::fs::rename(&new, folder).map_err(file(folder))
        };
        written().inspect_err(|_| {
            let _nobody_needs_it = std::fs::remove_dir_all(&new);
        })
    }

    /// Writes down how a check went.
    pub fn marked(&mut self, lab: &Filled, marked: &Marked, now: &str) -> Result<(), Error> {
        self.record(lab, now, |kept| kept.take(lab, marked, now))
    }

    /// Counts a hint, and gives how many were shown before.
    pub fn hinted(&mut self, lab: &Filled, check: &str, now: &str) -> Result<usize, Error> {
        self.record(lab, now, |kept| {
            let shown = kept.hints.entry(check.to_owned()).or_default();
            *shown += 1;
            *shown - 1
        })
    }

    /// Changes what is kept of a lab. Another rlab may have written meanwhile, of this lab or another: so the record is read
    /// again, and nobody else has it until it is written, by rename: a reader sees the old record or the new one.
    fn record<T>(&mut self, lab: &Filled, now: &str, change: impl FnOnce(&mut LabProgress) -> T) -> Result<T, Error> {
        let (new, path) = (self.dir.join(format!("{RECORD}.new")), self.dir.join(RECORD));
        std::fs::create_dir_all(&self.dir).map_err(file(&self.dir))?;
        let folder = File::open(&self.dir).map_err(file(&self.dir))?;
        flock::lock(&folder, flock::Mode::Exclusive).map_err(file(&self.dir))?;
        if let Some(progress) = recorded(&self.dir)? {
            self.progress = progress;
        }
        let begun = || LabProgress { started: now.to_owned(), out_of: lab.manifest.points(), ..LabProgress::default() };
        let told = change(self.progress.labs.entry(lab.folder.clone()).or_insert_with(begun));
        let text = serde_json::to_string_pretty(&self.progress).unwrap_or_default() + "\n";
        std::fs::write(&new, text).map_err(file(&new))?;
        std::fs::rename(&new, &path).map_err(file(&path))?;
        Ok(told)
    }
}

impl LabProgress {
    fn take(&mut self, lab: &Filled, marked: &Marked, now: &str) {
        let kept = self;
        kept.out_of = lab.manifest.points();
        kept.points = marked.points();
        kept.best = kept.best.max(kept.points);
        kept.open = marked.open().map(|mark| mark.id.clone()).collect();
        if let Some(first) = marked.first_open() {
            kept.open.sort_by_key(|id| *id != first.id); // stable: the first to turn to, then the rest in order
        }
        if marked.ran {
            kept.checks += 1;
            for predict in &lab.manifest.predict {
                seal(kept, predict, marked);
            }
        }
        if kept.points == kept.out_of && kept.finished.is_none() {
            kept.finished = Some(now.to_owned());
        }
    }
}

/// The first prediction counts, and what is observed first with everything right that shows it.
fn seal(kept: &mut LabProgress, predict: &Predict, marked: &Marked) {
    let id = format!("{PREDICT}{}", predict.id);
    let Some(mark) = marked.marks.iter().find(|mark| mark.id == id) else { return };
    let Some(answer) = mark.predicted.clone() else { return };
    let first = kept.predicted.entry(predict.id.clone()).or_insert(Prediction { answer, right: None });
    if let (None, Some(observed)) = (first.right, &mark.observed) {
        first.right = Some(agrees(predict, &first.answer, observed));
    }
}

/// The record of a folder, if it has one.
fn recorded(dir: &Path) -> Result<Option<Progress>, Error> {
    let path = dir.join(RECORD);
    match std::fs::read(&path) {
        Ok(bytes) => read(&path, &bytes).map(Some),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::File { path, error }),
    }
}

/// Reads a record.
pub fn read(path: &Path, bytes: &[u8]) -> Result<Progress, Error> {
    let path = path.to_owned();
    match serde_json::from_slice::<Progress>(bytes) {
        Ok(Progress { version, .. }) if version > VERSION => Err(Error::NewerProgress { path, version }),
        Ok(progress) => Ok(progress),
        Err(error) => Err(Error::Progress { path, reason: error.to_string() }),
    }
}

/// Who types: with sudo, who typed that.
fn user() -> String {
    let named = |name: &&str| std::env::var(name).ok().filter(|user| !user.is_empty());
    ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(named).unwrap_or_else(|| "student".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::Course;

    fn lab(typed: &str) -> Filled {
        Course::read(None).unwrap().lab(typed).unwrap().fill("ada").unwrap()
    }

    #[test]
    fn two_at_once_lose_nothing_of_each_other() {
        let dir = tempfile::tempdir().unwrap();
        let [mut one, mut other] = [(); 2].map(|()| Student::open(dir.path(), Some("ada"), None).unwrap());
        one.start(&lab("1"), "then").unwrap();
        other.start(&lab("2"), "now").unwrap();
        one.hinted(&lab("1"), "key", "now").unwrap();
        assert_eq!(other.hinted(&lab("1"), "key", "now").unwrap(), 1);
        let kept = Student::open(dir.path(), None, None).unwrap().progress;
        let started: Vec<&str> = kept.labs.values().map(|lab| lab.started.as_str()).collect();
        assert_eq!(started, ["then", "now"]);
    }

    #[test]
    fn what_cannot_be_laid_out_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut student = Student::open(dir.path(), Some("ada"), None).unwrap();
        let folder = student.start(&lab("1"), "now").unwrap();
        std::fs::write(folder.join("mine"), "mine").unwrap();
        // In the way of what is written beside it.
        let ways = ["1", "2"].map(|typed| dir.path().join(format!(".{}.new-{}", lab(typed).folder, sys::getpid())));
        ways.iter().for_each(|way| std::fs::write(way, "").unwrap());
        student.start(&lab("2"), "now").unwrap_err();
        student.reset(&lab("1"), "now").unwrap_err();
        assert_eq!(std::fs::read_to_string(folder.join("mine")).unwrap(), "mine");
        assert!(!student.folder(&lab("2")).exists());
        ways.iter().for_each(|way| std::fs::remove_file(way).unwrap());
        student.start(&lab("2"), "now").unwrap();
        let aside = student.reset(&lab("1"), "now").unwrap();
        assert!(aside.join("mine").exists() && !folder.join("mine").exists());
    }

    #[test]
    fn a_folder_belongs_to_one_student() {
        let dir = tempfile::tempdir().unwrap();
        Student::open(dir.path(), Some("ada"), Some("7")).unwrap().start(&lab("1"), "now").unwrap();
        assert_eq!(Student::open(dir.path(), None, None).unwrap().progress.seed, "7");
        let other = Student::open(dir.path(), Some("bob"), None).err().unwrap();
        assert!(other.to_string().contains("the folder of ada, not of bob"), "{other}");
    }

    #[test]
    fn a_broken_record_is_no_reason_to_lose_it() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(RECORD), "{").unwrap();
        assert!(matches!(Student::open(dir.path(), None, None), Err(Error::Progress { .. })));
        assert_eq!(std::fs::read_to_string(dir.path().join(RECORD)).unwrap(), "{");
    }
}
