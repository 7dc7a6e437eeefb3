//! Reads the period of a report or an export from `--from` and `--to`. Both are inclusive.

use std::time::Duration;

use thiserror::Error;

use crate::domain::time::{Millis, Period, millis};

/// The reason why the options give no period.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PeriodError {
    #[error(
        "{option} {value:?} is neither a date such as 2026-11-22 (a whole day, UTC) \
         nor an RFC 3339 instant such as 2026-11-22T08:00:00Z"
    )]
    Unreadable { option: &'static str, value: String },
    #[error("--from {from:?} is later than --to {to:?}: nothing lies between them")]
    Reversed { from: String, to: String },
}

/// Reads `--from` and `--to`. A date stands for a whole day in UTC. RFC 3339 instants are accepted
/// as well.
pub fn parse_period(from: &str, to: &str) -> Result<Period, PeriodError> {
    let period = Period { from: parse_from(from)?, to: parse_to(to)? };
    if period.from > period.to {
        return Err(PeriodError::Reversed { from: from.to_owned(), to: to.to_owned() });
    }
    Ok(period)
}

/// The number of whole days in a report without a given period.
const DAYS: u32 = 28;
const DAY: Duration = Duration::from_hours(24);

/// Reads a period whose ends may be left out:
///
/// - without both it is the last 28 whole days
/// - without `--to` it ends with today
/// - without `--from` it is the 28 days up to `--to`
pub fn parse_or_usual(
    from: Option<&str>,
    to: Option<&str>,
    now: Millis,
) -> Result<Period, PeriodError> {
    let days_back = |to: Millis| Millis(to.0 + 1).minus(DAY * DAYS);
    let today = Millis(now.0 - now.0.rem_euclid(millis(DAY)));
    match (from, to) {
        (Some(from), Some(to)) => parse_period(from, to),
        (Some(from), None) => parse_period(from, &Millis(today.plus(DAY).0 - 1).rfc3339()),
        (None, Some(to)) => {
            let to = parse_to(to)?;
            Ok(Period { from: days_back(to), to })
        }
        (None, None) => {
            let to = Millis(today.0 - 1);
            Ok(Period { from: days_back(to), to })
        }
    }
}

/// Reads `--from` alone. A date means its first millisecond.
pub fn parse_from(value: &str) -> Result<Millis, PeriodError> {
    parse("--from", value, "T00:00:00Z")
}

/// Reads `--to` alone. A date means its last millisecond, so that the day belongs to the period.
pub fn parse_to(value: &str) -> Result<Millis, PeriodError> {
    parse("--to", value, "T23:59:59.999Z")
}

/// Writes the period for people. A period of whole days is written as dates. Any other is written
/// as two instants.
pub fn in_words(period: Period) -> String {
    let (from, to) = (period.from.rfc3339(), period.to.rfc3339());
    match (from.strip_suffix("T00:00:00.000Z"), to.strip_suffix("T23:59:59.999Z")) {
        (Some(from), Some(to)) if from == to => format!("{from} (the whole day, UTC)"),
        (Some(from), Some(to)) => format!("{from} to {to} (whole days, UTC)"),
        _ => format!("{from} to {to}"),
    }
}

fn parse(option: &'static str, value: &str, time_of_a_date: &str) -> Result<Millis, PeriodError> {
    Millis::from_rfc3339(value)
        .or_else(|_| Millis::from_rfc3339(&format!("{value}{time_of_a_date}")))
        .map_err(|_| PeriodError::Unreadable { option, value: value.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(from: &str, to: &str) -> (String, String) {
        let period = parse_period(from, to).unwrap();
        (period.from.rfc3339(), period.to.rfc3339())
    }

    #[test]
    fn a_date_is_the_whole_day() {
        let (from, to) = written("2026-11-22", "2026-11-22");
        assert_eq!(from, "2026-11-22T00:00:00.000Z");
        assert_eq!(to, "2026-11-22T23:59:59.999Z");
    }

    #[test]
    fn without_dates_it_is_the_last_28_whole_days() {
        let now = Millis::from_rfc3339("2026-11-29T16:25:48.123Z").unwrap();
        let words = |from, to| in_words(parse_or_usual(from, to, now).unwrap());
        assert_eq!(words(None, None), "2026-11-01 to 2026-11-28 (whole days, UTC)");
        assert_eq!(words(Some("2026-11-27"), None), "2026-11-27 to 2026-11-29 (whole days, UTC)");
        assert_eq!(words(None, Some("2026-01-28")), "2026-01-01 to 2026-01-28 (whole days, UTC)");
        assert_eq!(
            words(Some("2026-11-01"), Some("2026-11-02")),
            "2026-11-01 to 2026-11-02 (whole days, UTC)"
        );
        assert!(parse_or_usual(Some("2026-11-30"), None, now).is_err());
    }

    #[test]
    fn an_instant_is_taken_as_it_is() {
        let (from, to) = written("2026-11-22T08:00:00+02:00", "2026-11-22T06:00:00Z");
        assert_eq!(from, "2026-11-22T06:00:00.000Z");
        assert_eq!(to, "2026-11-22T06:00:00.000Z");
    }

    #[test]
    fn a_period_of_whole_days_is_told_in_dates() {
        let words = |from, to| in_words(parse_period(from, to).unwrap());
        assert_eq!(words("2026-11-01", "2026-11-30"), "2026-11-01 to 2026-11-30 (whole days, UTC)");
        assert_eq!(words("2026-11-22", "2026-11-22"), "2026-11-22 (the whole day, UTC)");
        assert_eq!(
            words("2026-11-22", "2026-11-22T08:00:00Z"),
            "2026-11-22T00:00:00.000Z to 2026-11-22T08:00:00.000Z"
        );
    }

    #[test]
    fn what_cannot_be_read_is_named_with_the_forms_that_can() {
        let error = parse_period("2026-11-22", "yesterday").unwrap_err();
        assert_eq!(
            error.to_string(),
            "--to \"yesterday\" is neither a date such as 2026-11-22 (a whole day, UTC) \
             nor an RFC 3339 instant such as 2026-11-22T08:00:00Z"
        );
        for value in ["", "2026-11", "2026-02-30", "20261122", "2026-11-22T08:00", "22.11.2026"] {
            assert!(parse_from(value).is_err(), "{value}");
        }
    }

    #[test]
    fn a_period_that_ends_before_it_begins_is_refused() {
        let error = parse_period("2026-11-23", "2026-11-22").unwrap_err();
        assert_eq!(
            error.to_string(),
            "--from \"2026-11-23\" is later than --to \"2026-11-22\": nothing lies between them"
        );
    }
}
