//! A kernel for the machine: named, found, or fetched.
