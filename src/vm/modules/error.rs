//! Why a kernel's drivers can't be had.
use std::io;
use std::path::PathBuf;

use crate::sys;

/// Kinds of failure.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or directory cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A driver is neither built in nor there as a module.
    #[error(
        "kernel {release} has no driver {name}{}: it is not built in, and there is no module in {}",
        by.as_ref().map(|by| format!(", which {by} needs")).unwrap_or_default(),
        dir.display()
    )]
    Missing {
        /// Which.
        name: String,
        /// The driver that needs it, if it is not wanted for itself.
        by: Option<String>,
        /// The kernel's.
        release: String,
        /// Where it was looked for.
        dir: PathBuf,
    },
    /// There are modules, of other kernels.
    #[error("there are no modules for kernel {release} in {}, only for {found}", dir.display())]
    OtherReleases {
        /// The kernel's.
        release: String,
        /// Where it was looked for.
        dir: PathBuf,
        /// Whose are there.
        found: String,
    },
    /// A module in the kernel's own directory is another's.
    #[error("{} was made for kernel {made_for}, and {release} will not load it", path.display())]
    MadeForOther {
        /// Which.
        path: PathBuf,
        /// Whose it is.
        made_for: String,
        /// The kernel's.
        release: String,
    },
    /// The file is no module.
    #[error("{} is no kernel module: {problem}", path.display())]
    NotAModule {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The modules are packed with xz, and there is none.
    #[error("{} is packed, and there is no `xz` on this host to unpack it", path.display())]
    NoXz {
        /// Which.
        path: PathBuf,
    },
    /// A packed module cannot be unpacked.
    #[error("cannot unpack {}: {problem}", path.display())]
    Unpack {
        /// Which.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// The kernel of this host refused a call.
    #[error("{0}")]
    Call(#[from] sys::Error),
}

impl Error {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { .. } => Some(
                "a kernel for virtual machines has it, such as that of Debian's linux-image-cloud-amd64; without `--kernel` \
                 rlab fetches one"
                    .to_owned(),
            ),
            Self::OtherReleases { .. } | Self::MadeForOther { .. } => {
                Some("unpack the kernel and its modules from packages of one version, or leave `--kernel` out".to_owned())
            }
            Self::NoXz { .. } => Some("`apt install xz-utils`".to_owned()),
            Self::NotAModule { .. } | Self::Unpack { .. } => {
                Some("the file is damaged: unpack the kernel's package anew".to_owned())
            }
            Self::Read { .. } | Self::Call(_) => None,
        }
    }
}
