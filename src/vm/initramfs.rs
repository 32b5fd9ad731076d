//! The first files of the guest: rlab, its libraries, and the drivers that the kernel needs to reach its disk.
