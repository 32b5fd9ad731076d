//! What can go wrong in a tool: always said with the thing it went wrong with, the errno in words and by name.
use std::ffi::OsString;
use std::fmt::Display;
use std::io;

use crate::sys::tool::describe_errno;

pub type Result<T> = std::result::Result<T, Error>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("not like that")]
    Usage,
    #[error("{subject}: {}", describe(.source))]
    Failed { subject: String, source: io::Error },
    #[error("output: {}", describe(.0))]
    Output(#[from] io::Error),
    #[error("there is no tool `{}`", .0.display())]
    NoTool(OsString),
    #[error("`{}` is not text", .0.display())]
    NotText(OsString),
    #[error("`{text}` is not {expected}")]
    NotA { text: String, expected: &'static str },
    #[error("no proc file system is mounted at /proc, and only it lists {0}")]
    NoProc(&'static str),
    #[error("standard input is no terminal")]
    NoTerminal,
    #[error("{url}: {reason}")]
    Page { url: String, reason: &'static str },
}

impl Error {
    /// What to try next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoTool(_) => Some("`help` lists the tools there are".to_owned()),
            Self::NoProc(_) => {
                Some("a container gets one in stage `mounts`; without it the kernel is not asked".to_owned())
            }
            Self::NoTerminal => Some("`rlab run -it` gives a container one".to_owned()),
            Self::Failed { source, .. } if source.raw_os_error() == Some(13) => {
                Some("`id` and `caps` show who you are and what that allows".to_owned())
            }
            _ => None,
        }
    }
}

fn describe(error: &io::Error) -> String {
    error.raw_os_error().map_or_else(|| error.to_string(), describe_errno)
}

/// Names the thing an input or output error is about.
pub trait At<T> {
    fn at(self, subject: impl Display) -> Result<T>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, subject: impl Display) -> Result<T> {
        self.map_err(|source| Error::Failed { subject: subject.to_string(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_told_by_name_words_and_errno() {
        let error = std::fs::read("/no/such/file").at("/no/such/file").unwrap_err();
        assert_eq!(error.to_string(), "/no/such/file: No such file or directory (ENOENT)");
    }
}
