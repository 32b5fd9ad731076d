//! Tests that drive the rlab binary.

mod images;
mod registry;
