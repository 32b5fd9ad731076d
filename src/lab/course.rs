//! All labs, compiled into rlab, or read from a folder by who writes one.

use super::answers;
use super::error::{Error, file};
use super::manifest::Manifest;
use super::values::{self, Draw};
use rust_embed::RustEmbed;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(RustEmbed)]
#[folder = "labs/"]
struct Compiled;

/// The labs, in order.
pub struct Course {
    labs: Vec<Lab>,
}

/// One lab: its files, not yet any student's.
#[derive(Clone)]
pub struct Lab {
    /// Its folder's name: number and id.
    pub folder: String,
    /// The manifest, with places where values go.
    pub manifest: Manifest,
    files: BTreeMap<String, Vec<u8>>,
}

/// A lab as one student has it.
pub struct Filled {
    /// Its folder's name.
    pub folder: String,
    /// The manifest.
    pub manifest: Manifest,
    /// What the student reads.
    pub task: String,
    files: BTreeMap<String, Vec<u8>>,
}

impl Course {
    /// The labs that were compiled in; or those below a folder.
    pub fn read(from: Option<&Path>) -> Result<Course, Error> {
        let files = match from {
            None => Compiled::iter()
                .filter_map(|path| Some((path.to_string(), Compiled::get(&path)?.data.into_owned())))
                .collect(),
            Some(folder) => {
                let mut files = BTreeMap::new();
                read_below(folder, "", &mut files)?;
                files
            }
        };
        let mut folders: BTreeMap<String, BTreeMap<String, Vec<u8>>> = BTreeMap::new();
        for (path, bytes) in files {
            if let Some((folder, rest)) = path.split_once('/') {
                folders.entry(folder.to_owned()).or_default().insert(rest.to_owned(), bytes);
            }
        }
        let labs = folders.into_iter().filter(|(_, files)| files.contains_key("lab.toml"));
        let labs: Result<Vec<Lab>, Error> = labs.map(|(folder, files)| Lab::new(folder, files)).collect();
        let mut labs = labs?;
        labs.sort_by_key(|lab| lab.manifest.number);
        Ok(Course { labs })
    }

    /// All of them.
    pub fn labs(&self) -> &[Lab] {
        &self.labs
    }

    /// The one that was typed: by number, folder, or what stands behind the number in the folder's name.
    pub fn lab(&self, typed: &str) -> Result<&Lab, Error> {
        let number: Option<u32> = typed.parse().ok();
        let is_meant = |lab: &&Lab| Some(lab.manifest.number) == number || lab.folder == typed || lab.id() == typed;
        self.labs.iter().find(is_meant).ok_or_else(|| Error::NoLab { typed: typed.to_owned() })
    }
}

impl Lab {
    fn new(folder: String, files: BTreeMap<String, Vec<u8>>) -> Result<Lab, Error> {
        let wrong = |reason| Error::Manifest { folder: folder.clone(), reason };
        let text = String::from_utf8_lossy(&files["lab.toml"]).into_owned();
        let manifest = Manifest::parse(&text).map_err(wrong)?;
        if !files.contains_key("task.md") {
            return Err(Error::Manifest { folder, reason: "task.md is missing".to_owned() });
        }
        Ok(Lab { folder, manifest, files })
    }

    /// What stands behind the number.
    pub fn id(&self) -> &str {
        self.folder.split_once('-').map_or(self.folder.as_str(), |(_, id)| id)
    }

    /// Makes it a student's own.
    pub fn fill(&self, seed: &str) -> Result<Filled, Error> {
        let draws: &BTreeMap<String, Draw> = &self.manifest.values;
        let values = values::draw(draws, seed, &self.folder);
        let wrong = |reason| Error::Manifest { folder: self.folder.clone(), reason };
        let text = String::from_utf8_lossy(&self.files["lab.toml"]).into_owned();
        let text = values::fill(&text, &values);
        let manifest = Manifest::parse(&text).map_err(wrong)?;
        let files = self.files.iter().map(|(path, bytes)| match std::str::from_utf8(bytes) {
            Ok(text) => (path.clone(), values::fill(text, &values).into_bytes()),
            Err(_) => (path.clone(), bytes.clone()),
        });
        let files: BTreeMap<String, Vec<u8>> = files.collect();
        let left = files.iter().find_map(|(path, bytes)| {
            let place = values::unfilled(std::str::from_utf8(bytes).ok()?)?;
            Some(format!("{path}: no value is called {place}"))
        });
        if let Some(reason) = left {
            return Err(wrong(reason));
        }
        let task = String::from_utf8_lossy(&files["task.md"]).into_owned();
        Ok(Filled { folder: self.folder.clone(), manifest, task, files })
    }
}

