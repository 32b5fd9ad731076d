//! `rlab vm`: virtual machines, the other side.

mod hello;
mod run;

use super::{Context, Failure};
use clap::Subcommand;

#[derive(Subcommand)]
pub enum Command {
    /// Make the smallest machine there is, by KVM's own calls, and let it say hello
    Hello(hello::Args),
    /// Run an image's program in a virtual machine
    Run(Box<run::Args>),
}

/// Runs a subcommand.
pub fn run(command: Command, context: &mut Context) -> Result<u8, Failure> {
    match command {
        Command::Hello(args) => hello::run(&args, context),
        Command::Run(args) => run::run(*args, context),
    }
}
