//! rlab.
