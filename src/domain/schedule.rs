//! How often a schedule runs, for which days, and how its files are named.
//!
//! A schedule is for the last period that is over. What was missed is made up for once: after a
//! month without surveyd, a daily schedule is for yesterday alone.

use std::time::Duration;

use super::days::{Day, Days, Zone};
use super::named::named;
use super::time::Millis;

/// How long after the start of a day a schedule runs. The last changes of the day before are
/// counted by then.
pub const SETTLING: Duration = Duration::from_secs(5 * 60);

/// How long after a failure a schedule runs again.
pub const TRY_AGAIN_AFTER: Duration = Duration::from_secs(60 * 60);

/// How often a schedule runs. It runs at the start of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Every {
    Day,
    /// On Mondays.
    Week,
    /// On the first of a month.
    Month,
}

named!(Every {
    Day = "day",
    Week = "week",
    Month = "month",
});

impl Every {
    /// The last whole period that is over when `today` begins.
    pub fn ended_before(self, today: Day) -> Days {
        let (from, next) = match self {
            Self::Day => (today.plus(-1), today),
            Self::Week => (today.monday().plus(-7), today.monday()),
            Self::Month => (today.first_of_month(-1), today.first_of_month(0)),
        };
        Days { from, to: next.plus(-1) }
    }

    /// The first day after `today` at whose start another period is over.
    fn next_after(self, today: Day) -> Day {
        match self {
            Self::Day => today.plus(1),
            Self::Week => today.monday().plus(7),
            Self::Month => today.first_of_month(1),
        }
    }
}

/// When a schedule runs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextRun {
    /// Now, for these days.
    Now(Days),
    /// At that instant, and not before.
    At(Millis),
}

/// Says when a schedule runs next. `done_to` is the last day of the last period that is done.
///
/// A new schedule runs at once, for the last whole period. A day that is not over cannot be done.
/// It was noted by a clock that ran ahead, or in another zone, and does not count.
pub fn next_run(every: Every, done_to: Option<Day>, zone: &Zone, now: Millis) -> NextRun {
    let today = zone.day_of(now.minus(SETTLING));
    let ended = every.ended_before(today);
    match done_to.filter(|day| *day < today) {
        Some(day) if day >= ended.to => {
            let next = every.next_after(today);
            let start = zone.period(Days { from: next, to: next }).from;
            NextRun::At(start.plus(SETTLING))
        }
        Some(_) | None => NextRun::Now(ended),
    }
}

/// The name of a schedule's file for a period, such as `monday-2026-11-23.html`. The day is the
/// first of the period.
pub fn file_name(schedule: &str, days: Days, ending: &str) -> String {
    format!("{schedule}-{}.{ending}", days.from)
}

/// The days of a schedule's file, by its name. `None` if the name is no such file's.
pub fn days_of_file(schedule: &str, every: Every, name: &str, ending: &str) -> Option<Days> {
    let from = first_day(schedule, name, ending)?;
    let days = every.ended_before(every.next_after(from));
    (days.from == from).then_some(days)
}

/// The first day of a file's period.
fn first_day(schedule: &str, name: &str, ending: &str) -> Option<Day> {
    let day = name.strip_prefix(schedule)?.strip_prefix('-')?;
    Day::parse(day.strip_suffix(ending)?.strip_suffix('.')?)
}

