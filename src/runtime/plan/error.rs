//! What config.json asks for and can't have.

use crate::runtime::seccomp;

/// How much of a value a message repeats: one may be a megabyte long.
const SHOWN_LETTERS: usize = 100;

/// A field that can't be what it is.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Not the JSON that it should be.
    #[error("{0}")]
    Malformed(String),
    /// A field that must be there is not.
    #[error("{0} is missing")]
    Missing(String),
    /// A field holds something that means nothing.
    #[error("{field}: {value:?} {reason}")]
    Invalid {
        /// The field's path.
        field: &'static str,
        /// What it holds.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Something the spec knows and rlab does not.
    #[error("{0} is not supported by rlab")]
    Unsupported(&'static str),
    /// The seccomp profile.
    #[error("linux.seccomp: {0}")]
    Seccomp(#[from] seccomp::Error),
}

pub fn missing(field: &str) -> PlanError {
    PlanError::Missing(field.to_owned())
}

pub fn invalid(field: &'static str, value: impl ToString, reason: &'static str) -> PlanError {
    let value = shown(&value.to_string());
    PlanError::Invalid { field, value, reason }
}

/// The beginning of what may be long.
pub fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_LETTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
