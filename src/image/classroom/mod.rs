//! Classroom images: for rooms where no registry can be reached, made from what this host has.
//!
//! `lab` is packed from rlab's own binary; the others are assembled on a Debian or Ubuntu host by its own package
//! manager. What comes out is what a registry would send: a config and layers, for the store to take in.
mod config;
pub mod debian;
pub mod elf;
mod error;
pub mod lab;
mod layer;
mod ld_cache;
mod provide;

use std::path::PathBuf;

pub use error::Error;
pub use provide::{Source, provide, source, sweep};

use super::digest::Digest;

/// A layer ready to be imported: a tar archive without compression, so its digest is its diffID too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerArchive {
    /// Where the archive is; it belongs to the caller.
    pub path: PathBuf,
    /// Digest of the archive.
    pub diff_id: Digest,
    /// Size of the archive.
    pub size_bytes: u64,
}

/// All of an image: what `import` needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assembled {
    /// The image config, as JSON.
    pub config_json: Vec<u8>,
    /// Bottom first.
    pub layers: Vec<LayerArchive>,
    /// Where it comes from, for people.
    pub from: String,
}
