//! What can be wrong with the book, told by page and line, with the next step.

use std::path::PathBuf;

/// One thing that is wrong with a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The page's file, from the repository's root.
    pub page: String,
    /// The line, from one.
    pub line: usize,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub next: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}\n    {}", self.page, self.line, self.what, self.next)
    }
}

/// Why the book could not be built or served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Pages that name what is not there.
    #[error("the book has {} to mend:\n{}", places(.0.len()), list(.0))]
    Pages(Vec<Fault>),
    /// A file of the book's, or of the site's.
    #[error("{path}: {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// What happened.
        error: std::io::Error,
    },
    /// The folder to build into holds something else, which building would take away.
    #[error("{} has files in it that are of no built book, {} for one", .folder.display(), .stranger.display())]
    Occupied {
        /// The folder.
        folder: PathBuf,
        /// The first of them, from the folder on.
        stranger: PathBuf,
    },
    /// What is to be built from is no checkout.
    #[error("{} is not there", .0.display())]
    NoBook(PathBuf),
    /// Someone asked for the end meanwhile.
    #[error("ended before the book was built; nothing was changed")]
    Ended,
    /// mdBook's own.
    #[error("mdBook: {0}")]
    Mdbook(String),
    /// The port cannot be listened on.
    #[error("port {port} of this host's loopback: {error}")]
    Port {
        /// The port.
        port: u16,
        /// What happened.
        error: std::io::Error,
    },
    /// The server's own machinery.
    #[error("the server: {0}")]
    Server(std::io::Error),
}

impl Error {
    /// The next step.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Occupied { .. } => Some("name a folder that is empty or not there yet".to_owned()),
            Error::NoBook(_) => Some("--from names the folder of a checkout, which has book/book.toml".to_owned()),
            Error::Port { .. } => Some("rlab book --port 0 takes a port that is free".to_owned()),
            _ => None,
        }
    }

    /// For `map_err`: what happened to this file.
    pub fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.into();
        |error| Error::File { path, error }
    }
}

fn places(count: usize) -> String {
    if count == 1 { "one place".to_owned() } else { format!("{count} places") }
}

fn list(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
