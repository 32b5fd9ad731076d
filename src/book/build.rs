//! The site: pages with everything put in, written by mdBook.

use super::folder::Folder;
use super::knowledge::Knowledge;
use super::preprocessor::Rlab;
use super::sources::Sources;
use super::{Error, Fault};
use mdbook::MDBook;
use mdbook::config::Config;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Says that a folder holds a book of ours and nothing else, so that the next one may take its place.
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
pub fn build(options: &Options<'_>) -> Result<Vec<Fault>, Error> {
    let to = vacant(options.to)?;
    let folder = Folder::new()?;
    options.sources.unpack("book", folder.path())?;
    let mut config =
        Config::from_disk(folder.path().join("book.toml")).map_err(|error| Error::Mdbook(format!("{error:#}")))?;
    config.build.build_dir = to.clone();
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
    let mark = to.join(MARK);
    std::fs::write(&mark, "").map_err(Error::file(mark))?;
    let faults = faults.lock().map(|mut faults| std::mem::take(&mut *faults)).unwrap_or_default();
    if faults.is_empty() || options.draft { Ok(faults) } else { Err(Error::Pages(faults)) }
}

/// The folder by its whole name, if building into it takes away nothing but an earlier book: mdBook empties it first.
fn vacant(to: &Path) -> Result<PathBuf, Error> {
    std::fs::create_dir_all(to).map_err(Error::file(to))?;
    let to = to.canonicalize().map_err(Error::file(to))?;
    let mut entries = std::fs::read_dir(&to).map_err(Error::file(&to))?;
    if entries.next().is_some() && !to.join(MARK).exists() {
        return Err(Error::Occupied(to));
    }
    Ok(to)
}
