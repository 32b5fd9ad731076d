//! The book: what its pages show is what rlab says, its links lead somewhere, and a browser shows every page well.

mod browser;
mod console;
mod links;
mod site;
mod spelling;

pub use site::served;

use crate::harness::Rlab;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The checkout that the tests were built from.
pub const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A block of a page, as `rlab book blocks` lists it.
#[derive(Clone, Debug)]
pub struct Block {
    /// `book/src/first/run.md:12`.
    pub place: String,
    /// What is run, with whether root types it.
    pub commands: Vec<(bool, String)>,
    /// What it takes.
    pub needs: Vec<String>,
    /// What of it this host lacks, in words.
    pub lacks: Vec<String>,
    /// Whether it is run in the checkout; else in an empty folder.
    pub in_checkout: bool,
    /// The name of its snapshot.
    pub slug: String,
}

impl Block {
    /// The commands as one reads them on the page.
    pub fn typed(&self) -> String {
        let typed = |(as_root, text): &(bool, String)| format!("{} {text}", if *as_root { '#' } else { '$' });
        self.commands.iter().map(typed).collect::<Vec<_>>().join("\n")
    }
}

/// Every block of the book's pages and the labs' tasks.
pub fn blocks(rlab: &Rlab) -> Vec<Block> {
    let output = rlab.run(&["book", "blocks", "--from", ROOT]).succeeded();
    let list: Vec<Value> = serde_json::from_str(&output.stdout).unwrap();
    let words =
        |value: &Value| value.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect();
    let command = |command: &Value| (command["as_root"] == true, command["text"].as_str().unwrap().to_owned());
    let block = |block: &Value| Block {
        place: format!("{}:{}", block["page"].as_str().unwrap(), block["line"]),
        commands: block["commands"].as_array().unwrap().iter().map(command).collect(),
        needs: words(&block["needs"]),
        lacks: words(&block["lacks"]),
        in_checkout: block["in_checkout"] == true,
        slug: block["slug"].as_str().unwrap().to_owned(),
    };
    list.iter().map(block).collect()
}

/// The files below a folder that end like this, sorted.
pub fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let mut found = vec![];
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path, end));
        } else if path.to_string_lossy().ends_with(end) {
            found.push(path);
        }
    }
    found.sort();
    found
}
