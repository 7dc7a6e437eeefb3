//! Reads the period of a report or an export from `--from` and `--to`. Both are inclusive.
//!
//! A day is a whole day of the business, in the zone of `report.time_zone`.

use thiserror::Error;

use crate::domain::days::{Day, Days, Zone};
use crate::domain::time::{Millis, Period};

/// The reason why the options give no period.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PeriodError {
    #[error(
        "{option} {value:?} is neither a date such as 2026-11-22 (a whole day, {zone}) \
         nor an RFC 3339 instant such as 2026-11-22T08:00:00Z"
    )]
    Unreadable { option: &'static str, value: String, zone: String },
    #[error("--from {from:?} is later than --to {to:?}: nothing lies between them")]
    Reversed { from: String, to: String },
}

/// Reads `--from` and `--to`. A date stands for a whole day of the zone. RFC 3339 instants are
/// accepted as well.
pub fn parse_period(from: &str, to: &str, zone: &Zone) -> Result<Period, PeriodError> {
    let period = Period { from: parse_from(from, zone)?, to: parse_to(to, zone)? };
    if period.from > period.to {
        return Err(PeriodError::Reversed { from: from.to_owned(), to: to.to_owned() });
    }
    Ok(period)
}

/// The number of whole days in a report without a given period.
const DAYS: i32 = 28;

/// Reads a period whose ends may be left out:
///
/// - without both it is the last 28 whole days
/// - without `--to` it ends with today
/// - without `--from` it is the 28 days up to `--to`
pub fn parse_or_usual(
    from: Option<&str>,
    to: Option<&str>,
    zone: &Zone,
    now: Millis,
) -> Result<Period, PeriodError> {
    let today = zone.day_of(now);
    let days_up_to = |to: Day| zone.period(Days { from: to.plus(1 - DAYS), to });
    match (from, to) {
        (Some(from), Some(to)) => parse_period(from, to, zone),
        (Some(from), None) => parse_period(from, &today.to_string(), zone),
        (None, Some(to)) => {
            let to = parse_to(to, zone)?;
            let days = days_up_to(zone.day_of(to));
            // An instant within a day ends a period that begins as far within its first day.
            let short = days.to.since(to);
            Ok(Period { from: days.from.minus(short), to })
        }
        (None, None) => Ok(days_up_to(today.plus(-1))),
    }
}

/// Reads `--from` alone. A date means its first millisecond.
pub fn parse_from(value: &str, zone: &Zone) -> Result<Millis, PeriodError> {
    parse("--from", value, zone, |period| period.from)
}

/// Reads `--to` alone. A date means its last millisecond, so that the day belongs to the period.
pub fn parse_to(value: &str, zone: &Zone) -> Result<Millis, PeriodError> {
    parse("--to", value, zone, |period| period.to)
}

/// Writes the period for people. A period of whole days is written as dates, and says whether its
/// last day is over. Any other is written as two instants.
pub fn in_words(period: Period, zone: &Zone, now: Millis) -> String {
    let (name, so_far) = (zone.name(), period.contains(now));
    let of = |whole| if so_far { "so far" } else { whole };
    match zone.whole_days(period) {
        Some(day) if day.len() == 1 => format!("{day} ({}, {name})", of("the whole day")),
        Some(days) => format!("{days} ({}, {name})", of("whole days")),
        None => format!("{} to {}", period.from.rfc3339(), period.to.rfc3339()),
    }
}

