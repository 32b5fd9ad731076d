//! What a hypervisor is: a machine of a page of memory, one processor and a dozen bytes of program.
