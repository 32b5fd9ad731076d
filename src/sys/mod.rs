//! The kernel's door.
#![allow(unsafe_code, reason = "the one module that may")]
pub mod flock;
pub mod tool;
pub mod tree;
