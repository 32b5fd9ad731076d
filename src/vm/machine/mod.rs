//! The machine: QEMU's command line, its process, and the channel into it.
