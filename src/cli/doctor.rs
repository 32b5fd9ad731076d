//! `rlab doctor`: the report on this host, as a table or as JSON.

use super::{Context, Failure};
use crate::engine::config::Config;
use crate::engine::doctor::{Facts, Report, Trial};
use crate::sys;
use crate::vm::accel::{self, Found};
use clap::{Args as ClapArgs, ValueEnum};
use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};

/// Fits a terminal of the usual size, and a page.
const COLUMNS: u16 = 80;

/// What is said below the options of `--help`.
const ABOUT: &str = "\
Verdicts: ok; limited: something will not work, or not for everyone; missing: not there.
Ends with 0 where `rlab run` can work, with 1 where it can't. Changes nothing on the host.

JSON: an object with
  rows   a list of {check, fact, verdict, fix}; fix is empty where nothing is to be done
  can    a list of {what, verdict, why}: what rlab can and cannot do here";

#[derive(ClapArgs)]
#[command(after_help = ABOUT)]
pub struct Args {
    /// How to print
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// Ways to print the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Two tables, 80 columns wide
    Table,
    /// One JSON object
    Json,
}

/// Examines the host and prints what was found.
pub fn run(args: &Args, context: &mut Context) -> Result<u8, Failure> {
    let settings = Config::load(context.config.as_deref()).map(drop).map_err(|error| error.to_string());
    let report = Report::of(&Facts::collect(&context.home, settings, trial(context)));
    let text = match args.format {
        Format::Table => tables(&report),
        Format::Json => serde_json::to_string_pretty(&report).unwrap_or_default() + "\n",
    };
    context.ui.result(&text);
    Ok(u8::from(!report.can_run()))
}

/// What an earlier machine found out about KVM, so long as it holds.
fn trial(context: &Context) -> Option<Trial> {
    let qemu = sys::find_program(&format!("qemu-system-{}", std::env::consts::ARCH))?;
    let known = accel::known(&context.home.root.join("vm"), &qemu)?;
    let runs = matches!(known.found, Found::Runs { .. });
    Some(Trial { runs, told: known.found.to_string(), at: known.at })
}

fn tables(report: &Report) -> String {
    let rows = report.rows.iter().map(|row| {
        let fix = if row.fix.is_empty() { String::new() } else { format!("\nfix: {}", row.fix) };
        [row.check.clone(), row.verdict.word().to_owned(), format!("{}{fix}", row.fact)]
    });
    let can = report.can.iter().map(|one| [one.what.clone(), one.verdict.word().to_owned(), one.why.clone()]);
    let (rows, can) =
        (table(["CHECK", "VERDICT", "FACT"], rows), table(["WHAT RLAB CAN DO HERE", "VERDICT", "WHY"], can));
    format!("{rows}\n{can}")
}

/// Folded, unlike the tables that scripts cut: this one is read.
fn table(header: [&str; 3], rows: impl Iterator<Item = [String; 3]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(COLUMNS);
    table.set_header(header);
    for row in rows {
        table.add_row(row);
    }
    for (at, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if at < 2 {
            column.set_constraint(ColumnConstraint::UpperBoundary(Width::Fixed(24)));
        }
    }
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::doctor::{Ability, Row, Verdict};

    #[test]
    fn a_long_fact_is_folded_beside_its_check() {
        let row = Row {
            check: "kernel".to_owned(),
            fact: "word ".repeat(30).trim_end().to_owned(),
            verdict: Verdict::Limited,
            fix: "do it".to_owned(),
        };
        let can = Ability { what: "run".to_owned(), verdict: Verdict::Ok, why: "all is here".to_owned() };
        let text = tables(&Report { rows: vec![row], can: vec![can] });
        assert!(text.starts_with("CHECK   VERDICT  FACT\nkernel  limited  word word"), "{text}");
        assert!(text.lines().any(|line| line.trim() == "fix: do it"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= usize::from(COLUMNS)), "{text}");
    }
}
