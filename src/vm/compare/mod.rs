//! The same image both ways, measured.
