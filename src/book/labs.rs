//! The labs as the book shows them: what each is about, and its task.

use super::sources::Sources;
use serde::Deserialize;

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

#[derive(Deserialize)]
struct Head {
    number: u32,
    title: String,
    minutes: u32,
    #[serde(default)]
    about: String,
    #[serde(default)]
    needs: Vec<String>,
    #[serde(default)]
    stages: Vec<String>,
}

/// All labs, by number.
///
/// # Errors
/// The first lab whose manifest cannot be read, and why.
pub fn all(sources: &Sources) -> Result<Vec<Lab>, String> {
    let mut labs = vec![];
    for path in sources.list("labs").iter().filter(|path| path.ends_with("/lab.toml")) {
        let folder = path.trim_start_matches("labs/").trim_end_matches("/lab.toml").to_owned();
        let head: Head =
            toml::from_str(&sources.text(path).unwrap_or_default()).map_err(|error| format!("{path}: {error}"))?;
        let path = format!("labs/{folder}/task.md");
        let task = sources.text(&path).unwrap_or_default();
        let Head { number, title, minutes, about, needs, stages } = head;
        labs.push(Lab { number, folder, title, minutes, about, needs, stages, task, path });
    }
    labs.sort_by_key(|lab| lab.number);
    Ok(labs)
}
