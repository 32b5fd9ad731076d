//! How far a machine came, and what became of it.

use crate::shim::Failure;
use crate::sys::Ended;
use crate::vm::order::Garbled;

/// How far the machine has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reached {
    /// QEMU was started.
    Power,
    /// The kernel has said its first words.
    Kernel,
    /// rlab runs in the guest.
    Guest,
    /// The program runs.
    Program,
}

/// What the machine's life came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It has come as far as was waited for.
    Reached,
    /// The program has ended.
    Ended(Ended),
    /// The program could not be started.
    Failed(Box<Failure>),
    /// QEMU has ended, or its guest has hung up, before anyone said how the program ended.
    Dead,
    /// The user asked for the end before there was a program to ask.
    Interrupted(i32),
    /// Nothing was heard for too long.
    Silent,
    /// What came over the channel is no word of rlab's.
    Garbled(Garbled),
}
