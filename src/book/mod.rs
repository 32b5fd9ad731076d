//! The book: pages that cannot go stale, because what they show of rlab is put in from what rlab says.
//!
//! A page names a command, a stage, a piece of source, a figure; the [`preprocessor`] puts them in. What a command said is read
//! from the snapshots that a test makes and compares. The pages, the labs' texts and the sources are inside the binary, so
//! that `rlab book` needs no checkout and no network.

mod block;
mod build;
mod directive;
mod error;
mod expand;
mod fence;
mod folder;
mod host;
mod html;
mod knowledge;
mod labs;
mod preprocessor;
mod select;
mod serve;
mod snapshot;
mod sources;

pub use block::{Block, all as blocks};
pub use build::{Options, build};
pub use error::{Error, Fault};
pub use folder::Folder;
pub use knowledge::{Argument, Command, Knowledge, Published};
pub use preprocessor::preprocess;
pub use serve::{Served, serve};
pub use sources::Sources;
