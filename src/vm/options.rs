//! What a user can wish for of a machine, after the command line has been read and before the image is known.

use super::accel::Accel;
use crate::engine::options::{Bind, Tmpfs};
use crate::network::{Dns, ExtraHost, PublishedPort};
use std::path::PathBuf;

/// Memory of a machine that nobody gave a size, as `-m` takes it. A container without a limit may use all of the host's; a machine
/// has what it got at its start.
pub const DEFAULT_MEMORY: &str = "512m";

/// Everything `rlab vm run` was told.
#[derive(Debug, Clone)]
pub struct MachineOptions {
    pub image: String,
    pub command: Vec<String>,
    pub name: Option<String>,
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
    pub memory_mib: u64,
    pub cpus: u32,
    /// Whether the guest gives memory back that it has freed.
    pub balloon: bool,
    pub ports: Vec<PublishedPort>,
    /// Whether there is a card.
    pub network: bool,
    pub dns: Dns,
    pub extra_hosts: Vec<ExtraHost>,
    pub sysctl: Vec<(String, String)>,
    /// The kernel's file, where the user names one.
    pub kernel: Option<PathBuf>,
    /// What executes the guest's instructions, where the user says so.
    pub accel: Option<Accel>,
}
