//! The site: pages with everything put in, written by mdBook.
//!
//! mdBook empties the folder that it writes to, whatever is in it. So it writes to one of ours, and only a whole book is
//! copied from there to where it is wanted.

use super::folder::Folder;
use super::knowledge::Knowledge;
use super::preprocessor::Rlab;
use super::sources::Sources;
use super::{Error, Fault};
use crate::sys;
use mdbook::MDBook;
use mdbook::config::Config;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use walkdir::WalkDir;

/// The names of all files of a book in the folder that holds it, a line each: the next book may take the place of these.
const MARK: &str = ".rlab-book";

/// What is built, and where to.
pub struct Options<'a> {
    /// Where the files come from.
    pub sources: &'a Sources,
    /// What others know.
    pub knowledge: &'a Knowledge,
    /// The folder of the site.
    pub to: &'a Path,
    /// Whether pages that name what is not there are built nevertheless, with a mark in its place.
    pub draft: bool,
}

/// Builds the book. Gives what is wrong with the pages of a draft.
///
/// # Errors
/// What is wrong with the pages, where it is no draft; a folder with something else in it; a file that cannot be written.
/// Then the folder has what it had.
pub fn build(options: &Options<'_>) -> Result<Vec<Fault>, Error> {
    let earlier = earlier_book(options.to)?;
    options.sources.verify()?;
    let folder = Folder::new()?;
    options.sources.unpack("book", folder.path())?;
    let mut config =
        Config::from_disk(folder.path().join("book.toml")).map_err(|error| Error::Mdbook(format!("{error:#}")))?;
    let site = folder.path().join("site");
    config.build.build_dir = site.clone();
    config.build.create_missing = options.draft;
    let faults = Arc::new(Mutex::new(vec![]));
    let mut book =
        MDBook::load_with_config(folder.path(), config).map_err(|error| Error::Mdbook(format!("{error:#}")))?;
    book.with_preprocessor(Rlab {
        sources: options.sources.clone(),
        knowledge: options.knowledge.clone(),
        faults: faults.clone(),
    });
    book.build().map_err(|error| Error::Mdbook(format!("{error:#}")))?;
    let faults = faults.lock().map(|mut faults| std::mem::take(&mut *faults)).unwrap_or_default();
    if !faults.is_empty() && !options.draft {
        return Err(Error::Pages(faults));
    }
    if sys::end_is_asked_for().is_some() {
        return Err(Error::Ended);
    }
    place(&site, options.to, &earlier)?;
    Ok(faults)
}

/// The files of the book that a folder holds; none where there is no folder, or nothing in it.
///
/// # Errors
/// When it holds a file that is of no book of ours.
fn earlier_book(folder: &Path) -> Result<BTreeSet<PathBuf>, Error> {
    let mark = folder.join(MARK);
    let marked = match std::fs::read_to_string(&mark) {
        Ok(text) => text.lines().map(PathBuf::from).collect(),
        Err(error) if error.kind() == ErrorKind::NotFound => BTreeSet::new(),
        Err(error) => return Err(Error::File { path: mark, error }),
    };
    let there = if folder.exists() { files(folder)? } else { BTreeSet::new() };
    match there.difference(&marked).next() {
        Some(stranger) => Err(Error::Occupied { folder: folder.to_owned(), stranger: stranger.clone() }),
        None => Ok(there),
    }
}

/// Puts the site in the earlier book's place. Whenever it is stopped, every file in the folder is in the list, so that the
/// next attempt may go on from there.
fn place(site: &Path, to: &Path, earlier: &BTreeSet<PathBuf>) -> Result<(), Error> {
    let new = files(site)?;
    std::fs::create_dir_all(to).map_err(Error::file(to))?;
    write_mark(to, earlier.union(&new))?;
    for file in earlier.difference(&new) {
        let path = to.join(file);
        std::fs::remove_file(&path).map_err(Error::file(&path))?;
        // Folders that are empty now: the first that is not ends it.
        let _kept = path.ancestors().skip(1).take_while(|above| *above != to).try_for_each(std::fs::remove_dir);
    }
    for file in &new {
        let path = to.join(file);
        let above = path.parent().unwrap_or(to);
        std::fs::create_dir_all(above).map_err(Error::file(above))?;
        std::fs::copy(site.join(file), &path).map_err(Error::file(&path))?;
    }
    write_mark(to, new.iter())
}

fn write_mark<'a>(folder: &Path, files: impl Iterator<Item = &'a PathBuf>) -> Result<(), Error> {
    let names: String = files.map(|file| format!("{}\n", file.display())).collect();
    let mark = folder.join(MARK);
    std::fs::write(&mark, names).map_err(Error::file(mark))
}

/// The names of everything below a folder that is no folder, but for the list of them.
fn files(folder: &Path) -> Result<BTreeSet<PathBuf>, Error> {
    let mut found = BTreeSet::new();
    for entry in WalkDir::new(folder) {
        let entry = entry.map_err(|error| Error::File { path: folder.to_owned(), error: error.into() })?;
        if let Ok(name) = entry.path().strip_prefix(folder)
            && !entry.file_type().is_dir()
            && name.as_os_str() != MARK
        {
            found.insert(name.to_owned());
        }
    }
    Ok(found)
}
