//! `rlab compare`: one image both ways, measured, as a table with a chart, as JSON, and as a picture.

mod chart;
mod said;
mod show;
mod svg;
mod table;
mod units;

#[cfg(test)]
mod tests;

use super::{Context, Failure, values};
use crate::sys;
use crate::vm::compare::{self, Options, show::Show};
use clap::{Args as ClapArgs, ValueEnum};
use std::path::PathBuf;

/// What is said below the options of `--help`.
const ABOUT: &str = "\
Runs `rlab run` and `rlab vm run` as you would, in turns, and looks at both from the host. A side that
cannot be measured stays empty, with its reason; 125 only where neither can. Needs root.

JSON: an object with v (the version of its shape, 1), image, command, started, runs, order, memory,
  measured_at,
  host       kernel, cpu, cpus, memory_bytes, load, is_virtual, rlab, debug_build
  container, machine   typed, failed, kernel, accelerator, qemu, processes, files
  measures   a list of {id, name, part, unit, how, container, machine}, the last two with all samples
  density    for each side its points and the lines through them
  cautions   what must not be concluded
  published  figures of others with their source";

#[derive(ClapArgs)]
#[command(after_help = ABOUT)]
pub struct Args {
    /// Runs of each side for each measurement
    #[arg(short = 'n', long, default_value = "5", value_parser = clap::value_parser!(u16).range(1..=1000))]
    runs: u16,
    /// Memory that both sides are given: 256m, 1g
    #[arg(short, long, value_name = "BYTES", value_parser = size, default_value = "512m")]
    memory: String,
    /// At most so many idle instances at once: 1, 2, 4 and 8 are tried
    #[arg(long, value_name = "NUMBER", default_value = "8")]
    instances: u64,
    /// Measure cold starts, too: drops the page cache of the whole host before each, which slows everybody for a while
    #[arg(long)]
    cold: bool,
    /// What runs the machine: kvm or tcg
    #[arg(long, value_name = "NAME")]
    accel: Option<String>,
    /// Measure nothing; show one difference
    #[arg(long, value_enum, value_name = "WHAT")]
    show: Option<ShowName>,
    /// How to print
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// Draw the times into this file as well
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// The image: name[:tag][@digest]. What is shown is shown with the image lab, whose tools look around
    #[arg(required_unless_present = "show")]
    image: Option<String>,
    /// The program and its arguments, in place of the image's
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

/// Ways to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table and a chart, 80 columns wide
    Table,
    /// One JSON object with all samples
    Json,
}

/// What can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ShowName {
    /// Memory that is given back, and memory that is not
    Elastic,
    /// One kernel or two
    Kernel,
    /// Whether a process inside is one of the host's
    Escape,
}

impl From<ShowName> for Show {
    fn from(name: ShowName) -> Show {
        match name {
            ShowName::Elastic => Show::Elastic,
            ShowName::Kernel => Show::Kernel,
            ShowName::Escape => Show::Escape,
        }
    }
}

/// Measures or shows, and prints what was found.
pub fn run(args: &Args, context: &mut Context) -> Result<u8, Failure> {
    let options = options(args);
    // From here on Ctrl-C waits to be asked for, so that both sides are taken down before this ends.
    let _blocked = sys::signals_by_descriptor();
    let home = context.home.clone();
    let config = context.config.clone();
    let ui = &mut context.ui;
    let mut tell = |line: &str| ui.status(line);
    if let Some(name) = args.show {
        let shown = compare::show::show(name.into(), &options, &home, config.as_deref(), &mut tell)?;
        let text = match args.format {
            Format::Table => show::text(&shown),
            Format::Json => serde_json::to_string_pretty(&shown).unwrap_or_default() + "\n",
        };
        context.ui.result(&text);
        return Ok(0);
    }
    let report = compare::measure(&options, &home, config.as_deref(), &mut tell)?;
    if let Some(path) = &args.svg {
        let written = std::fs::write(path, svg::draw(&report));
        written.map_err(|error| Failure::File { path: path.clone(), error })?;
    }
    let text = match args.format {
        Format::Table => table::text(&report),
        Format::Json => serde_json::to_string_pretty(&report).unwrap_or_default() + "\n",
    };
    context.ui.result(&text);
    Ok(0)
}

/// A size as `-m` takes it, left as it was typed: so it is passed on to both.
fn size(text: &str) -> Result<String, String> {
    match values::bytes(text)? {
        ..1 => Err(format!("{text:?} is no size that both sides can have")),
        _ => Ok(text.to_owned()),
    }
}

fn options(args: &Args) -> Options {
    let memory_bytes = values::bytes(&args.memory).ok().and_then(|bytes| u64::try_from(bytes).ok());
    Options {
        image: args.image.clone().unwrap_or_else(|| "lab".to_owned()),
        command: args.command.clone(),
        runs: args.runs.into(),
        memory: args.memory.clone(),
        memory_bytes: memory_bytes.unwrap_or_default(),
        accel: args.accel.clone(),
        cold: args.cold,
        instances: args.instances,
    }
}
