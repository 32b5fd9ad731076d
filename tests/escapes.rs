//! Ways out of a container that worked once, somewhere: each is tried from inside, and each must be blocked by default by
//! the layer that is named for it.
//!
//! A test that only saw an attempt fail would also pass if the attempt were wrong. So each layer is taken away with the
//! flag that Docker has for it, and the same attempt must then come further. Nothing is harmed where it does: "the host's
//! file" is one that the test has made, devices are opened and not read, settings are opened and not written.

mod accounts;
mod grid;
mod host;
mod images;
mod layer;
mod power;
mod range;
mod rows;
mod runtime;
mod streams;
mod volumes;
