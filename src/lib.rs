//! rlab.

mod runtime;
