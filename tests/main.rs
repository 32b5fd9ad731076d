//! Every integration test, in one binary: the crate is linked once, and tests that need the machine alone can wait for
//! one another.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    unsafe_code,
    reason = "a test is outside the container: it signals, opens terminals and tidies up by the kernel's own calls"
)]

mod book;
mod causes;
mod classroom;
mod compare;
mod doctor;
mod escapes;
mod explain;
mod faults;
mod harness;
mod hostile;
mod hostile_registry;
mod house;
mod images;
mod isolation;
mod labs;
mod life;
mod limits;
mod nginx;
mod player;
mod readme;
mod registry;
mod run;
mod skip;
mod terminal;
mod tidy;
mod truth;
mod vm;
mod vm_disk;
mod vm_hello;
