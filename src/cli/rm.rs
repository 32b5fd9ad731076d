//! `rlab rm`: what is kept of a container that has ended.

use super::{Context, Failure};
use crate::engine;
use clap::Args as ClapArgs;

#[derive(ClapArgs)]
pub struct Args {
    /// By id or name
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

/// Removes each and prints its name, as docker rm does.
pub fn run(args: &Args, context: &mut Context) -> Result<u8, Failure> {
    for typed in &args.containers {
        engine::container::remove(&context.home, typed)?;
        context.ui.result(&format!("{typed}\n"));
    }
    Ok(0)
}
