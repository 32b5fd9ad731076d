//! `rlab trace …`: about traces.

use super::{Context, Failure, explain};
use crate::trace::{events, json_schema, player_page};
use clap::{Args as ClapArgs, Subcommand};
use std::path::PathBuf;

#[derive(Subcommand)]
pub enum Args {
    /// Print the JSON Schema of a trace's lines
    Schema,
    /// Make a page of a trace, to step through it in a browser
    Export(Export),
}

#[derive(ClapArgs)]
pub struct Export {
    /// A container that ran with --explain and without --rm, by id or name; or a file from --trace-out
    #[arg(value_name = "CONTAINER|FILE")]
    container: String,
    /// As one HTML file that loads nothing
    #[arg(long, required = true)]
    html: bool,
    /// Write it to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace what differs from run to run by names
    #[arg(long)]
    stable: bool,
}

/// Prints what was asked for.
pub fn run(args: &Args, context: &mut Context) -> Result<u8, Failure> {
    match args {
        Args::Schema => {
            let text = serde_json::to_string_pretty(&json_schema()).unwrap_or_default();
            context.ui.result(&format!("{text}\n"));
        }
        Args::Export(args) => export(args, context)?,
    }
    Ok(0)
}

fn export(args: &Export, context: &mut Context) -> Result<(), Failure> {
    let path = explain::find(&args.container, context)?;
    // A line may hold what is not UTF-8 only where it is no event.
    let bytes = std::fs::read(&path).map_err(|error| Failure::File { path: path.clone(), error })?;
    let told = events(&String::from_utf8_lossy(&bytes), args.stable);
    let page = player_page(&told.map_err(|reason| Failure::NoTrace { path: path.clone(), reason })?);
    match &args.out {
        Some(out) if out.canonicalize().is_ok_and(|out| path.canonicalize().is_ok_and(|path| out == path)) => {
            let reason = "it is the trace itself, which the page would overwrite".to_owned();
            Err(Failure::Flag { flag: "--out", reason })
        }
        Some(path) => std::fs::write(path, page).map_err(|error| Failure::File { path: path.clone(), error }),
        None => {
            context.ui.result(&page);
            Ok(())
        }
    }
}
