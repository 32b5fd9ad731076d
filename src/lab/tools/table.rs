//! Columns for people: each as wide as its widest cell, two spaces between, nothing after the last one.
use std::io::{self, Write};

#[derive(Clone, Copy, PartialEq)]
pub enum Align {
    Left,
    Right,
}

/// Writes the rows; `align` says how many columns there are, a row may have fewer cells.
pub fn print(out: &mut dyn Write, align: &[Align], rows: &[Vec<String>]) -> io::Result<()> {
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|c| c.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..align.len()).map(width).collect();
    for row in rows {
        let mut line = String::new();
        for (cell, (&width, &align)) in row.iter().zip(widths.iter().zip(align)) {
            let gap = " ".repeat(width - cell.chars().count());
            let (before, after) = if align == Align::Right { (gap.as_str(), "") } else { ("", gap.as_str()) };
            line.push_str(before);
            line.push_str(cell);
            line.push_str(after);
            line.push_str("  ");
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// `64 MiB`, `1.5 GiB`: at most one digit after the point, and only where it says something.
pub fn size(bytes: u64) -> String {
    let mut unit = 0;
    let mut tenths = u128::from(bytes) * 10;
    while tenths >= 10240 && unit < UNITS.len() - 1 {
        tenths /= 1024;
        unit += 1;
    }
    let (whole, part) = (tenths / 10, tenths % 10);
    if part == 0 || unit == 0 { format!("{whole} {}", UNITS[unit]) } else { format!("{whole}.{part} {}", UNITS[unit]) }
}

const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_end_with_their_text() {
        let rows = [vec!["PID".into(), "NAME".into()], vec!["1".into(), "init".into()], vec!["12345".into()]];
        let mut out = Vec::new();
        print(&mut out, &[Align::Right, Align::Left], &rows).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "  PID  NAME\n    1  init\n12345\n");
    }

    #[test]
    fn sizes_read_as_people_say_them() {
        let said: Vec<String> = [0, 1023, 1024, 1536, 64 << 20, u64::MAX].map(size).into();
        assert_eq!(said, ["0 B", "1023 B", "1 KiB", "1.5 KiB", "64 MiB", "16777215.9 TiB"]);
    }
}
