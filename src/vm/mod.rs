//! The other side: the same images in virtual machines.
//!
//! A container is processes of this kernel that see little of it. A machine is one process of this kernel, in which
//! another kernel runs that sees nothing of this one. What a container's stages do by system calls is done here by making
//! a computer: a disk, a kernel, memory, a processor, and something inside that starts the program.

pub mod accel;
mod boot_log;
pub mod compare;
mod diagnose;
pub mod disk;
mod error;
pub mod guest;
pub mod hello;
mod initramfs;
mod kernel;
mod machine;
mod modules;
pub mod options;
mod order;
mod prepare;
pub mod run;
mod shares;

pub use error::Error;
