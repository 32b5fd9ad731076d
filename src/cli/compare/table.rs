//! The comparison on 80 columns: numbers first, then what they mean and what they don't.

use super::units::{range, times, with_unit};
use super::{chart, said};
use crate::vm::compare::report::{Crowd, Measure, Part, Report, Unit};
use crate::vm::compare::statistics::{Summary, ratio};
use comfy_table::{CellAlignment, Table, presets};

const HEADER: [&str; 6] = ["WHAT", "CONTAINER", "MIN–MAX", "VM", "MIN–MAX", "VM:C"];

/// The parts in their order, with their headings.
const PARTS: [(Part, &str); 5] = [
    (Part::Time, "TIME"),
    (Part::Memory, "MEMORY"),
    (Part::Disk, "DISK"),
    (Part::Seen, "THE HOST SEES"),
    (Part::Inside, "WORK INSIDE (image lab)"),
];

/// Everything, as it is printed.
pub fn text(report: &Report) -> String {
    let named = std::iter::once(&report.image).chain(&report.command).map(String::as_str).collect::<Vec<_>>().join(" ");
    let runs = if report.runs == 1 { "1 run".to_owned() } else { format!("{} runs", report.runs) };
    let mut text = format!("{named}, both ways: median of {runs} each, -m {}\n\n", report.memory);
    text += &rows(report);
    for fewer in &report.density.fewer {
        text += &said::point(&format!("fewer idle instances than planned: {fewer}"));
    }
    text += &said::failures(report);
    let chart = chart::chart(&report.measures);
    if !chart.is_empty() {
        text += &format!("\nALL RUNS\n{chart}");
    }
    text += &format!("\nMEASURED ON\n{}", said::circumstances(report));
    text += "\nWHAT MUST NOT BE CONCLUDED\n";
    text.extend(report.cautions.iter().map(|caution| said::point(caution)));
    text += "\nPUBLISHED BY OTHERS, ON THEIR MACHINES\n";
    text + &said::published(&report.published)
}

fn rows(report: &Report) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(HEADER);
    for (part, heading) in PARTS {
        let mut cells: Vec<[String; 6]> =
            report.measures.iter().filter(|measure| measure.part == part).map(measured).collect();
        if part == Part::Memory {
            cells.extend(density(report));
        }
        if !cells.is_empty() {
            table.add_row([heading]);
            cells.into_iter().for_each(|row| {
                table.add_row(row);
            });
        }
    }
    for (at, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, if at == 5 { 0 } else { 1 }));
        column.set_cell_alignment(if at == 0 { CellAlignment::Left } else { CellAlignment::Right });
    }
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn measured(measure: &Measure) -> [String; 6] {
    let [container, container_range] = cells(measure.unit, &measure.container);
    let [machine, machine_range] = cells(measure.unit, &measure.machine);
    let ratio = ratio(&measure.container, &measure.machine).map(times).unwrap_or_default();
    [format!("  {}", measure.name), container, container_range, machine, machine_range, ratio]
}

fn cells(unit: Unit, samples: &[f64]) -> [String; 2] {
    match Summary::of(samples) {
        Some(Summary { median, least, most }) => [with_unit(unit, median), range(unit, least, most, median)],
        None => ["–".to_owned(), String::new()],
    }
}

/// One more idle instance, with how far the points lie from the line.
fn density(report: &Report) -> Vec<[String; 6]> {
    let both = [&report.density.container, &report.density.machine];
    let row = |name: &str, line: fn(&Crowd) -> Option<crate::vm::compare::Line>| {
        let [container, machine] = both.map(line);
        if container.is_none() && machine.is_none() {
            return None;
        }
        let cell = |line: Option<crate::vm::compare::Line>| {
            line.map_or(["–".to_owned(), String::new()], |line| {
                [with_unit(Unit::Bytes, line.slope), format!("±{}", with_unit(Unit::Bytes, line.residual))]
            })
        };
        let ratio = container.zip(machine).filter(|(one, _)| one.slope > 0.0);
        let ratio = ratio.map(|(one, other)| times(other.slope / one.slope)).unwrap_or_default();
        let ([one, one_off], [other, other_off]) = (cell(container), cell(machine));
        Some([format!("  {name}"), one, one_off, other, other_off, ratio])
    };
    let rows = [row("one more idle, PSS", |crowd| crowd.pss), row("one more idle, MemAvailable", |crowd| crowd.taken)];
    rows.into_iter().flatten().collect()
}
