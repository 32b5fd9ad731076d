//! Sizes and spans of time in the words docker uses.

use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Bytes with three digits, in thousands: `187MB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let decimals = match value {
        _ if unit == 0 || value >= 99.95 => 0,
        _ if value >= 9.995 => 1,
        _ => 2,
    };
    let number = format!("{value:.decimals$}");
    let number = if decimals > 0 { number.trim_end_matches('0').trim_end_matches('.') } else { &number };
    format!("{number}{}", UNITS[unit])
}

/// How long ago, roughly: `2 weeks ago`; empty when the time is none.
pub fn ago(rfc3339: &str, now: OffsetDateTime) -> String {
    let Ok(then) = OffsetDateTime::parse(rfc3339, &Rfc3339) else {
        return "N/A".to_owned();
    };
    let span = Duration::try_from(now - then).unwrap_or_default();
    format!("{} ago", about(span))
}

fn about(span: Duration) -> String {
    let seconds = span.as_secs();
    let (minutes, hours) = (seconds / 60, (seconds + 1800) / 3600);
    let days = seconds / 86_400;
    match seconds {
        0 => "Less than a second".to_owned(),
        1 => "1 second".to_owned(),
        2..60 => format!("{seconds} seconds"),
        60..120 => "About a minute".to_owned(),
        120..3600 => format!("{minutes} minutes"),
        _ if hours == 1 => "About an hour".to_owned(),
        _ if hours < 48 => format!("{hours} hours"),
        _ if days < 14 => format!("{days} days"),
        _ if days < 60 => format!("{} weeks", days / 7),
        _ if days < 730 => format!("{} months", days / 30),
        _ => format!("{} years", days / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_three_digits() {
        for (bytes, expected) in [
            (0, "0B"),
            (999, "999B"),
            (1000, "1kB"),
            (1234, "1.23kB"),
            (72_800_000, "72.8MB"),
            (187_400_000, "187MB"),
            (999_600, "1MB"),
            (1_240_000_000, "1.24GB"),
        ] {
            assert_eq!(size(bytes), expected);
        }
    }

    #[test]
    fn spans_are_told_roughly() {
        let now = OffsetDateTime::parse("2026-06-15T12:00:00Z", &Rfc3339).unwrap();
        for (then, expected) in [
            ("2026-06-15T11:59:59Z", "1 second ago"),
            ("2026-06-15T11:58:30Z", "About a minute ago"),
            ("2026-06-15T10:50:00Z", "About an hour ago"),
            ("2026-06-15T02:00:00+02:00", "12 hours ago"),
            ("2026-06-12T12:00:00Z", "3 days ago"),
            ("2026-05-25T12:00:00Z", "3 weeks ago"),
            ("2026-01-15T12:00:00Z", "5 months ago"),
            ("1970-01-01T00:00:00Z", "56 years ago"),
            ("2027-01-01T00:00:00Z", "Less than a second ago"),
            ("", "N/A"),
        ] {
            assert_eq!(ago(then, now), expected, "{then}");
        }
    }
}
