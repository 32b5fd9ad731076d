//! Where the book's files come from: from inside the binary, or from a checkout that someone works in.

use super::Error;
use rust_embed::RustEmbed;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// The pages, figures, styles and transcripts.
#[derive(RustEmbed)]
#[folder = "book/"]
struct Pages;

/// What the labs' pages are made of.
#[derive(RustEmbed)]
#[folder = "labs/"]
struct Labs;

/// The program's own source, for pages that show a piece of it.
#[derive(RustEmbed)]
#[folder = "src/"]
#[include = "**/*.rs"]
#[include = "*.rs"]
struct Source;

/// Without it there is no book.
const BOOK_TOML: &str = "book/book.toml";

/// The files of the repository that the book is made of. Paths are from the repository's root, with `/`.
#[derive(Clone, Debug)]
pub enum Sources {
    /// As they were when rlab was built.
    Compiled,
    /// As they are now, below this folder.
    Checkout(PathBuf),
}

impl Sources {
    /// Sees whether a book is there at all.
    ///
    /// # Errors
    /// When what should be a checkout has none.
    pub fn verify(&self) -> Result<(), Error> {
        match self {
            Sources::Checkout(root) if !root.join(BOOK_TOML).is_file() => Err(Error::NoBook(root.join(BOOK_TOML))),
            _ => Ok(()),
        }
    }

    /// The bytes of a file, if it is there.
    pub fn bytes(&self, path: &str) -> Option<Vec<u8>> {
        // A page names a file of the repository, never one beside it.
        if path.split('/').any(|part| part == "..") || path.starts_with('/') {
            return None;
        }
        match self {
            Sources::Checkout(root) => std::fs::read(root.join(path)).ok(),
            Sources::Compiled => {
                let (folder, rest) = path.split_once('/')?;
                let file = match folder {
                    "book" => Pages::get(rest),
                    "labs" => Labs::get(rest),
                    "src" => Source::get(rest),
                    _ => None,
                };
                file.map(|file| file.data.into_owned())
            }
        }
    }

    /// The text of a file, if it is there.
    pub fn text(&self, path: &str) -> Option<String> {
        String::from_utf8(self.bytes(path)?).ok()
    }

    /// The paths of all files below a folder of the repository, sorted.
    pub fn list(&self, folder: &str) -> Vec<String> {
        let mut found: Vec<String> = match self {
            // What cannot be read is missed where a page names it.
            Sources::Checkout(root) => {
                let entries = WalkDir::new(root.join(folder)).into_iter().filter_map(Result::ok);
                let files = entries.filter(|entry| !entry.file_type().is_dir());
                files.filter_map(|file| Some(file.path().strip_prefix(root).ok()?.to_str()?.to_owned())).collect()
            }
            Sources::Compiled => {
                let of = |name: &str, files: &mut dyn Iterator<Item = std::borrow::Cow<'static, str>>| {
                    files.map(|path| format!("{name}/{path}")).collect::<Vec<_>>()
                };
                let all =
                    [of("book", &mut Pages::iter()), of("labs", &mut Labs::iter()), of("src", &mut Source::iter())];
                let below = format!("{folder}/");
                all.into_iter().flatten().filter(|path| path.starts_with(&below)).collect()
            }
        };
        found.sort();
        found
    }

    /// Writes the files below a folder of the repository to another place.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn unpack(&self, folder: &str, to: &Path) -> Result<(), Error> {
        for path in self.list(folder) {
            let unreadable = || Error::file(&path)(std::io::ErrorKind::NotFound.into());
            let bytes = self.bytes(&path).ok_or_else(unreadable)?;
            let target = to.join(path.trim_start_matches(folder).trim_start_matches('/'));
            if let Some(parent) = target.parent() {
                std::fs::create_dir_all(parent).map_err(Error::file(parent))?;
            }
            std::fs::write(&target, bytes).map_err(Error::file(&target))?;
        }
        Ok(())
    }
}
