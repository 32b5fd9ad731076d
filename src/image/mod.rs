//! Images.
pub mod classroom;
pub mod digest;
