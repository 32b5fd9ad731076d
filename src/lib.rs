//! rlab.
mod engine;
mod image;
mod sys;
