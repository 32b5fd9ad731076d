//! What can go wrong between a student and a lab, by kind, each with the next step.

use std::path::PathBuf;

/// What a function of this layer fails with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A number or name that no lab has.
    #[error("there is no lab `{typed}`")]
    NoLab {
        /// What was typed.
        typed: String,
    },
    /// The student has not begun it.
    #[error("lab {number} has not been started: {folder} is not there")]
    NotStarted {
        /// Its number.
        number: u32,
        /// Where it would be.
        folder: PathBuf,
    },
    /// The student has begun it already.
    #[error("lab {number} was started before: {folder} is there")]
    Started {
        /// Its number.
        number: u32,
        /// Where it is.
        folder: PathBuf,
    },
    /// This host can't carry it.
    #[error("lab {number} needs what is not here: {missing}")]
    Lacks {
        /// Its number.
        number: u32,
        /// What is missing, in words.
        missing: String,
        /// How to get it.
        fix: String,
    },
    /// The student's file of answers can't be read.
    #[error("{path}: {reason}")]
    Answers {
        /// The file.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// A manifest can't be read, or contradicts itself.
    #[error("lab {folder}: {reason}")]
    Manifest {
        /// The lab's folder.
        folder: String,
        /// Where and why.
        reason: String,
    },
    /// The student's record can't be read.
    #[error("{path} is no record of progress: {reason}")]
    Progress {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A later rlab wrote the student's record.
    #[error("{} is of version {version}, which this rlab does not know", .path.display())]
    NewerProgress {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// A hint for what is to be predicted first.
    #[error("lab {number} asks for `{prediction}` first: a hint would say what the check shows you")]
    PredictFirst {
        /// Its number.
        number: u32,
        /// The prediction.
        prediction: String,
    },
    /// Someone else works in this folder.
    #[error("{path} is the folder of {theirs}, not of {yours}")]
    OtherStudent {
        /// The folder of all labs.
        path: PathBuf,
        /// Whose it is.
        theirs: String,
        /// Who was named.
        yours: String,
    },
    /// A hint was asked for where nothing is left to find.
    #[error("lab {number} has nothing open that a hint could help with")]
    NoHint {
        /// Its number.
        number: u32,
    },
    /// A name that no check has.
    #[error("lab {number} has no check `{typed}`")]
    NoCheck {
        /// Its number.
        number: u32,
        /// What was typed.
        typed: String,
    },
    /// Ctrl-C.
    #[error("stopped; the experiments that ran are ended")]
    Interrupted,
    /// A file.
    #[error("{path}: {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// What happened.
        error: std::io::Error,
    },
}

impl Error {
    /// The next step.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Error::NoLab { .. } => "rlab lab list".to_owned(),
            Error::NotStarted { number, .. } => format!("rlab lab start {number}"),
            Error::Started { number, .. } => {
                format!(
                    "rlab lab check {number}, or rlab lab reset {number} to begin again: your files are kept beside it"
                )
            }
            Error::Lacks { fix, .. } => fix.clone(),
            Error::Answers { .. } => "each answer is one line: name = \"answer\"".to_owned(),
            Error::Manifest { .. } => "the book's page on adding a lab lists the keys of lab.toml".to_owned(),
            Error::Progress { path, .. } => format!(
                "move {} away, and give the next command the same --student and --seed as the first: your values come \
                 from them; your own files stay as they are",
                path.display()
            ),
            Error::NewerProgress { .. } => "take the rlab that you used last".to_owned(),
            Error::PredictFirst { number, .. } => {
                format!("write what you expect into answers.toml, then rlab lab check {number}")
            }
            Error::OtherStudent { .. } => {
                "leave --student and --seed out, the folder knows them; or name another folder with --dir".to_owned()
            }
            Error::NoHint { number } | Error::NoCheck { number, .. } => format!("rlab lab check {number}"),
            Error::Interrupted | Error::File { .. } => return None,
        };
        Some(hint)
    }
}

/// Names the file of an error.
pub fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.into();
    move |error| Error::File { path, error }
}
