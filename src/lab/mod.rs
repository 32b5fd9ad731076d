//! The course: the tools inside the lab image.
pub mod tools;
