//! `rlab lab list`: the labs, and how far the student is.

use super::{Context, Desk, Failure, marks};
use crate::cli::table::table;
use clap::{Args as ClapArgs, ValueEnum};
use serde_json::json;

#[derive(ClapArgs)]
pub struct Args {
    /// How to print
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// Ways to print the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns under a header
    Table,
    /// One JSON object a line
    Json,
}

/// Prints it.
pub fn run(args: &Args, desk: &Desk, context: &mut Context) -> Result<u8, Failure> {
    let student = desk.student()?;
    let mut rows = Vec::new();
    let mut lines = String::new();
    for lab in desk.course.labs() {
        let kept = student.progress.labs.get(&lab.folder);
        let (number, title, minutes) = (lab.manifest.number, &lab.manifest.title, lab.manifest.minutes);
        let missing = marks::missing(lab).map(|(missing, _)| missing);
        let state = match (kept, &missing) {
            (Some(kept), _) if kept.finished.is_some() => "done".to_owned(),
            (Some(kept), _) => format!("{} of {}", kept.best, kept.out_of),
            (None, Some(missing)) => format!("needs {missing}"),
            (None, None) => String::new(),
        };
        let points = kept.map_or(0, |kept| kept.best);
        let finished = kept.and_then(|kept| kept.finished.clone());
        let line = json!({ "lab": number, "name": lab.id(), "title": title, "minutes": minutes, "needs": lab.manifest.needs,
            "missing": missing, "started": kept.is_some(), "finished": finished, "points": points, "out_of": lab.manifest.points() });
        lines += &format!("{line}\n");
        rows.push(vec![number.to_string(), title.clone(), minutes.to_string(), state]);
    }
    let text = match args.format {
        Format::Table => table(&["LAB", "TITLE", "MINUTES", "POINTS"], &rows),
        Format::Json => lines,
    };
    context.ui.result(&text);
    Ok(0)
}
