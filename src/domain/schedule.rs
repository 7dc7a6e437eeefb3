//! How often a schedule runs, and for which days.

use super::days::{Day, Days};
use super::named::named;

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
}
