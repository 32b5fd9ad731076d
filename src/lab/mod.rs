//! The course: labs that mark themselves by looking at the kernel, and the tools inside the lab image.
//!
//! A lab is a folder: what the student reads and starts with, and a manifest that says what is run, what is read from the
//! kernel while it runs, and what must be found. So a lab is added without a line of code.
//!
//! 1. [`course`] reads the folders, [`values`] makes each student's own of them,
//! 2. [`student`] keeps a student's folder and progress,
//! 3. [`experiment`] runs what the student wrote, each script a [`trial`], [`facts`] reads the kernel and the trace meanwhile,
//! 4. [`mark`] compares: predictions with what was observed, checks with what they ask for,
//! 5. [`prove`] shows that a lab can be passed, and not by mistake; [`report`] is for the instructor.

mod answers;
mod condition;
pub mod course;
pub mod error;
mod experiment;
mod facts;
pub mod manifest;
pub mod mark;
pub mod needs;
pub mod prove;
pub mod report;
mod sound;
pub mod student;
pub mod tools;
mod trial;
pub mod values;

pub use course::{Course, Lab};
pub use error::Error;
