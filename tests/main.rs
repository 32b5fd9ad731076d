//! Every integration test, in one binary: the crate is linked once, and tests that need the machine alone can wait for
//! one another.

mod images;
mod registry;
mod skip;
mod tidy;
