//! Images: from a name to directories that overlayfs can stack. What containerd does for Docker.
//!
//! The way of a pull, each step a function that returns what it found:
//!
//! 1. [`resolve`]: the name → a manifest at a registry or mirror ([`registry`]).
//! 2. [`pull`]: the manifest's blobs → the store ([`store`]), in parallel, resumed, hashed on the way.
//! 3. [`verify`]: the chain of digests from the name to the layers, on the bytes that are here.
//! 4. [`unpack`](layers::unpack): each layer → a directory ([`mod@unpack`]), checked against the config.
//! 5. [`store::Lease::tag`]: the name means the image from now on.
//!
//! A [`store::Lease`] is held throughout, so that nothing is removed in between. Nothing here prints or traces: the
//! engine tells the story from the reports.

pub mod classroom;
pub mod config;
pub mod digest;
mod download;
mod error;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
mod json;
pub mod layers;
pub mod manifest;
pub mod platform;
pub mod progress;
pub mod pull;
pub mod reference;
pub mod registry;
pub mod resolve;
pub mod store;
pub mod unpack;
pub mod verify;

pub use error::Error;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The time, as records keep it.
fn now() -> String {
    OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;
