//! Which driver modules a kernel needs, and in which order.
