//! What was found on a host, without any judgement.

use crate::cgroup::Standing;
use crate::network::Survey;
use crate::sys::attempt::Refused;
use crate::sys::facts::{Power, Room};
use std::path::PathBuf;

/// The answer to something that was tried: what came of it, or why not.
pub type Tried = Result<String, Refused>;

/// A host, as rlab sees it.
#[derive(Clone, Debug)]
pub struct Facts {
    /// uname(2)'s release.
    pub release: String,
    /// Who runs rlab.
    pub uid: u32,
    /// What that one may do.
    pub power: Power,
    /// /proc/self/uid_map, one line of numbers; on a host it maps every number onto itself.
    pub uid_map: String,
    /// What says that this is the inside of a container.
    pub container: Option<String>,
    /// What is mounted over parts of /proc.
    pub masked_proc: Vec<PathBuf>,
    /// Whether mounts made below `/` show up elsewhere; nothing when / is no mount, as in a chroot.
    pub root_shared: Option<bool>,
    /// Linux security modules, by /sys/kernel/security/lsm.
    pub lsm: Option<String>,
    /// What a seccomp filter may answer with.
    pub seccomp_actions: Option<String>,
    /// `v1`, `v2`, `hybrid`; or why there are no control groups.
    pub cgroups: Result<&'static str, String>,
    /// Each controller.
    pub controllers: Vec<Standing>,
    /// Each kind of namespace.
    pub namespaces: Vec<Namespace>,
    /// What keeps ordinary users from user namespaces.
    pub users: UserNamespaces,
    /// Stacking directories.
    pub overlay: Overlay,
    /// Where rlab keeps things.
    pub storage: Storage,
    /// Whether the settings files can be read and understood.
    pub settings: Result<(), String>,
    /// Networks.
    pub network: Survey,
    /// Virtual machines.
    pub machine: Machine,
}

/// One kind of namespace.
#[derive(Clone, Debug)]
pub struct Namespace {
    /// As /proc/self/ns names it.
    pub kind: &'static str,
    /// Whether the kernel has it.
    pub in_kernel: bool,
    /// Whether one could be made.
    pub made: Tried,
}

/// The switches around user namespaces; each is there on some distributions only.
#[derive(Clone, Debug, Default)]
pub struct UserNamespaces {
    /// kernel.apparmor_restrict_unprivileged_userns, Ubuntu's.
    pub apparmor: Option<String>,
    /// kernel.unprivileged_userns_clone, Debian's.
    pub clone: Option<String>,
    /// user.max_user_namespaces
    pub max: Option<String>,
    /// The line of /etc/subuid for who runs rlab.
    pub subuid: Option<String>,
    /// The same of /etc/subgid.
    pub subgid: Option<String>,
    /// Whether newuidmap(1) is there.
    pub newuidmap: bool,
}

/// overlayfs.
#[derive(Clone, Debug)]
pub struct Overlay {
    /// Whether the kernel has it, or its module was loaded.
    pub listed: bool,
    /// Whether it could be mounted, over a tmpfs.
    pub tried: Tried,
}

/// rlab's root directory.
#[derive(Clone, Debug)]
pub struct Storage {
    /// Its path.
    pub root: PathBuf,
    /// The directory that is there: it or one above it.
    pub existing: PathBuf,
    /// `ext4`, `overlay`.
    pub kind: String,
    /// How much fits.
    pub room: Option<Room>,
    /// Whether rlab may write there.
    pub writable: Result<(), crate::sys::Errno>,
}

/// What there is for virtual machines.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Whether /dev/kvm is there.
    pub device: bool,
    /// Whether a small guest ran.
    pub guest: Tried,
    /// What came of an ordinary kernel under KVM, if that was tried since the host was booted.
    pub trial: Option<Trial>,
    /// QEMU for this processor.
    pub qemu: Option<PathBuf>,
    /// Its version, or why it does not tell it.
    pub qemu_version: Tried,
    /// Kernels that a machine could boot: files of the host's with their modules, and those that rlab fetched.
    pub kernels: Vec<String>,
    /// Whether a kernel could be fetched: the distribution's package manager is here.
    pub apt: bool,
    /// mke2fs(8), by which disks are made.
    pub mke2fs: Option<PathBuf>,
}

/// What came of an ordinary kernel under KVM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// Whether it booted.
    pub runs: bool,
    /// What happened, in a sentence.
    pub told: String,
    /// When.
    pub at: String,
}