/// Those of the names that are files of the schedule and older than the newest `keep` of them. All
/// other names are left out.
pub fn surplus<'n>(
    names: impl IntoIterator<Item = &'n str>,
    schedule: &str,
    ending: &str,
    keep: u32,
) -> Vec<&'n str> {
    let files =
        names.into_iter().filter_map(|name| Some((first_day(schedule, name, ending)?, name)));
    let mut files: Vec<_> = files.collect();
    files.sort_unstable();
    let too_many = files.len().saturating_sub(keep as usize);
    files.into_iter().take(too_many).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_for_the_last_whole_period() {
        for (every, today, from, to) in [
            (Every::Day, "2026-03-01", "2026-02-28", "2026-02-28"),
            (Every::Week, "2026-11-30", "2026-11-23", "2026-11-29"),
            (Every::Week, "2026-12-06", "2026-11-23", "2026-11-29"),
            (Every::Month, "2026-12-01", "2026-11-01", "2026-11-30"),
            (Every::Month, "2026-12-31", "2026-11-01", "2026-11-30"),
            (Every::Month, "2027-01-01", "2026-12-01", "2026-12-31"),
        ] {
            let days = every.ended_before(Day::parse(today).unwrap());
            let read = (days.from.to_string(), days.to.to_string());
            assert_eq!(read, (from.to_owned(), to.to_owned()), "{every:?} on {today}");
        }
    }

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    fn next(every: Every, zone: &str, done_to: Option<&str>, now: &str) -> String {
        let (zone, now) = (Zone::parse(zone).unwrap(), Millis::from_rfc3339(now).unwrap());
        match next_run(every, done_to.map(day), &zone, now) {
            NextRun::Now(Days { from, to }) => format!("now {from} {to}"),
            NextRun::At(at) => format!("at {}", at.rfc3339()),
        }
    }

    #[test]
    fn a_period_is_due_five_minutes_after_its_end() {
        use Every::{Day, Month, Week};
        for (every, done_to, now, expected) in [
            // 2026-11-30 is a Monday.
            (Day, "2026-11-28", "2026-11-30T00:04:59.999Z", "at 2026-11-30T00:05:00.000Z"),
            (Day, "2026-11-28", "2026-11-30T00:05:00Z", "now 2026-11-29 2026-11-29"),
            (Day, "2026-11-29", "2026-11-30T00:05:00Z", "at 2026-12-01T00:05:00.000Z"),
            (Week, "2026-11-22", "2026-11-30T00:04:59.999Z", "at 2026-11-30T00:05:00.000Z"),
            (Week, "2026-11-22", "2026-11-30T00:05:00Z", "now 2026-11-23 2026-11-29"),
            (Week, "2026-11-29", "2026-12-06T23:59:59Z", "at 2026-12-07T00:05:00.000Z"),
            (Month, "2026-10-31", "2026-12-01T00:04:59.999Z", "at 2026-12-01T00:05:00.000Z"),
            (Month, "2026-10-31", "2026-12-01T00:05:00Z", "now 2026-11-01 2026-11-30"),
            (Month, "2026-12-31", "2027-01-31T12:00:00Z", "at 2027-02-01T00:05:00.000Z"),
            (Month, "2027-01-31", "2027-02-28T23:59:59Z", "at 2027-03-01T00:05:00.000Z"),
        ] {
            let told = next(every, "UTC", Some(done_to), now);
            assert_eq!(told, expected, "{every:?} done to {done_to} at {now}");
        }
    }

    #[test]
    fn what_was_missed_is_made_up_for_once() {
        use Every::{Day, Month, Week};
        for (every, done_to, expected) in [
            (Day, "2026-09-01", "now 2026-12-02 2026-12-02"),
            (Week, "2026-09-06", "now 2026-11-23 2026-11-29"),
            (Month, "2026-08-31", "now 2026-11-01 2026-11-30"),
        ] {
            let told = next(every, "UTC", Some(done_to), "2026-12-03T12:00:00Z");
            assert_eq!(told, expected, "{every:?}");
            let done = expected.rsplit(' ').next();
            let told = next(every, "UTC", done, "2026-12-03T12:00:00Z");
            assert!(told.starts_with("at 2026-12-04") || every != Day, "{told}");
            assert!(told.starts_with("at "), "{every:?}: {told}");
        }
    }

    #[test]
    fn a_new_schedule_is_for_the_last_whole_period() {
        let told = next(Every::Week, "UTC", None, "2026-12-03T12:00:00Z");
        assert_eq!(told, "now 2026-11-23 2026-11-29");
    }

    #[test]
    fn a_day_of_23_or_25_hours_is_one_day() {
        for (zone, done_to, now, expected) in [
            // Berlin puts its clocks forward on 29 March 2026 and back on 25 October.
            ("Europe/Berlin", "2026-03-28", "2026-03-29T22:04:59Z", "at 2026-03-29T22:05:00.000Z"),
            ("Europe/Berlin", "2026-03-28", "2026-03-29T22:05:00Z", "now 2026-03-29 2026-03-29"),
            ("Europe/Berlin", "2026-10-24", "2026-10-25T22:05:00Z", "at 2026-10-25T23:05:00.000Z"),
            ("Europe/Berlin", "2026-10-24", "2026-10-25T23:05:00Z", "now 2026-10-25 2026-10-25"),
            // Beirut skips midnight: the day begins at one o'clock.
            ("Asia/Beirut", "2026-03-27", "2026-03-28T22:04:59Z", "at 2026-03-28T22:05:00.000Z"),
            ("Asia/Beirut", "2026-03-27", "2026-03-28T22:05:00Z", "now 2026-03-28 2026-03-28"),
        ] {
            let told = next(Every::Day, zone, Some(done_to), now);
            assert_eq!(told, expected, "{zone} done to {done_to} at {now}");
        }
    }

    #[test]
    fn a_day_that_is_not_over_is_not_done() {
        for done_to in ["2026-11-30", "2027-05-01"] {
            let told = next(Every::Day, "UTC", Some(done_to), "2026-11-30T12:00:00Z");
            assert_eq!(told, "now 2026-11-29 2026-11-29", "{done_to}");
        }
    }

    #[test]
    fn only_the_oldest_files_of_the_very_form_are_too_many() {
        let days = Days { from: day("2026-11-23"), to: day("2026-11-29") };
        assert_eq!(file_name("monday", days, "html"), "monday-2026-11-23.html");
        let names = [
            "monday-2026-11-16.html",
            "monday-2026-11-23.html",
            "monday-2026-11-02.html",
            "monday-2026-11-09.html",
            "monday-2026-10-05.txt",
            "monday-2026-02-30.html",
            "monday-2026-10-05.html.part",
            "monday-2026-10-05-2026-10-05.html",
            "monday-2026-10-05xhtml",
            "other-2026-10-05.html",
            "monday.html",
        ];
        let old = surplus(names, "monday", "html", 2);
        assert_eq!(old, ["monday-2026-11-02.html", "monday-2026-11-09.html"]);
        assert!(surplus(names, "monday", "html", 4).is_empty());
    }

    #[test]
    fn the_days_of_a_file_are_those_that_its_schedule_ran_for() {
        for every in Every::ALL {
            let days = every.ended_before(Day::parse("2026-12-01").unwrap());
            let name = file_name("m-2", days, "csv");
            assert_eq!(days_of_file("m-2", every, &name, "csv"), Some(days));
            assert_eq!(days_of_file("m", every, &name, "csv"), None);
        }
        assert_eq!(days_of_file("m", Every::Week, "m-2026-11-24.csv", "csv"), None, "a Tuesday");
    }
}
