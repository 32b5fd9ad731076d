//! Where the book's files come from: from inside the binary, or from a checkout that someone works in.

use super::Error;
use rust_embed::RustEmbed;
use std::path::{Path, PathBuf};

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

/// The files of the repository that the book is made of. Paths are from the repository's root, with `/`.
#[derive(Clone, Debug)]
pub enum Sources {
    /// As they were when rlab was built.
    Compiled,
    /// As they are now, below this folder.
    Checkout(PathBuf),
}

impl Sources {
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
            Sources::Checkout(root) => {
                let mut found = vec![];
                walk(root, &root.join(folder), &mut found);
                found
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
            let Some(bytes) = self.bytes(&path) else { continue };
            let target = to.join(path.trim_start_matches(folder).trim_start_matches('/'));
            if let Some(parent) = target.parent() {
                std::fs::create_dir_all(parent).map_err(Error::file(parent))?;
            }
            std::fs::write(&target, bytes).map_err(Error::file(&target))?;
        }
        Ok(())
    }
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(root, &path, found);
        } else if let Some(name) = path.strip_prefix(root).ok().and_then(Path::to_str) {
            found.push(name.to_owned());
        }
    }
}
