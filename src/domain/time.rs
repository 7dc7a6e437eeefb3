//! Instants: epoch milliseconds, and X's own way to write them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// An instant, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Millis(pub i64);

impl Millis {
    /// The instant `length` later; saturates at the ends of time.
    pub fn plus(self, length: Duration) -> Self {
        Self(self.0.saturating_add(millis(length)))
    }

    /// The instant `length` earlier; saturates at the ends of time.
    pub fn minus(self, length: Duration) -> Self {
        Self(self.0.saturating_sub(millis(length)))
    }

    /// How long it is from `earlier` to this instant; zero where `earlier` is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// RFC 3339 in UTC; milliseconds only where they are not zero.
    pub fn rfc3339(self) -> String {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(instant) => instant.to_string(),
            Err(_) => format!("{} ms since 1970", self.0),
        }
    }
}

/// A length as milliseconds; saturates.
pub fn millis(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

/// Reads a date as X writes it: `Wed Oct 10 20:19:24 +0000 2018`, also with all blanks lost, as in
/// X's own pages; RFC 3339, as its v2 calls have it; or epoch milliseconds.
///
/// The weekday is skipped: X's published example names the wrong one.
pub fn parse_x_date(text: &str) -> Option<Millis> {
    let squeezed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if squeezed.len() >= 12 && squeezed.bytes().all(|b| b.is_ascii_digit()) {
        return squeezed.parse().ok().map(Millis);
    }
    if squeezed.starts_with(|c: char| c.is_ascii_digit()) {
        let instant: jiff::Timestamp = text.trim().parse().ok()?;
        return Some(Millis(instant.as_millisecond()));
    }
    if !squeezed.is_ascii() || squeezed.len() < 6 {
        return None;
    }
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = MONTHS.iter().position(|name| *name == &squeezed[3..6])? + 1;
    let rest = &squeezed[6..];
    // The hour has two digits, so what stands before it is the day, with or without its blank.
    let day_end = rest.find(':')?.checked_sub(2)?;
    let (day, rest) = (&rest[..day_end], &rest[day_end..]);
    let offset_start = rest.find(['+', '-'])?;
    let (time, rest) = rest.split_at(offset_start);
    let (offset, year) = (rest.get(..5)?, rest.get(5..)?);
    let day: u8 = day.parse().ok()?;
    let written = format!("{year:0>4}-{month:02}-{day:02}T{time}{}:{}", &offset[..3], &offset[3..]);
    let instant: jiff::Timestamp = written.parse().ok()?;
    Some(Millis(instant.as_millisecond()))
}

#[cfg(test)]
mod x_date_tests {
    use super::*;

    #[test]
    fn x_dates_are_read_spaced_and_squeezed() {
        let instant = Some(Millis(1_450_200_300_000));
        assert_eq!(parse_x_date("Tue Dec 15 17:25:00 +0000 2015"), instant);
        assert_eq!(parse_x_date("TueDec1517:25:00+00002015"), instant);
        assert_eq!(parse_x_date("Sat Dec 15 17:25:00 +0000 2015"), instant, "wrong weekday");
        assert_eq!(parse_x_date("Tue Dec 15 18:25:00 +0100 2015"), instant);
        assert_eq!(parse_x_date("2015-12-15T17:25:00.000Z"), instant);
        assert_eq!(parse_x_date("1450200300000"), instant);
        assert_eq!(
            parse_x_date("WedDec217:25:00+00002015"),
            parse_x_date("Wed Dec 02 17:25:00 +0000 2015")
        );
        assert_eq!(parse_x_date("SatDec1517:58:20+00002015"), Some(Millis(1_450_202_300_000)));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for wrong in [
            "",
            "yesterday",
            "Tue Dec",
            "Tue Foo 15 17:25:00 +0000 2015",
            "Tue Dec 15",
            "日本語日本語",
        ] {
            assert_eq!(parse_x_date(wrong), None, "{wrong:?}");
        }
    }
}
