//! The same image both ways, measured on this very machine.
//!
//! rlab is run as a user runs it, `rlab run` and `rlab vm run`, and looked at from outside by the host's own /proc and clock:
//! nothing of the engine is asked, so both sides are measured by one rule. Untraced, because telling costs time. Each
//! measurement keeps every sample; what is printed is made of them later.

mod cautions;
mod child;
mod density;
mod disk;
mod error;
mod facts;
mod inside;
mod line;
mod order;
mod plan;
mod processes;
pub mod published;
pub mod report;
mod serve;
pub mod show;
mod side;
mod start;
pub mod statistics;

pub use error::Error;
pub use line::Line;
pub use plan::{Options, measure};
pub use side::Side;
