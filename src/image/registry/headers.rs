//! Headers that decide how a download goes on: how long to wait, and which part of a blob this is.   Spec: RFC 9110 §10, §14.
//!
//! A server writes into them what it likes. What cannot be understood counts as not said; what is absurd is cut down to
//! the longest wait there is, so that it is never mistaken for a short one.

use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// Longer than anybody waits. A number beyond all integers means it, too.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// How long Retry-After asks to wait: seconds, or a date, which counts from the server's own Date where it says one.
pub fn retry_after(value: &str, date: Option<&str>) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(value.parse().map_or(FOREVER, Duration::from_secs).min(FOREVER));
    }
    let until = http_date(value)?;
    let now = date.and_then(http_date).unwrap_or_else(OffsetDateTime::now_utc);
    // A moment that is over needs no waiting.
    Some(Duration::try_from(until - now).unwrap_or_default().min(FOREVER))
}

/// The one form of a date that servers may write today; it is the one of mail, and always in Greenwich's time.
fn http_date(value: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(value.trim(), &Rfc2822).ok().filter(|_| value.trim().ends_with(" GMT"))
}

/// What Content-Range says of a part: where it begins, and how long the whole is, if the server knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentRange {
    /// The first byte's place; `None` when no part could be given (status 416).
    pub first: Option<u64>,
    /// The length of the whole.
    pub whole_bytes: Option<u64>,
}

/// Reads `bytes 40-99/100`, `bytes 40-99/*` or `bytes */100`.
pub fn content_range(value: &str) -> Option<ContentRange> {
    let (part, whole) = value.trim().strip_prefix("bytes ")?.trim().split_once('/')?;
    let whole_bytes = if whole == "*" { None } else { Some(number(whole)?) };
    if part == "*" {
        return Some(ContentRange { first: None, whole_bytes });
    }
    let (first, last) = part.split_once('-')?;
    let (first, last) = (number(first)?, number(last)?);
    // A part that ends before it begins, or beyond the whole, is none.
    let fits = first <= last && whole_bytes.is_none_or(|whole| last < whole);
    fits.then_some(ContentRange { first: Some(first), whole_bytes })
}

/// Digits alone: `parse` would take a sign, too.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_wait_is_said_in_seconds_or_as_a_date() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        for (value, expected) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:49:30 GMT", Some(0)),
            ("99999999999999999999999999", Some(FOREVER.as_secs())),
            ("18446744073709551615", Some(FOREVER.as_secs())),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(FOREVER.as_secs())),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
            ("Sunday, 06-Nov-94 08:49:37 GMT", None),
        ] {
            assert_eq!(retry_after(value, Some(date)), expected.map(Duration::from_secs), "{value:?}");
        }
        assert!(retry_after("Fri, 31 Dec 9999 23:59:59 GMT", None).is_some());
        assert_eq!(retry_after(date, None), Some(Duration::ZERO), "it is long ago");
    }

    #[test]
    fn a_part_says_where_it_begins() {
        let range = |first, whole_bytes| Some(ContentRange { first, whole_bytes });
        for (value, expected) in [
            ("bytes 40-99/100", range(Some(40), Some(100))),
            ("bytes 40-99/*", range(Some(40), None)),
            ("bytes */100", range(None, Some(100))),
            ("bytes 40-100/100", None),
            ("bytes 99-40/100", None),
            ("bytes +40-99/100", None),
            ("bytes 40-/100", None),
            ("items 40-99/100", None),
            ("bytes 40-99", None),
            ("bytes 99999999999999999999-1/2", None),
            ("", None),
        ] {
            assert_eq!(content_range(value), expected, "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn foreign_headers_never_panic(value in "\\PC{0,60}", date in proptest::option::of("\\PC{0,40}")) {
            if let Some(wait) = retry_after(&value, date.as_deref()) {
                prop_assert!(wait <= FOREVER);
            }
            let _ = content_range(&value);
        }

        #[test]
        fn what_looks_like_a_date_is_read_or_left(
            day in 0u8..40, month in "(Jan|Feb|Dec|Foo)", year in 0u32..12000, hour in 0u8..30, minute in 0u8..70,
        ) {
            let value = format!("Mon, {day:02} {month} {year:04} {hour:02}:{minute:02}:00 GMT");
            prop_assert!(retry_after(&value, Some(&value)).is_none_or(|wait| wait.is_zero()));
        }

        #[test]
        fn what_looks_like_a_range_is_consistent(first: u64, last: u64, whole in proptest::option::of(any::<u64>())) {
            let whole_text = whole.map_or("*".to_owned(), |whole| whole.to_string());
            let found = content_range(&format!("bytes {first}-{last}/{whole_text}"));
            let fits = first <= last && whole.is_none_or(|whole| last < whole);
            prop_assert_eq!(found.is_some(), fits);
            prop_assert!(found.is_none_or(|found| (found.first, found.whole_bytes) == (Some(first), whole)));
        }
    }
}
