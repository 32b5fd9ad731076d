//! `rlab lab report`: the records of one or many students as one table.

use super::{Context, Desk, Failure};
use crate::cli::table::table;
use crate::lab::report::{self, Row};
use clap::{Args as ClapArgs, ValueEnum};
use std::path::PathBuf;

#[derive(ClapArgs)]
pub struct Args {
    /// Records, or folders that hold one; without any, your own
    #[arg(value_name = "progress.json|DIR")]
    records: Vec<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// Ways to print a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A line a student and lab that was started
    Table,
    /// For a spreadsheet: a line a student and lab, started or not
    Csv,
    /// A JSON list of the same
    Json,
}

/// Prints it.
pub fn run(args: &Args, desk: &Desk, context: &mut Context) -> Result<u8, Failure> {
    let class = match args.records.as_slice() {
        [] => vec![desk.student()?.progress],
        paths => report::records(paths)?,
    };
    let rows = report::rows(&desk.course, &class);
    let text = match args.format {
        Format::Csv => report::csv(&rows),
        Format::Json => serde_json::to_string_pretty(&rows).unwrap_or_default() + "\n",
        Format::Table => columns(&rows),
    };
    context.ui.result(&text);
    Ok(0)
}

fn columns(rows: &[Row]) -> String {
    let header = ["STUDENT", "LAB", "POINTS", "PREDICTED", "CHECKS", "HINTS", "FINISHED", "OPEN"];
    let started = rows.iter().filter(|row| row.started.is_some());
    let cells = started.map(|row| {
        vec![
            row.student.clone(),
            row.lab.to_string(),
            format!("{} of {}", row.points, row.out_of),
            format!("{} of {}", row.predicted_right, row.predicted),
            row.checks.to_string(),
            if row.solved { "solution".to_owned() } else { row.hints.to_string() },
            // The day: the other formats have the time.
            row.finished.as_deref().and_then(|time| time.get(..10)).unwrap_or_default().to_owned(),
            row.open.join(" "),
        ]
    });
    table(&header, &cells.collect::<Vec<_>>())
}
