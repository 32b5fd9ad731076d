//! mdBook's preprocessor: inside `rlab book`, and as the command that a plain `mdbook build` starts.

use super::expand::{Page, Shelf, expand};
use super::knowledge::Knowledge;
use super::sources::Sources;
use super::{Error, Fault, labs};
use mdbook_preprocessor::book::Book;
use mdbook_preprocessor::errors::Result as MdbookResult;
use mdbook_preprocessor::{Preprocessor, PreprocessorContext, parse_input};
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};

/// Puts into the pages what they name.
pub struct Rlab {
    /// Where files come from.
    pub sources: Sources,
    /// What others know.
    pub knowledge: Knowledge,
    /// What is wrong with pages goes here, so that the caller tells all of it. mdBook passes on one error without its shape.
    pub faults: Arc<Mutex<Vec<Fault>>>,
}

impl Preprocessor for Rlab {
    fn name(&self) -> &str {
        "rlab"
    }

    fn run(&self, _context: &PreprocessorContext, mut book: Book) -> MdbookResult<Book> {
        let faults = fill(&mut book, &self.sources, &self.knowledge);
        if let Ok(mut told) = self.faults.lock() {
            told.extend(faults);
        }
        Ok(book)
    }
}

/// Puts everything in, page by page. Gives what could not be put in.
fn fill(book: &mut Book, sources: &Sources, knowledge: &Knowledge) -> Vec<Fault> {
    let mut faults = vec![];
    let labs = labs::all(sources).unwrap_or_else(|what| {
        faults.push(labs::fault(what));
        vec![]
    });
    let paths = book.chapters().filter_map(|chapter| chapter.path.as_ref()?.to_str().map(str::to_owned));
    let stages = paths.filter(|path| path.starts_with("stages/") && !path.ends_with("index.md")).collect();
    let shelf = Shelf { sources, knowledge, labs, stages };
    book.for_each_chapter_mut(|chapter| {
        let Some(path) = chapter.path.as_ref().and_then(|path| path.to_str()) else { return };
        let to_root = "../".repeat(path.matches('/').count());
        let file = format!("book/src/{path}");
        let page = Page { file: &file, to_root: &to_root };
        chapter.content = expand(&chapter.content, &page, &shelf, &mut faults);
    });
    faults
}

/// The command that mdBook starts: a book comes in, and the filled one goes out.
///
/// # Errors
/// When what comes in is no book, or its pages name what is not there.
pub fn preprocess(input: impl Read, mut output: impl Write, knowledge: &Knowledge) -> Result<(), Error> {
    let (context, mut book) = parse_input(input).map_err(|error| Error::Mdbook(format!("{error:#}")))?;
    // mdBook says where book.toml is; the labs and the sources lie beside that folder.
    let book_folder = context.root.canonicalize().map_err(Error::file(&context.root))?;
    let root = book_folder.parent().unwrap_or(&book_folder).to_owned();
    let faults = fill(&mut book, &Sources::Checkout(root), knowledge);
    if !faults.is_empty() {
        return Err(Error::Pages(faults));
    }
    let text = serde_json::to_string(&book).map_err(|error| Error::Mdbook(error.to_string()))?;
    output.write_all(text.as_bytes()).map_err(Error::file("standard output"))
}
