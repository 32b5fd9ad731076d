//! The kernel's door.
#![allow(unsafe_code, reason = "the one module that may")]
pub mod tool;
