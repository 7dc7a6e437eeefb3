//! The days of a business: whole days of one time zone, over changes of the clock.
//!
//! Everything that counts by day counts by these, so no two numbers disagree about midnight. A day
//! may have 23 or 25 hours. The rules of the time zones are built into this program.

use std::fmt;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use super::time::{INSTANT, Millis, Period};

/// The time zone of a business.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

impl Zone {
    pub const UTC: &str = "UTC";

    /// The zone of that IANA name.
    pub fn parse(name: &str) -> Option<Self> {
        let rules = TimeZone::get(name).ok()?;
        // The spelling of the list and not of the asker, so that equal zones have equal names.
        let name = rules.iana_name().unwrap_or(name).to_owned();
        Some(Self { name, rules })
    }

    pub fn utc() -> Self {
        Self { name: Self::UTC.to_owned(), rules: TimeZone::UTC }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The day that the instant falls on.
    pub fn day_of(&self, at: Millis) -> Day {
        let at = Timestamp::from_millisecond(at.0).unwrap_or(match at.0 < 0 {
            true => Timestamp::MIN,
            false => Timestamp::MAX,
        });
        Day::of(self.rules.to_datetime(at).date())
    }

    /// From the first to the last millisecond of the days.
    pub fn period(&self, days: Days) -> Period {
        Period { from: self.start(days.from), to: self.start(days.to.plus(1)).minus(INSTANT) }
    }

    /// The days that the period covers from the first to the last millisecond. `None` if it begins
    /// or ends in the middle of a day.
    pub fn whole_days(&self, period: Period) -> Option<Days> {
        let days = Days { from: self.day_of(period.from), to: self.day_of(period.to) };
        (days.from <= days.to && self.period(days) == period).then_some(days)
    }

    /// The first instant of a day. Where the clock skips midnight it is the first that exists, and
    /// where midnight comes twice it is the earlier one.
    fn start(&self, day: Day) -> Millis {
        let start = day.date().to_zoned(self.rules.clone()).and_then(|at| at.start_of_day());
        start.map_or(Millis(i64::from(day.0) * 86_400_000), |at| {
            Millis(at.timestamp().as_millisecond())
        })
    }

    /// The instant at which the clock on the wall showed the same time some days before. Where that
    /// time did not exist it is as much later as the clock was put forward.
    pub fn days_earlier(&self, at: Millis, days: u32) -> Millis {
        let plain = Millis(at.0.saturating_sub(i64::from(days) * 86_400_000));
        let Ok(stamp) = Timestamp::from_millisecond(at.0) else { return plain };
        let span = Span::new().try_days(i64::from(days)).unwrap_or_default();
        let earlier = self.rules.to_datetime(stamp).checked_sub(span);
        let earlier = earlier.and_then(|time| time.to_zoned(self.rules.clone()));
        earlier.map_or(plain, |at| Millis(at.timestamp().as_millisecond()))
    }

    /// The time of the day and the day of an instant, as a person in the zone reads them.
    pub fn wall_clock(&self, at: Millis) -> (Day, String) {
        let stamp = Timestamp::from_millisecond(at.0).unwrap_or(Timestamp::MAX);
        let time = self.rules.to_datetime(stamp).time();
        (self.day_of(at), format!("{:02}:{:02}", time.hour(), time.minute()))
    }

    /// The same to the second.
    pub fn wall_clock_to_second(&self, at: Millis) -> (Day, String) {
        let (day, time) = self.wall_clock(at);
        // The zones' offsets are of whole minutes since 1972, before anything here happened.
        (day, format!("{time}:{:02}", at.0.div_euclid(1_000).rem_euclid(60)))
    }
}

/// A day of the calendar. It counts from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

impl Day {
    /// The first and the last day that can be asked for.
    const FIRST: Date = Date::constant(1, 1, 1);
    const LAST: Date = Date::constant(9998, 12, 31);

    fn of(date: Date) -> Self {
        let date = date.clamp(Self::FIRST, Self::LAST);
        let days = date.since(Date::constant(1970, 1, 1)).map_or(0, |span| span.get_days());
        Self(days)
    }