impl Filled {
    /// The files of one of its folders, by path within it: `starter`, `solution`, `wrong/ID`.
    pub fn files(&self, folder: &str) -> impl Iterator<Item = (&str, &[u8])> {
        let prefix = format!("{folder}/");
        let within = move |(path, bytes)| Some((str::strip_prefix(path, prefix.as_str())?, bytes));
        self.files
            .iter()
            .map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
            .filter_map(within)
            .collect::<Vec<_>>()
            .into_iter()
    }

    /// The files that a student edits: those to begin with, and the answers.
    pub fn written_by_student(&self) -> Vec<String> {
        let starter = self.files("starter").map(|(name, _)| name.to_owned());
        starter.chain([answers::FILE.to_owned()]).collect()
    }

    /// Other files that the check reads: traces and documents that the student's commands have made.
    pub fn evidence(&self) -> Vec<String> {
        let experiments = self.manifest.experiment.iter().flat_map(|one| [one.trace.clone(), one.json.clone()]);
        let predictions = self.manifest.predict.iter().map(|predict| predict.file.clone());
        let checks = self.manifest.check.iter().flat_map(|check| {
            [&check.condition]
                .into_iter()
                .chain(&check.also)
                .map(|condition| condition.file.clone())
                .collect::<Vec<_>>()
        });
        experiments.chain(predictions).chain(checks).flatten().collect()
    }

    /// Writes the files of one of its folders into another. Scripts are made executable.
    pub fn write(&self, folder: &str, into: &Path) -> Result<(), Error> {
        use std::os::unix::fs::PermissionsExt;
        for (name, bytes) in self.files(folder) {
            let path = into.join(name);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(file(parent))?;
            }
            std::fs::write(&path, bytes).map_err(file(&path))?;
            if bytes.starts_with(b"#!") {
                std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).map_err(file(&path))?;
            }
        }
        Ok(())
    }
}

fn read_below(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) -> Result<(), Error> {
    for entry in std::fs::read_dir(folder).map_err(file(folder))? {
        let entry = entry.map_err(file(folder))?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let path = entry.path();
        if path.is_dir() {
            read_below(&path, &format!("{name}/"), files)?;
        } else {
            files.insert(name, std::fs::read(&path).map_err(file(&path))?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::english;
    use std::collections::BTreeSet;

    fn course() -> Course {
        Course::read(None).unwrap()
    }

    #[test]
    fn the_labs_are_numbered_from_one() {
        let numbers: Vec<u32> = course().labs().iter().map(|lab| lab.manifest.number).collect();
        assert_eq!(numbers, (1..=numbers.len() as u32).collect::<Vec<_>>());
        for lab in course().labs() {
            assert!(lab.folder.starts_with(&format!("{:02}-", lab.manifest.number)), "{}", lab.folder);
        }
    }

    #[test]
    fn every_stage_names_the_lab_that_goes_deeper_into_it() {
        let told: BTreeSet<(String, u32)> = english().stages.iter().map(|(id, text)| (id.clone(), text.lab)).collect();
        let course = course();
        let meant = course
            .labs()
            .iter()
            .flat_map(|lab| lab.manifest.stages.iter().map(|stage| (stage.clone(), lab.manifest.number)));
        assert_eq!(told, meant.collect());
    }

    #[test]
    fn a_lab_asks_for_a_prediction_and_knows_three_wrong_answers() {
        for lab in course().labs() {
            let (of, about) = (&lab.manifest, &lab.folder);
            assert!((15..=40).contains(&of.minutes), "{about} takes {} minutes", of.minutes);
            assert!(!of.predict.is_empty() && of.wrong.len() >= 3, "{about}");
            assert!(!of.values.is_empty(), "{about} is the same for everyone");
        }
    }

    #[test]
    fn every_place_has_a_value_for_any_student() {
        for seed in ["ada", "bob", "", "ö", "book"] {
            for lab in course().labs() {
                let filled = lab.fill(seed).unwrap();
                assert_eq!(values::unfilled(&filled.task), None, "{}", lab.folder);
                assert!(filled.files("starter").next().is_some() && filled.files("solution").next().is_some());
            }
        }
    }

    #[test]
    fn a_lab_is_found_by_what_people_type() {
        let course = course();
        for typed in ["3", "namespaces", "03-namespaces"] {
            assert_eq!(course.lab(typed).unwrap().folder, "03-namespaces");
        }
        assert!(matches!(course.lab("99"), Err(Error::NoLab { .. })));
    }
}