fn parse(
    option: &'static str,
    value: &str,
    zone: &Zone,
    end: impl Fn(Period) -> Millis,
) -> Result<Millis, PeriodError> {
    if let Ok(at) = Millis::from_rfc3339(value) {
        return Ok(at);
    }
    let day = Day::parse(value).ok_or_else(|| PeriodError::Unreadable {
        option,
        value: value.to_owned(),
        zone: zone.name().to_owned(),
    })?;
    Ok(end(zone.period(Days { from: day, to: day })))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: Millis = Millis(1_900_000_000_000);

    fn written(from: &str, to: &str) -> (String, String) {
        let period = parse_period(from, to, &Zone::utc()).unwrap();
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
        let words = |from, to| {
            in_words(parse_or_usual(from, to, &Zone::utc(), now).unwrap(), &Zone::utc(), now)
        };
        assert_eq!(words(None, None), "2026-11-01 to 2026-11-28 (whole days, UTC)");
        assert_eq!(words(Some("2026-11-27"), None), "2026-11-27 to 2026-11-29 (so far, UTC)");
        assert_eq!(words(None, Some("2026-01-28")), "2026-01-01 to 2026-01-28 (whole days, UTC)");
        assert_eq!(
            words(Some("2026-11-01"), Some("2026-11-02")),
            "2026-11-01 to 2026-11-02 (whole days, UTC)"
        );
        assert!(parse_or_usual(Some("2026-11-30"), None, &Zone::utc(), now).is_err());
    }

    #[test]
    fn an_instant_is_taken_as_it_is() {
        let (from, to) = written("2026-11-22T08:00:00+02:00", "2026-11-22T06:00:00Z");
        assert_eq!(from, "2026-11-22T06:00:00.000Z");
        assert_eq!(to, "2026-11-22T06:00:00.000Z");
    }

    #[test]
    fn a_period_of_whole_days_is_told_in_dates() {
        let words =
            |from, to| in_words(parse_period(from, to, &Zone::utc()).unwrap(), &Zone::utc(), LATER);
        assert_eq!(words("2026-11-01", "2026-11-30"), "2026-11-01 to 2026-11-30 (whole days, UTC)");
        assert_eq!(words("2026-11-22", "2026-11-22"), "2026-11-22 (the whole day, UTC)");
        assert_eq!(
            words("2026-11-22", "2026-11-22T08:00:00Z"),
            "2026-11-22T00:00:00.000Z to 2026-11-22T08:00:00.000Z"
        );
    }

    #[test]
    fn a_day_that_still_runs_is_told_so_far_and_one_that_is_over_or_to_come_is_whole() {
        let words = |from: &str, now: &str| {
            let now = Millis::from_rfc3339(now).unwrap();
            let period = parse_period(from, "2026-11-22", &Zone::utc()).unwrap();
            in_words(period, &Zone::utc(), now)
        };
        assert_eq!(words("2026-11-22", "2026-11-22T00:00:00Z"), "2026-11-22 (so far, UTC)");
        let two = words("2026-11-21", "2026-11-22T23:59:59.999Z");
        assert_eq!(two, "2026-11-21 to 2026-11-22 (so far, UTC)");
        for now in ["2026-11-21T23:59:59.999Z", "2026-11-23T00:00:00Z"] {
            assert_eq!(words("2026-11-22", now), "2026-11-22 (the whole day, UTC)");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named_with_the_forms_that_can() {
        let error = parse_period("2026-11-22", "yesterday", &Zone::utc()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "--to \"yesterday\" is neither a date such as 2026-11-22 (a whole day, UTC) \
             nor an RFC 3339 instant such as 2026-11-22T08:00:00Z"
        );
        for value in ["", "2026-11", "2026-02-30", "20261122", "2026-11-22T08:00", "22.11.2026"] {
            assert!(parse_from(value, &Zone::utc()).is_err(), "{value}");
        }
    }

    #[test]
    fn a_period_that_ends_before_it_begins_is_refused() {
        let error = parse_period("2026-11-23", "2026-11-22", &Zone::utc()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "--from \"2026-11-23\" is later than --to \"2026-11-22\": nothing lies between them"
        );
    }

    #[test]
    fn a_day_is_the_business_own() {
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        let period = parse_period("2026-10-25", "2026-10-25", &berlin).unwrap();
        assert_eq!(period.from.rfc3339(), "2026-10-24T22:00:00.000Z");
        assert_eq!(period.to.rfc3339(), "2026-10-25T22:59:59.999Z");
        assert_eq!(in_words(period, &berlin, LATER), "2026-10-25 (the whole day, Europe/Berlin)");
        let now = Millis::from_rfc3339("2026-11-29T23:30:00Z").unwrap();
        let usual = parse_or_usual(None, None, &berlin, now).unwrap();
        assert_eq!(
            in_words(usual, &berlin, LATER),
            "2026-11-02 to 2026-11-29 (whole days, Europe/Berlin)"
        );
        let error = parse_from("gestern", &berlin).unwrap_err().to_string();
        assert!(error.contains("(a whole day, Europe/Berlin)"), "{error}");
    }
}
