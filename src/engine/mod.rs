//! Names, defaults and policy.
pub mod config;
