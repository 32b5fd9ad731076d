//! KVM or emulation: which of the two runs an ordinary kernel here.
//!
//! That /dev/kvm is there says little: inside another virtual machine it may answer, even run a dozen instructions, and then
//! hang with a real kernel, without an error and for ever. So three questions are asked, each only when the one before was
//! answered well: can the device be opened; does a small guest run; does the very kernel that is to be booted come to its
//! end under it, in time. The last takes a moment, and its answer is kept.

mod cache;
mod probe;
#[cfg(test)]
mod tests;

pub use cache::{Found, Known, known};

use crate::engine::doctor::small_guest;
use crate::sys;
use crate::sys::attempt::Refused;
use probe::{LIMITS, Limits};
use std::path::Path;

/// Who executes the guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accel {
    /// The processor itself, by the kernel's kvm.
    Kvm,
    /// QEMU, by translating them: Tiny Code Generator.
    Tcg,
}

impl Accel {
    /// QEMU's word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Accel::Kvm => "kvm",
            Accel::Tcg => "tcg",
        }
    }
}

impl std::fmt::Display for Accel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

impl std::str::FromStr for Accel {
    type Err = Error;

    fn from_str(word: &str) -> Result<Accel, Error> {
        let of = |accel: &Accel| accel.word() == word;
        [Accel::Kvm, Accel::Tcg].into_iter().find(of).ok_or_else(|| Error::Unknown(word.to_owned()))
    }
}

/// Why no accelerator was chosen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is none of this name.
    #[error("{0:?} is no accelerator: kvm or tcg")]
    Unknown(String),
    /// KVM was asked for, and is not here.
    #[error("KVM was asked for, and there is no /dev/kvm")]
    NoDevice,
    /// KVM was asked for, and refuses.
    #[error("KVM was asked for, and /dev/kvm refuses: {0}")]
    Refused(Refused),
    /// QEMU could not be started, or watched.
    #[error("trying KVM: {0}")]
    Probe(#[from] sys::Error),
}

impl Error {
    /// What the user could do next.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unknown(_) => "leave it out, and rlab finds out what works here".to_owned(),
            Self::NoDevice => {
                "rlab doctor says what can be done; --accel tcg emulates, slower, on every host".to_owned()
            }
            Self::Refused(refused) if refused.is(sys::Errno::EACCES) || refused.is(sys::Errno::EPERM) => {
                "usermod -aG kvm NAME and log in again; or sudo; or --accel tcg".to_owned()
            }
            Self::Refused(_) => "dmesg | grep -i kvm; or --accel tcg".to_owned(),
            Self::Probe(_) => "is QEMU whole? qemu-system-x86_64 --version; apt install qemu-system-x86".to_owned(),
        })
    }
}

/// The accelerator of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Which.
    pub accel: Accel,
    /// Why, in one sentence for people.
    pub why: String,
    /// Whether the user named it.
    pub named: bool,
}

/// Chooses, by what the user wants and by what works. `announce` is given a sentence before anything that takes long, and
/// when what is wanted is known not to work.
///
/// Must be called from a process with one thread: see [`sys::attempt`].
pub fn choose(
    cache: &Path,
    wanted: Option<Accel>,
    qemu: &Path,
    kernel: &Path,
    announce: &dyn Fn(&str),
) -> Result<Choice, Error> {
    match wanted {
        Some(Accel::Tcg) => Ok(named(Accel::Tcg)),
        Some(Accel::Kvm) => {
            as_asked(Path::new("/dev/kvm").exists(), &small_guest())?;
            if let Some(Known { found: found @ (Found::Hangs { .. } | Found::Aborts { .. }), .. }) =
                cache::recall(cache, qemu, kernel)
            {
                announce(&format!("{found}; it is done all the same, because --accel kvm says so"));
            }
            Ok(named(Accel::Kvm))
        }
        None => {
            let small = small_guest();
            if let Err(refused) = &small {
                return Ok(of_small_guest(Path::new("/dev/kvm").exists(), refused));
            }
            of_probe(recall_or_try(cache, qemu, kernel, LIMITS, announce)?)
        }
    }
}

fn named(accel: Accel) -> Choice {
    Choice { accel, why: format!("--accel {accel} says so"), named: true }
}

fn unnamed(accel: Accel, why: String) -> Choice {
    Choice { accel, why, named: false }
}

/// What was asked for is done when it can be done at all. A small guest that only ran into trouble may be wrong about a
/// large one; a device that can't be opened is not.
fn as_asked(device: bool, small: &Result<String, Refused>) -> Result<(), Error> {
    match small {
        Err(_) if !device => Err(Error::NoDevice),
        Err(refused) if refused.errno.is_some() => Err(Error::Refused(refused.clone())),
        _ => Ok(()),
    }
}

fn of_small_guest(device: bool, refused: &Refused) -> Choice {
    let why = match device {
        false => "there is no /dev/kvm".to_owned(),
        true => format!("/dev/kvm is here, but did not run even a dozen instructions: {refused}"),
    };
    unnamed(Accel::Tcg, why)
}

fn recall_or_try(
    cache: &Path,
    qemu: &Path,
    kernel: &Path,
    limits: Limits,
    announce: &dyn Fn(&str),
) -> Result<Result<Found, String>, Error> {
    if let Some(known) = cache::recall(cache, qemu, kernel) {
        return Ok(Ok(known.found));
    }
    announce(&format!("trying whether KVM runs this kernel: once, and for {} s at most", limits.whole.as_secs()));
    let found = probe::run(qemu, kernel, limits)?;
    if let Ok(found) = &found {
        cache::remember(cache, qemu, kernel, found);
    }
    Ok(found)
}

/// What QEMU itself refused is no answer to keep: it costs nothing to ask again, and may be another tomorrow.
fn of_probe(found: Result<Found, String>) -> Result<Choice, Error> {
    Ok(match found {
        Ok(found @ Found::Runs { .. }) => unnamed(Accel::Kvm, found.to_string()),
        Ok(found @ (Found::Hangs { .. } | Found::Aborts { .. })) => unnamed(Accel::Tcg, found.to_string()),
        Err(said) => unnamed(Accel::Tcg, format!("QEMU could not use KVM: {said}")),
    })
}
