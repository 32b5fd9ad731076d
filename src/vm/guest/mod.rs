//! rlab as the first process of a virtual machine.
