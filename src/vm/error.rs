//! What can go wrong with a machine, by kind.

use super::{accel, diagnose, disk, initramfs, kernel, modules, order};
use crate::shim::RuntimeError;
use crate::sys::cause::{self, Cause};
use crate::{engine, network, sys};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// A failure of `rlab vm run`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine's: the image, its name, its config.
    #[error("{0}")]
    Engine(#[from] engine::Error),
    /// No kernel.
    #[error("kernel: {0}")]
    Kernel(#[from] kernel::Error),
    /// A driver is missing.
    #[error("kernel: {0}")]
    Modules(#[from] modules::Error),
    /// The initramfs could not be made.
    #[error("kernel: {0}")]
    Initramfs(#[from] initramfs::Error),
    /// The disk could not be made.
    #[error("disk: {0}")]
    Disk(#[from] disk::Error),
    /// No accelerator.
    #[error("machine: {0}")]
    Accel(#[from] accel::Error),
    /// A published port.
    #[error("machine: {0}")]
    Port(#[from] network::Error),
    /// A port is to be published where QEMU can't.
    #[error("machine: --publish {0}: QEMU's user network listens on IPv4 addresses alone")]
    PublishedV6(IpAddr),
    /// QEMU is not here.
    #[error("machine: there is no qemu-system-x86_64 on this host")]
    NoQemu,
    /// A call of rlab's own was refused.
    #[error("{stage}: {error}")]
    Call {
        /// The stage's id.
        stage: &'static str,
        /// The call and the errno.
        error: sys::Error,
    },
    /// The machine came to nothing.
    #[error("{stage}: {diagnosis}")]
    Machine {
        /// How far it was.
        stage: &'static str,
        /// Why.
        diagnosis: Box<diagnose::Diagnosis>,
    },
    /// The program could not be started in it, or rlab could not do there what it had to.
    #[error("in the guest: {0}")]
    Guest(RuntimeError),
    /// The channel carries something else than rlab's words.
    #[error("{0}")]
    Garbled(order::Garbled),
    /// Asked to end before there was a program.
    #[error("ended by {0} before the program ran")]
    Interrupted(String),
    /// `-v` of something that can't be shared.
    #[error("--volume {source_path}: {reason}", source_path = .path.display())]
    Share {
        /// The host's path.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
}

impl Error {
    /// Docker's exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Engine(error) => error.exit_code(),
            Error::Guest(error) => error.exit_code(),
            _ => 125,
        }
    }

    /// The likeliest cause, by this host's facts.
    pub fn cause(&self, root: &Path) -> Option<Cause> {
        match self {
            Error::Engine(error) => error.cause(root),
            Error::Port(error) => error.cause(root),
            Error::Call { error, .. } => cause::of_call(error, root),
            _ => None,
        }
    }

    /// The next step.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Engine(error) => error.hint(),
            Error::Kernel(error) => error.hint(),
            Error::Modules(error) => error.hint(),
            Error::Initramfs(error) => error.hint(),
            Error::Disk(error) => error.hint(),
            Error::Accel(error) => error.hint(),
            Error::Port(error) => error.hint(),
            Error::PublishedV6(_) => Some("-p 127.0.0.1:8080:80, or leave the address out".to_owned()),
            Error::NoQemu => Some("apt install qemu-system-x86; rlab doctor shows what else is missing".to_owned()),
            Error::Machine { diagnosis, .. } => diagnosis.hint(),
            Error::Guest(error) => error.hint(),
            Error::Garbled(_) => {
                Some("is another rlab's initramfs in use? remove vm/initramfs below the root".to_owned())
            }
            Error::Share { .. } => Some("rlab vm run --help".to_owned()),
            Error::Call { .. } | Error::Interrupted(_) => None,
        }
    }
}

/// Ties a refusal to a stage.
pub fn refused(stage: &'static str) -> impl Fn(sys::Error) -> Error {
    move |error| Error::Call { stage, error }
}