    fn date(self) -> Date {
        let days = Span::new().try_days(self.0).unwrap_or_default();
        Date::constant(1970, 1, 1).saturating_add(days).clamp(Self::FIRST, Self::LAST)
    }

    /// Reads a day such as `2026-11-22`, in this form alone.
    pub fn parse(text: &str) -> Option<Self> {
        let has_the_form = text.len() == 10
            && text.bytes().enumerate().all(|(place, byte)| match place {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        let date: Date = text.parse().ok().filter(|_| has_the_form)?;
        (Self::FIRST..=Self::LAST).contains(&date).then(|| Self::of(date))
    }

    pub fn plus(self, days: i32) -> Self {
        Self::of(Self(self.0.saturating_add(days)).date())
    }

    /// The number of days from `earlier` to this one.
    pub fn since(self, earlier: Self) -> i32 {
        self.0 - earlier.0
    }

    /// The first day of the month that lies `months` after this day's.
    pub fn first_of_month(self, months: i32) -> Self {
        let first = self.date().first_of_month();
        let span = Span::new().try_months(months).unwrap_or_default();
        Self::of(first.saturating_add(span))
    }

    /// The Monday of the day's week.
    pub fn monday(self) -> Self {
        let past = self.date().weekday().to_monday_zero_offset();
        self.plus(-i32::from(past))
    }

    /// The ISO 8601 week, such as `2026-W47`. The week's year is that of its Thursday. The first
    /// days of January may therefore belong to the year before.
    pub fn iso_week(self) -> String {
        let week = self.date().iso_week_date();
        format!("{:04}-W{:02}", week.year(), week.week())
    }

    /// Year, month from 1 and day of the month.
    pub fn parts(self) -> (i16, i8, i8) {
        let date = self.date();
        (date.year(), date.month(), date.day())
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.parts();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// Days in a row. Both ends belong to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days {
    pub from: Day,
    pub to: Day,
}

/// "2026-11-23 to 2026-11-29". A single day is said once.
impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.from == self.to {
            true => write!(f, "{}", self.to),
            false => write!(f, "{} to {}", self.from, self.to),
        }
    }
}

impl Days {
    /// How many days they are.
    pub fn len(self) -> i32 {
        self.to.since(self.from) + 1
    }

    pub fn is_empty(self) -> bool {
        self.len() <= 0
    }

    pub fn contains(self, day: Day) -> bool {
        self.from <= day && day <= self.to
    }

