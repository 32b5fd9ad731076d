//! `rlab vm run`.

use crate::cli::{Context, Failure};
use clap::Args as ClapArgs;

#[derive(ClapArgs)]
pub struct Args {}

/// Runs it.
pub fn run(args: Args, _context: &mut Context) -> Result<u8, Failure> {
    let _args = args;
    Ok(125)
}
