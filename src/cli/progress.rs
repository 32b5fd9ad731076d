//! Progress bars of a pull.

use crate::image::progress::Progress;

/// Nothing is drawn.
pub struct Quiet;

impl Progress for Quiet {}
