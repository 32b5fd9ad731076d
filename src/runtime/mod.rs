//! What an OCI runtime does with a bundle: from a `config.json` to a process.

pub mod seccomp;
