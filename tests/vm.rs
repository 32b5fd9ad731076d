//! `rlab vm run` with real parts: QEMU, a kernel of the distribution's, disks by mke2fs. Each machine is booted, mostly by
//! emulation, which takes seconds: so what can be asked of one machine is asked of one.

mod broken;
mod edges;
mod ended;
pub mod machines;
mod network;
mod program;
mod served;
mod shares;
pub mod story;
mod streams;
mod terminal;
