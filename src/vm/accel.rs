//! KVM or emulation: which of the two runs an ordinary kernel here.
