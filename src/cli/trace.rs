//! `rlab trace …`: about traces.

use super::{Context, Failure};
use crate::trace::json_schema;
use clap::Subcommand;

#[derive(Subcommand)]
pub enum Args {
    /// Print the JSON Schema of a trace's lines
    Schema,
}

/// Prints what was asked for.
pub fn run(args: &Args, context: &mut Context) -> Result<u8, Failure> {
    match args {
        Args::Schema => {
            let text = serde_json::to_string_pretty(&json_schema()).unwrap_or_default();
            context.ui.result(&format!("{text}\n"));
        }
    }
    Ok(0)
}
