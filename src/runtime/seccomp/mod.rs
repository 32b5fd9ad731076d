//! A seccomp profile names syscalls; the kernel runs a program of classic BPF on every syscall. This module is the
//! compiler between the two.
//!
//! Three steps, each a file one can read alone:
//!
//! 1. [`profile`]: Docker's profile format, with conditions on capabilities, architecture and kernel, becomes a plain
//!    OCI `LinuxSeccomp`;
//! 2. [`policy`]: names become numbers, one table for each ABI the kernel may be entered through (one x86 process has
//!    three);
//! 3. [`compile`]: the tables become one program: the architecture first, then a binary search for the number, then
//!    the arguments.
//!
//! [`disassemble`] turns a program back into text for a lesson, and [`summary`] into the numbers of the story.
//! Everything here is pure: loading the program is `sys`'s work.

mod abi;
mod bpf;
mod compile;
mod condition;
mod disassemble;
mod errno;
mod error;
mod filter_flags;
mod policy;
mod profile;
mod summary;
mod syscalls;

#[cfg(test)]
mod interpret;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod properties;

pub use bpf::Instruction;
pub use compile::{Filter, compile};
pub use disassemble::disassemble;
pub use error::Error;
pub use filter_flags::FilterFlags;
pub use profile::{docker_default, from_docker_json};
pub use summary::FilterSummary;
