//! All start times on one axis of powers of ten, in plain characters: a difference of a hundred times and the spread of five
//! runs are both to be seen.

use crate::vm::compare::report::{Measure, Unit};

/// Columns of the axis itself.
const AXIS: usize = 64;
const LABEL: usize = 12;

/// The chart, or nothing where no time was measured.
pub fn chart(measures: &[Measure]) -> String {
    let times: Vec<&Measure> = measures.iter().filter(|measure| measure.unit == Unit::Seconds).collect();
    let all = times.iter().flat_map(|measure| measure.container.iter().chain(&measure.machine)).copied();
    let Some(axis) = Axis::over(all) else { return String::new() };
    let mut text = format!("{:LABEL$}{}\n", "", axis.labels());
    for measure in times {
        text.push_str(&format!("{}\n", measure.name));
        for (name, samples) in [("container", &measure.container), ("VM", &measure.machine)] {
            text.push_str(format!("  {name:<10}{}", axis.row(samples)).trim_end());
            text.push('\n');
        }
    }
    text + "every run is an o; where several fall together, their number (+ from ten on)\n"
}

/// An axis from one power of ten to another.
pub struct Axis {
    from: i32,
    to: i32,
}

impl Axis {
    /// That holds all of these positive numbers.
    pub fn over(samples: impl Iterator<Item = f64>) -> Option<Axis> {
        let logs: Vec<f64> = samples.filter(|sample| *sample > 0.0).map(f64::log10).collect();
        let least = logs.iter().copied().min_by(f64::total_cmp)?.floor() as i32;
        let most = logs.iter().copied().max_by(f64::total_cmp)?.ceil() as i32;
        Some(Axis { from: least, to: most.max(least + 1) })
    }

    /// Where a number lies, from 0 to 1.
    pub fn place(&self, value: f64) -> f64 {
        (value.max(f64::MIN_POSITIVE).log10() - f64::from(self.from)) / f64::from(self.to - self.from)
    }

    /// The powers of ten with their places.
    pub fn ticks(&self) -> Vec<(f64, String)> {
        let tick = |power: i32| (f64::from(power - self.from) / f64::from(self.to - self.from), second(power));
        (self.from..=self.to).map(tick).collect()
    }

    fn column(place: f64) -> usize {
        (place.clamp(0.0, 1.0) * (AXIS - 1) as f64).round() as usize
    }

    fn labels(&self) -> String {
        let mut line = String::new();
        for (place, label) in self.ticks() {
            // Left of its tick where the line would end else.
            let start = Self::column(place).min(AXIS - label.chars().count());
            let gap = start.saturating_sub(line.chars().count());
            line.push_str(&" ".repeat(gap));
            line.push_str(&label);
        }
        line
    }

    fn row(&self, samples: &[f64]) -> String {
        let mut counts = [0usize; AXIS];
        for sample in samples {
            counts[Self::column(self.place(*sample))] += 1;
        }
        let mut cells = ['·'; AXIS];
        for (place, _) in self.ticks() {
            cells[Self::column(place)] = '|';
        }
        for (cell, count) in cells.iter_mut().zip(counts) {
            match count {
                0 => {}
                1 => *cell = 'o',
                few @ 2..=9 => *cell = char::from(b'0' + few as u8),
                _ => *cell = '+',
            }
        }
        cells.iter().collect()
    }
}

fn second(power: i32) -> String {
    match power {
        ..=-4 => format!("{} µs", 10u64.pow((power + 6).max(0).unsigned_abs())),
        -3..=-1 => format!("{} ms", 10u64.pow((power + 3).unsigned_abs())),
        _ => format!("{} s", 10u64.pow(power.unsigned_abs())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_holds_all_and_has_at_least_one_step() {
        let axis = Axis::over([0.04, 3.2].into_iter()).unwrap();
        assert_eq!((axis.from, axis.to), (-2, 1));
        let labels: Vec<String> = axis.ticks().into_iter().map(|(_, label)| label).collect();
        assert_eq!(labels, ["10 ms", "100 ms", "1 s", "10 s"]);
        assert!((axis.place(0.01)).abs() < 1e-9 && (axis.place(10.0) - 1.0).abs() < 1e-9);
        let one = Axis::over([1.0].into_iter()).unwrap();
        assert_eq!((one.from, one.to), (0, 1));
        assert!(Axis::over([0.0].into_iter()).is_none());
        assert_eq!((second(-5), second(2)), ("10 µs".to_owned(), "100 s".to_owned()));
    }

    #[test]
    fn a_row_counts_what_falls_together() {
        let axis = Axis { from: -1, to: 1 };
        let row = axis.row(&[0.1, 0.1, 1.0, 10.0]);
        assert_eq!(row.chars().next(), Some('2'));
        assert_eq!(row.chars().last(), Some('o'));
        assert_eq!(row.chars().count(), AXIS);
        assert!(axis.row(&[1.0; 12]).contains('+'));
    }
}
