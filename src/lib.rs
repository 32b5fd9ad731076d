//! rlab: a Linux container runtime whose every step can be watched.

pub mod engine;
pub mod image;
pub mod lab;
pub mod sys;
