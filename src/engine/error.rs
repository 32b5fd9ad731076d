//! What can go wrong above the runtime, by kind, with the exit code Docker would give.

use crate::sys::cause::{self, Cause};
use crate::{image, network, shim, sys, trace};
use std::path::{Path, PathBuf};

/// A failure of the engine or of anything below it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Registry, store or unpacking.
    #[error("{0}")]
    Image(#[from] image::Error),
    /// The store of images.
    #[error("{0}")]
    Store(#[from] image::store::Error),
    /// A classroom image.
    #[error("{0}")]
    Classroom(#[from] image::classroom::Error),
    /// The network, and the stage in which it was to be changed.
    #[error("{0}: {1}")]
    Network(&'static str, #[source] network::Error),
    /// The runtime, or the streams around it.
    #[error("{0}")]
    Shim(#[from] shim::Error),
    /// The program could not be run; the check is a command for the host that shows why.
    #[error("{error}")]
    Program {
        /// What the runtime says.
        error: Box<shim::Error>,
        /// The command.
        check: String,
    },
    /// A call of the engine's own was refused.
    #[error("{stage}: {error}")]
    Call {
        /// The stage's id.
        stage: &'static str,
        /// The call and the errno.
        error: sys::Error,
    },
    /// The image is not in the store, and may not be fetched.
    #[error("no image {0:?} here, and --pull never")]
    NotHere(String),
    /// The image says nothing about what to run, and neither does the user.
    #[error("image {0:?} names no command, and none was given")]
    NoCommand(String),
    /// The user of `--user` or of the image.
    #[error("user {user:?}: {reason}")]
    User {
        /// As it was given.
        user: String,
        /// What is wrong.
        reason: String,
    },
    /// A flag's value.
    #[error("{flag} {value:?}: {reason}")]
    Flag {
        /// The flag.
        flag: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Something that the image asks for, and that no container can have.
    #[error("the image's config: {field} {value:?} {reason}")]
    ImageConfig {
        /// The field's name.
        field: &'static str,
        /// What it holds.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A name is taken.
    #[error("the name {name:?} is taken by container {id}")]
    NameTaken {
        /// The name.
        name: String,
        /// Whose it is.
        id: String,
    },
    /// There is no such container.
    #[error("no container {0:?} is known here")]
    NoContainer(String),
    /// A container ran without being watched.
    #[error("no trace of container {0:?} was kept")]
    NoTrace(String),
    /// A container still runs.
    #[error("container {0:?} is running")]
    Running(String),
    /// A file of rlab's own.
    #[error("{path}: {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// What happened.
        error: std::io::Error,
    },
    /// rlab runs as somebody else.
    #[error("containers are made by root, and this is user {0}")]
    NotRoot(u32),
    /// The user asked rlab to end before the container ran.
    #[error("ended by {0} before the container ran")]
    Interrupted(String),
}

impl From<network::Error> for Error {
    fn from(error: network::Error) -> Error {
        Error::Network(trace::current_stage().id(), error)
    }
}

impl Error {
    /// Docker's exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Shim(error) => error.exit_code(),
            Error::Program { error, .. } => error.exit_code(),
            _ => 125,
        }
    }

    /// The likeliest cause, by this host's facts, which are read only now. `root` is where rlab keeps things.
    pub fn cause(&self, root: &Path) -> Option<Cause> {
        match self {
            Error::Image(error) => of_source(error, root),
            Error::Store(error) => of_source(error, root),
            Error::Classroom(error) => of_source(error, root),
            Error::Network(_, error) => error.cause(root),
            Error::Shim(error) => error.cause(root),
            Error::Program { check, .. } => Some(Cause::new("", check, "")),
            Error::Call { error, .. } => cause::of_call(error, root),
            Error::File { path, error } => cause::of_file(path, error),
            _ => None,
        }
    }

    /// The next step.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Image(error) => error.hint(),
            Error::Store(error) => error.hint(),
            Error::Classroom(error) => error.hint(),
            Error::Network(_, error) => error.hint(),
            Error::Shim(error) => error.hint(),
            Error::Program { error, .. } => error.hint(),
            Error::Call { stage: "snapshot", error } => snapshot_hint(error),
            Error::NotHere(image) => Some(format!("rlab pull {image}")),
            Error::NoCommand(image) => Some(format!("rlab run {image} COMMAND")),
            Error::ImageConfig { field: "WorkingDir", .. } => Some("give another with --workdir".to_owned()),
            Error::ImageConfig { .. } => Some("try another tag, and tell whoever built the image".to_owned()),
            Error::User { .. } => Some("give another with --user, such as --user 0".to_owned()),
            Error::NotRoot(_) => Some("sudo rlab …".to_owned()),
            Error::NameTaken { .. } => Some("give another --name, or rlab rm the other container".to_owned()),
            Error::NoTrace(_) => Some("a trace is kept of a run with --explain and without --rm".to_owned()),
            Error::Running(_) => Some("end it first: Ctrl-C in its terminal".to_owned()),
            Error::File { error, .. } if error.kind() == std::io::ErrorKind::PermissionDenied => {
                Some("sudo rlab …, or another place with --root DIR".to_owned())
            }
            Error::Flag { .. } => Some("rlab run --help".to_owned()),
            _ => None,
        }
    }
}

/// What the kernel said, somewhere below an error of the images'. All of theirs lies below the root.
fn of_source(error: &(dyn std::error::Error + 'static), root: &Path) -> Option<Cause> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(said) = error.downcast_ref::<std::io::Error>() {
            return cause::of_file(root, said);
        }
        next = error.source();
    }
    None
}

fn snapshot_hint(error: &sys::Error) -> Option<String> {
    let overlay = error.call.args.get("filesystemtype").is_some_and(|kind| kind == "overlay");
    let hint = match sys::errno_name(error.errno) {
        "EINVAL" if overlay => {
            "overlayfs can't use a directory on another overlayfs for what is written: put --root on a disk of its own; \
             dmesg | tail names the option that was refused"
        }
        "ENODEV" => "this kernel has no overlayfs: grep overlay /proc/filesystems; modprobe overlay",
        "EPERM" => "mounting takes CAP_SYS_ADMIN: grep CapEff /proc/self/status",
        _ => return None,
    };
    Some(hint.to_owned())
}

/// Ties a refusal to a stage.
pub fn refused(stage: &'static str) -> impl Fn(sys::Error) -> Error {
    move |error| Error::Call { stage, error }
}

/// Ties an error of the file system to a path.
pub fn file(path: &std::path::Path) -> impl Fn(std::io::Error) -> Error {
    let path = path.to_owned();
    move |error| Error::File { path: path.clone(), error }
}
