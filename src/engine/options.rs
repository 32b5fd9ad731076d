//! What a user can wish for, after the command line has been read and before the image is known.

use crate::network::{Dns, ExtraHost, Mode, PublishedPort};
use std::path::PathBuf;

/// When to ask the registry: `--pull`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullPolicy {
    /// When the image is not here.
    Missing,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// A directory or file of the host's, shown inside: `-v`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    /// The host's path.
    pub source: PathBuf,
    /// Where it appears.
    pub destination: PathBuf,
    /// `ro`, propagation.
    pub options: Vec<String>,
}

/// A filesystem in memory: `--tmpfs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tmpfs {
    /// Where it appears.
    pub destination: PathBuf,
    /// Options for mount(2).
    pub options: Vec<String>,
}

/// A resource limit of the process: `--ulimit`. -1 is unlimited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ulimit {
    /// `nofile`, as ulimit names it.
    pub name: String,
    /// What counts.
    pub soft: i64,
    /// How far it may be raised.
    pub hard: i64,
}

/// Which seccomp profile: `--security-opt seccomp=…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seccomp {
    /// Docker's.
    Default,
    /// None.
    Unconfined,
    /// From a file in Docker's format.
    File(PathBuf),
}

/// Everything `rlab run` was told.
#[derive(Debug, Clone)]
pub struct RunOptions {
    pub image: String,
    pub command: Vec<String>,
    pub name: Option<String>,
    pub remove: bool,
    pub interactive: bool,
    pub terminal: bool,
    pub env: Vec<String>,
    pub workdir: Option<String>,
    pub user: Option<String>,
    pub entrypoint: Option<String>,
    pub hostname: Option<String>,
    pub binds: Vec<Bind>,
    pub tmpfs: Vec<Tmpfs>,
    pub read_only: bool,
    pub memory_bytes: Option<i64>,
    /// Memory and swap together, as Docker counts; -1 is unlimited.
    pub memory_swap_bytes: Option<i64>,
    pub shm_bytes: u64,
    /// Thousandths of a processor.
    pub cpu_millis: Option<u64>,
    pub cpu_shares: Option<u64>,
    pub pids_limit: Option<i64>,
    pub ulimits: Vec<Ulimit>,
    pub cap_add: Vec<String>,
    pub cap_drop: Vec<String>,
    pub privileged: bool,
    pub seccomp: Seccomp,
    pub no_new_privileges: bool,
    pub init: bool,
    pub ports: Vec<PublishedPort>,
    pub network: Mode,
    pub dns: Dns,
    pub extra_hosts: Vec<ExtraHost>,
    pub sysctl: Vec<(String, String)>,
    pub host_pid: bool,
    pub host_uts: bool,
    pub host_ipc: bool,
    pub host_cgroup: bool,
    pub private_user: bool,
    pub private_time: bool,
    pub chroot: bool,
    pub pull: PullPolicy,
}
