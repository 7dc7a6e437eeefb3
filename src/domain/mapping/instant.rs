//! Reads instants in the forms that help desks write.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::strtime;

use crate::domain::time::Millis;

/// Smaller numbers are seconds and the others are milliseconds. The limit is the year 5138 in
/// seconds and 1973 in milliseconds.
const MILLISECONDS_FROM: f64 = 1e11;

/// Reads RFC 3339, forms close to it, and numbers of seconds or milliseconds since 1970. A time
/// without an offset counts as UTC.
pub fn read(text: &str) -> Option<Millis> {
    if let Ok(at) = Millis::from_rfc3339(text) {
        return Some(at);
    }
    if let Ok(number) = text.parse::<f64>() {
        let ms = if number < MILLISECONDS_FROM { number * 1_000.0 } else { number };
        // Numbers outside this range are no instant of a conversation.
        return (ms.is_finite() && (0.0..1e14).contains(&ms)).then_some(Millis(ms as i64));
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(Millis(at.as_millisecond()));
    }
    for form in [
        "%Y-%m-%d %H:%M:%S %z",
        "%Y-%m-%dT%H:%M:%S%z",
        "%a, %d %b %Y %H:%M:%S %z",
        "%Y-%m-%d %H:%M %z",
        "%Y-%m-%dT%H:%M%z",
    ] {
        if let Ok(at) = strtime::parse(form, text).and_then(|read| read.to_timestamp()) {
            return Some(Millis(at.as_millisecond()));
        }
    }
    let at: DateTime = text.trim_end_matches(" UTC").parse().ok()?;
    let at = at.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Millis(at.timestamp().as_millisecond()))
}

/// True if the text of an instant names no zone and no offset, so that it is read as UTC.
pub fn is_without_zone(text: &str) -> bool {
    text.parse::<f64>().is_err()
        && text.parse::<Timestamp>().is_err()
        && !text.ends_with(" UTC")
        && text.parse::<DateTime>().is_ok()
}

/// True if the text of an instant has no seconds, such as `2026-11-22T08:00Z`.
pub fn is_to_the_minute(text: &str) -> bool {
    let Some((_, time)) = text.split_once(['T', 't', ' ']) else { return false };
    let time = time.split(['+', '-', 'Z', 'z', ' ']).next().unwrap_or_default();
    time.matches(':').count() == 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_forms_that_desks_use_are_read() {
        for text in [
            "2026-11-22T08:00:00Z",
            "2026-11-22T08:00:00.000000001Z",
            "2026-11-22T09:00:00+01:00",
            "2026-11-22T09:00:00+0100",
            "2026-11-22 08:00:00 UTC",
            "2026-11-22 08:00:00 +0000",
            "2026-11-22 08:00:00",
            "2026-11-22T08:00:00",
            "Sun, 22 Nov 2026 08:00:00 +0000",
            "1795334400",
            "1795334400.0",
            "1795334400000",
        ] {
            assert_eq!(read(text), Some(Millis(1_795_334_400_000)), "{text}");
        }
        for (text, to_the_minute) in [
            ("2026-11-22T08:00Z", true),
            ("2026-11-22T09:00+01:00", true),
            ("2026-11-22 08:00", true),
            ("2026-11-22 08:00 UTC", true),
            ("2026-11-22 13:30 +0530", true),
            ("2026-11-22T13:30+0530", true),
            ("2026-11-22T09:00:00+01:00", false),
            ("Sun, 22 Nov 2026 08:00:00 +0000", false),
            ("1795334400", false),
        ] {
            assert_eq!(read(text), Some(Millis(1_795_334_400_000)), "{text}");
            assert_eq!(is_to_the_minute(text), to_the_minute, "{text}");
        }
        for text in ["2026-11-22 08:00:00", "2026-11-22T08:00", "2026-11-22"] {
            assert!(is_without_zone(text), "{text}");
        }
        for text in ["1795334400", "2026-11-22T08:00:00Z", "2026-11-22 08:00 UTC", "yesterday"] {
            assert!(!is_without_zone(text), "{text}");
        }
        for text in ["", "yesterday", "-1", "1e300", "nan", "November 22", "2026-02-30T00:00:00Z"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC*") {
            let _ = read(&text);
        }
    }
}
