//! Numbers with their units, three digits each: what a table has room for, and a measurement has right.

use crate::vm::compare::report::Unit;

/// A unit with the size that numbers near a value are told in: `ms` for 0.04 s.
struct Scale {
    unit: &'static str,
    divisor: f64,
}

fn scale(unit: Unit, value: f64) -> Scale {
    let steps: &[(&'static str, f64)] = match unit {
        Unit::Seconds => &[("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)],
        Unit::Bytes => &[("GB", 1e9), ("MB", 1e6), ("kB", 1e3), ("B", 1.0)],
        Unit::Nanoseconds => &[("µs", 1e3), ("ns", 1.0)],
        Unit::Rate => &[("GB/s", 1e3), ("MB/s", 1.0)],
        Unit::Requests => &[("k/s", 1e3), ("/s", 1.0)],
        Unit::Count => &[("", 1.0)],
    };
    let value = value.abs();
    let fits = steps.iter().find(|(_, divisor)| value >= *divisor * 0.9995);
    let (unit, divisor) = fits.or(steps.last()).copied().unwrap_or(("", 1.0));
    Scale { unit, divisor }
}

/// Three digits, without zeros at the end that say nothing.
fn digits(value: f64) -> String {
    let decimals = match value.abs() {
        large if large >= 99.95 => 0,
        middle if middle >= 9.995 => 1,
        _ => 2,
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// `41.2 ms`.
pub fn with_unit(unit: Unit, value: f64) -> String {
    let scale = scale(unit, value);
    format!("{} {}", digits(value / scale.divisor), scale.unit).trim_end().to_owned()
}

/// `38–55`, in the unit of the value that it stands beside; nothing where there is only one.
pub fn range(unit: Unit, least: f64, most: f64, beside: f64) -> String {
    let scale = scale(unit, beside);
    let (least, most) = (digits(least / scale.divisor), digits(most / scale.divisor));
    if least == most { String::new() } else { format!("{least}–{most}") }
}

/// `78 ×`.
pub fn times(ratio: f64) -> String {
    format!("{} ×", digits(ratio))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_the_unit_that_fits() {
        let told = |unit, value| with_unit(unit, value);
        assert_eq!(told(Unit::Seconds, 0.041_23), "41.2 ms");
        assert_eq!(told(Unit::Seconds, 3.2), "3.2 s");
        assert_eq!(told(Unit::Seconds, 0.999_7), "1 s");
        assert_eq!(told(Unit::Bytes, 187_400_000.0), "187 MB");
        assert_eq!(told(Unit::Bytes, 0.0), "0 B");
        assert_eq!(told(Unit::Nanoseconds, 215.34), "215 ns");
        assert_eq!(told(Unit::Nanoseconds, 1500.0), "1.5 µs");
        assert_eq!(told(Unit::Rate, 9876.0), "9.88 GB/s");
        assert_eq!(told(Unit::Requests, 24_000.0), "24 k/s");
        assert_eq!(told(Unit::Count, 3.0), "3");
        assert_eq!(told(Unit::Bytes, -2_000_000.0), "-2 MB");
    }

    #[test]
    fn a_range_is_told_in_the_unit_of_its_middle() {
        assert_eq!(range(Unit::Seconds, 0.9, 1.25, 0.95), "900–1250");
        assert_eq!(range(Unit::Count, 3.0, 3.0, 3.0), "");
        assert_eq!((times(78.21), times(0.021)), ("78.2 ×".to_owned(), "0.02 ×".to_owned()));
    }
}
