//! The guest kernel's own log, taken apart: what it met, and when.
