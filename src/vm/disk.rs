//! The image's layers as a disk: a read-only filesystem image, made once.
