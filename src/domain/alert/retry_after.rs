//! Reads the header `Retry-After` (RFC 9110, section 10.2.3).

use std::time::Duration;

use jiff::fmt::rfc2822;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;

use crate::domain::time::Millis;

/// The longest wait that a receiver can ask for.
pub const WAIT_MOST: Duration = Duration::from_secs(24 * 60 * 60);

/// The wait that the header asks for, at most [`WAIT_MOST`]. A date that has passed asks for none.
/// `None` if it is neither a number of seconds nor a date.
pub fn wait(header: &str, now: Millis) -> Option<Duration> {
    let text = header.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a number can have are more than a day, too.
        let seconds = text.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(WAIT_MOST));
    }
    date(text, now).map(|at| at.since(now).min(WAIT_MOST))
}

/// Reads a date in one of the three forms that RFC 9110 asks every recipient to accept. A wrong
/// weekday does no harm. A date that is too far away for a clock counts as a day from now.
fn date(text: &str, now: Millis) -> Option<Millis> {
    const FORMS: [&str; 3] =
        ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];
    let parser = rfc2822::DateTimeParser::new().relaxed_weekday(true);
    if let Ok(at) = parser.parse_timestamp(text) {
        return Some(Millis(at.as_millisecond()));
    }
    let civil = FORMS.iter().find_map(|form| {
        let mut time = BrokenDownTime::parse(form, text).ok()?;
        time.set_weekday(None);
        time.to_datetime().ok()
    })?;
    match civil.to_zoned(TimeZone::UTC) {
        Ok(at) => Some(Millis(at.timestamp().as_millisecond())),
        Err(_) if civil.year() > 0 => Some(now.plus(WAIT_MOST)),
        Err(_) => Some(now),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 1994-11-06T08:49:37Z, the instant of RFC 9110's examples.
    const EXAMPLE: Millis = Millis(784_111_777_000);

    #[test]
    fn seconds_and_every_form_of_a_date_are_read() {
        let now = EXAMPLE.minus(Duration::from_secs(90));
        for (header, seconds) in [
            ("0", 0),
            ("120", 120),
            (" 120 ", 120),
            ("86400", 86_400),
            ("86401", 86_400),
            ("99999999999999999999999", 86_400),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 90),
            ("Sunday, 06-Nov-94 08:49:37 GMT", 90),
            ("Sun Nov  6 08:49:37 1994", 90),
            ("Sun, 06 Nov 1994 08:47:37 GMT", 0),
            ("Sat, 06 Nov 2094 08:49:37 GMT", 86_400),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
            ("Fri Dec 31 23:59:59 9999", 86_400),
            ("Sat, 31 Dec 9999 23:59:59 GMT", 86_400),
            ("Sat, 01 Jan 0000 00:00:00 GMT", 0),
            ("Mon, 06 Nov 1994 08:49:37 GMT", 90),
            ("Monday, 06-Nov-94 08:49:37 GMT", 90),
            ("Mon Nov  6 08:49:37 1994", 90),
            ("Sun, 6 Nov 1994 08:49:37 GMT", 90),
            ("Sun, 06 Nov 1994 10:49:37 +0200", 90),
            ("Sun, 06 Nov 1994 08:49:60 GMT", 112),
        ] {
            assert_eq!(wait(header, now), Some(Duration::from_secs(seconds)), "{header}");
        }
    }

    #[test]
    fn what_is_no_wait_is_not_read() {
        for header in [
            "",
            " ",
            "-1",
            "+5",
            "1.5",
            "soon",
            "1994-11-06T08:49:37Z",
            "5s",
            "٣",
            "Thu, 31 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
        ] {
            assert_eq!(wait(header, EXAMPLE), None, "{header}");
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_the_reader_panic_or_wait_longer_than_a_day(header in "\\PC*") {
            prop_assert!(wait(&header, EXAMPLE).is_none_or(|wait| wait <= WAIT_MOST));
        }
    }
}
