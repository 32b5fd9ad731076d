//! The labs as the book shows them: what each is about, and its task.

use super::Fault;
use super::sources::Sources;
use crate::lab::course::Filled;
use crate::lab::manifest::Manifest;
use crate::lab::{self, Course};

/// A lab.
#[derive(Clone, Debug)]
pub struct Lab {
    /// Its number.
    pub number: u32,
    /// The name of its folder: `03-namespaces`.
    pub folder: String,
    /// Its title.
    pub title: String,
    /// How long it takes.
    pub minutes: u32,
    /// What the student can say afterwards.
    pub about: String,
    /// What it takes.
    pub needs: Vec<String>,
    /// The stages that it goes deeper into.
    pub stages: Vec<String>,
    /// The task, as the student reads it.
    pub task: String,
    /// The task's file, from the repository's root.
    pub path: String,
}

/// Whose values the book shows: an example's, the same in every build.
const SEED: &str = "book";

/// That the labs can't be read, as something that is wrong with the pages.
pub fn fault(what: String) -> Fault {
    Fault { page: "labs".to_owned(), line: 1, what, next: "mend the manifest".to_owned() }
}

/// All labs, by number.
///
/// # Errors
/// The first lab whose manifest cannot be read, and why.
pub fn all(sources: &Sources) -> Result<Vec<Lab>, String> {
    let from = match sources {
        Sources::Compiled => None,
        Sources::Checkout(root) => Some(root.join("labs")),
    };
    let course = Course::read(from.as_deref()).map_err(|error| error.to_string())?;
    course.labs().iter().map(|lab| shown(lab).map_err(|error| error.to_string())).collect()
}

fn shown(lab: &lab::Lab) -> Result<Lab, lab::Error> {
    let Filled { folder, manifest, task, .. } = lab.fill(SEED)?;
    let path = format!("labs/{folder}/task.md");
    let Manifest { number, title, minutes, about, needs, stages, .. } = manifest;
    Ok(Lab { number, folder, title, minutes, about, needs, stages, task, path })
}
