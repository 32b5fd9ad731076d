//! The kernel's door.
pub mod flock;
pub mod tree;
