//! rlab: a Linux container runtime whose every step can be watched.
//!
//! The modules mirror the parts of the Docker world, see the table in the README; each may use only those after it.

mod engine;
mod image;
pub mod lab;
mod network;
mod runtime;
mod sys;
mod trace;

/// The hidden command that serves published ports.
pub fn port_proxy(args: &[String]) -> u8 {
    network::proxy_main(args)
}
