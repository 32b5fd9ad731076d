//! For the instructor: the records of a class, side by side.

use super::course::Course;
use super::error::{Error, file};
use super::student::{Progress, RECORD, read};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// One student and one lab.
#[derive(Serialize, Debug, Clone, PartialEq)]
pub struct Row {
    /// Who.
    pub student: String,
    /// The lab's number.
    pub lab: u32,
    /// Its name.
    pub title: String,
    /// Whether it was started, and when.
    pub started: Option<String>,
    /// When it was all right for the first time.
    pub finished: Option<String>,
    /// The most points there were.
    pub points: u32,
    /// Points there are.
    pub out_of: u32,
    /// First predictions that were right.
    pub predicted_right: usize,
    /// First predictions.
    pub predicted: usize,
    /// How often it was checked.
    pub checks: u32,
    /// Hints that were shown.
    pub hints: usize,
    /// Whether the solution was laid out.
    pub solved: bool,
    /// What was not right at the last check.
    pub open: Vec<String>,
}

/// The records of files, or of folders that hold one.
pub fn records(paths: &[PathBuf]) -> Result<Vec<Progress>, Error> {
    let mut all = Vec::new();
    for path in paths {
        let path = if path.is_dir() { path.join(RECORD) } else { path.clone() };
        all.push(one(&path)?);
    }
    all.sort_by(|a, b| a.student.cmp(&b.student));
    Ok(all)
}

fn one(path: &Path) -> Result<Progress, Error> {
    read(path, &std::fs::read(path).map_err(file(path))?)
}

/// A row a student and lab, in that order; labs that were not started among them.
pub fn rows(course: &Course, class: &[Progress]) -> Vec<Row> {
    let of = |progress: &Progress| {
        let rows = course.labs().iter().map(|lab| {
            let kept = progress.labs.get(&lab.folder).cloned();
            let started = kept.as_ref().map(|kept| kept.started.clone());
            let kept = kept.unwrap_or_default();
            Row {
                student: progress.student.clone(),
                lab: lab.manifest.number,
                title: lab.manifest.title.clone(),
                started,
                finished: kept.finished,
                points: kept.best,
                out_of: lab.manifest.points(),
                predicted_right: kept.predicted.values().filter(|first| first.right == Some(true)).count(),
                predicted: kept.predicted.len(),
                checks: kept.checks,
                hints: kept.hints.values().sum(),
                solved: kept.solved,
                open: kept.open,
            }
        });
        rows.collect::<Vec<_>>()
    };
    class.iter().flat_map(of).collect()
}

/// As a file that a spreadsheet reads, RFC 4180. A text that a spreadsheet would take for a formula gets an apostrophe.
pub fn csv(rows: &[Row]) -> String {
    let header =
        "student,lab,title,started,finished,points,out_of,predicted_right,predicted,checks,hints,solved,open\r\n";
    let lines = rows.iter().map(|row| {
        let fields = [
            row.student.clone(),
            row.lab.to_string(),
            row.title.clone(),
            row.started.clone().unwrap_or_default(),
            row.finished.clone().unwrap_or_default(),
            row.points.to_string(),
            row.out_of.to_string(),
            row.predicted_right.to_string(),
            row.predicted.to_string(),
            row.checks.to_string(),
            row.hints.to_string(),
            row.solved.to_string(),
            row.open.join(" "),
        ];
        fields.map(|field| cell(&field)).join(",") + "\r\n"
    });
    header.to_owned() + &lines.collect::<String>()
}

fn cell(text: &str) -> String {
    let text = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() };
    let plain = !text.contains([',', '"', '\n', '\r']);
    if plain { text } else { format!("\"{}\"", text.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::student::LabProgress;

    #[test]
    fn a_class_is_one_table() {
        let course = Course::read(None).unwrap();
        let first = &course.labs()[0];
        let done = LabProgress { started: "t".to_owned(), best: 2, checks: 3, ..LabProgress::default() };
        let ada = Progress {
            version: 1,
            student: "=ada, \"a\"".to_owned(),
            seed: "s".to_owned(),
            labs: [(first.folder.clone(), done)].into(),
        };
        let rows = rows(&course, &[ada]);
        assert_eq!(rows.len(), course.labs().len());
        assert_eq!((rows[0].points, rows[0].checks, rows[1].started.clone()), (2, 3, None));
        let text = csv(&rows[..1]);
        assert!(text.lines().nth(1).unwrap().starts_with("\"'=ada, \"\"a\"\"\",1,"), "{text}");
    }
}
