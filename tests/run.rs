//! `rlab run` as a user of `docker run` knows it, with the real binary and a host that is as it was before.

mod files;
mod kept;
mod names;
mod power;
mod program;
mod served;
mod streams;