    /// As many days in a row, `days` earlier.
    pub fn earlier(self, days: i32) -> Self {
        Self { from: self.from.plus(-days), to: self.to.plus(-days) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn zone(name: &str) -> Zone {
        Zone::parse(name).unwrap()
    }

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    fn written(period: Period) -> (String, String) {
        (period.from.rfc3339(), period.to.rfc3339())
    }

    fn bounds(zone_name: &str, from: &str, to: &str) -> (String, String) {
        written(zone(zone_name).period(Days { from: day(from), to: day(to) }))
    }

    #[test]
    fn a_day_is_whole_where_the_clock_changes() {
        // Berlin puts its clocks forward on 29 March 2026 and back on 25 October.
        assert_eq!(
            bounds("Europe/Berlin", "2026-03-29", "2026-03-29"),
            ("2026-03-28T23:00:00.000Z".into(), "2026-03-29T21:59:59.999Z".into())
        );
        assert_eq!(
            bounds("Europe/Berlin", "2026-10-25", "2026-10-25"),
            ("2026-10-24T22:00:00.000Z".into(), "2026-10-25T22:59:59.999Z".into())
        );
        // Beirut skips midnight itself.
        assert_eq!(bounds("Asia/Beirut", "2026-03-29", "2026-03-29").0, "2026-03-28T22:00:00.000Z");
    }

    #[test]
    fn the_same_time_of_days_ago_is_the_walls_and_not_the_suns() {
        let earlier = |zone_name: &str, at: &str| {
            let at = Millis::from_rfc3339(at).unwrap();
            zone(zone_name).days_earlier(at, 7).rfc3339()
        };
        assert_eq!(earlier("Europe/Berlin", "2026-11-22T09:00:00Z"), "2026-11-15T09:00:00.000Z");
        assert_eq!(earlier("Europe/Berlin", "2026-10-26T08:00:00Z"), "2026-10-19T07:00:00.000Z");
        // 02:30 did not exist on 29 March.
        assert_eq!(earlier("Europe/Berlin", "2026-04-05T00:30:00Z"), "2026-03-29T01:30:00.000Z");
        assert_eq!(earlier("UTC", "2026-10-26T08:00:00Z"), "2026-10-19T08:00:00.000Z");
    }

    #[test]
    fn an_instant_belongs_to_the_day_of_the_zone() {
        let at = Millis::from_rfc3339("2026-03-31T22:30:00Z").unwrap();
        assert_eq!(zone("Europe/Berlin").day_of(at), day("2026-04-01"));
        assert_eq!(zone("UTC").day_of(at), day("2026-03-31"));
        assert_eq!(zone("America/New_York").day_of(at), day("2026-03-31"));
        assert_eq!(zone("Europe/Berlin").wall_clock(at), (day("2026-04-01"), "00:30".to_owned()));
    }

    #[test]
    fn only_whole_days_are_days() {
        let berlin = zone("Europe/Berlin");
        let days = Days { from: day("2026-03-28"), to: day("2026-03-30") };
        let period = berlin.period(days);
        assert_eq!(berlin.whole_days(period), Some(days));
        assert_eq!(Zone::utc().whole_days(period), None);
        assert_eq!(berlin.whole_days(Period { to: period.from, ..period }), None);
        assert_eq!(
            berlin.whole_days(Period { from: period.to, to: period.from }),
            None,
            "it ends before it begins"
        );
    }

    #[test]
    fn a_day_is_read_in_one_form_only() {
        assert_eq!(day("2026-11-22").to_string(), "2026-11-22");
        for text in
            ["", "2026-11", "20261122", "2026-02-30", "22.11.2026", "2026-1-22", "-026-11-22"]
        {
            assert_eq!(Day::parse(text), None, "{text}");
        }
    }

    #[test]
    fn weeks_and_months_are_those_of_the_calendar() {
        for (text, week) in [
            ("2026-11-22", "2026-W47"),
            ("2026-11-23", "2026-W48"),
            ("2027-01-01", "2026-W53"),
            ("2024-12-30", "2025-W01"),
        ] {
            assert_eq!(day(text).iso_week(), week);
        }
        assert_eq!(day("2026-11-29").monday(), day("2026-11-23"));
        assert_eq!(day("2026-11-23").monday(), day("2026-11-23"));
        assert_eq!(day("2026-11-29").first_of_month(0), day("2026-11-01"));
        assert_eq!(day("2026-11-29").first_of_month(-11), day("2025-12-01"));
        assert_eq!(day("2026-11-29").first_of_month(2), day("2027-01-01"));
    }

    #[test]
    fn equal_zones_have_equal_names() {
        assert_eq!(zone("europe/berlin").name(), "Europe/Berlin");
        assert_eq!(Zone::parse("Berlin"), None);
    }

    #[test]
    fn the_ends_of_time_are_days_too() {
        for at in [i64::MIN, i64::MAX] {
            let zone = zone("Pacific/Auckland");
            let day = zone.day_of(Millis(at));
            assert!(
                !zone.period(Days { from: day, to: day.plus(1_000_000) }).to.rfc3339().is_empty()
            );
        }
    }

    proptest! {
        #[test]
        fn days_are_without_gap_and_overlap(at in -4_000_000_000_000i64..4_000_000_000_000) {
            for name in ["Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Pacific/Apia"] {
                let zone = zone(name);
                let day = zone.day_of(Millis(at));
                let period = zone.period(Days { from: day, to: day });
                prop_assert!(period.contains(Millis(at)), "{} {}", name, day);
                let next = zone.period(Days { from: day.plus(1), to: day.plus(1) });
                prop_assert_eq!(period.to.0 + 1, next.from.0);
            }
        }
    }
}
