//! The period of a view and the one that it is compared with. Both are whole days.

use super::{FROM, PERIOD, TO, ViewFault, one_of, shortened};
use crate::domain::days::{Day, Days};
use crate::domain::named::named;

/// What a period is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    Nothing,
    /// As many days just before.
    Before,
    /// The same days of the week a year earlier, that is 52 weeks. For months it is the same month
    /// of the year before.
    Year,
}

named!(Against {
    Nothing = "none",
    Before = "before",
    Year = "year",
});

/// The period as it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskedPeriod {
    Last7Days,
    /// The default: four whole weeks, so that every day of the week occurs alike.
    Last28Days,
    Last90Days,
    /// The last whole month of the calendar.
    LastMonth,
    /// The last twelve whole months of the calendar.
    LastYear,
    Days(Days),
}

impl AskedPeriod {
    pub const NAMED: [Self; 5] =
        [Self::Last7Days, Self::Last28Days, Self::Last90Days, Self::LastMonth, Self::LastYear];

    /// The name in a query. Days have none.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Last7Days => Some("7d"),
            Self::Last28Days => Some("28d"),
            Self::Last90Days => Some("90d"),
            Self::LastMonth => Some("month"),
            Self::LastYear => Some("year"),
            Self::Days(_) => None,
        }
    }

    /// The days that are meant today. The running day is not whole and does not belong to them.
    pub fn days(self, today: Day) -> Days {
        let last = |days: i32| Days { from: today.plus(-days), to: today.plus(-1) };
        let months = |months: i32| Days {
            from: today.first_of_month(-months),
            to: today.first_of_month(0).plus(-1),
        };
        match self {
            Self::Last7Days => last(7),
            Self::Last28Days => last(28),
            Self::Last90Days => last(90),
            Self::LastMonth => months(1),
            Self::LastYear => months(12),
            Self::Days(days) => days,
        }
    }

    /// The days that `days`, which were asked for so, are compared with.
    pub(super) fn compared_with(self, days: Days, against: Against) -> Option<Days> {
        let months = match self {
            Self::LastMonth => Some(1),
            Self::LastYear => Some(12),
            Self::Last7Days | Self::Last28Days | Self::Last90Days | Self::Days(_) => None,
        };
        let back = |months: i32| Days {
            from: days.from.first_of_month(-months),
            to: days.to.first_of_month(1 - months).plus(-1),
        };
        match (against, months) {
            (Against::Nothing, _) => None,
            (Against::Before, Some(months)) => Some(back(months)),
            (Against::Year, Some(_)) => Some(back(12)),
            (Against::Before, None) => Some(days.earlier(days.len())),
            (Against::Year, None) => Some(days.earlier(52 * 7 * ((days.len() - 1) / 364 + 1))),
        }
    }

    pub(super) fn pairs(self) -> Vec<(&'static str, String)> {
        match (self, self.name()) {
            (Self::Last28Days, _) => Vec::new(),
            (Self::Days(days), _) => vec![(FROM, days.from.to_string()), (TO, days.to.to_string())],
            (_, name) => name.map(|name| (PERIOD, name.to_owned())).into_iter().collect(),
        }
    }
}

/// The most days that a view covers: ten years.
const DAYS_MAX: i32 = 3_660;

/// Reads the three keys of the period.
pub(super) fn asked(
    period: Option<&str>,
    from: Option<&str>,
    to: Option<&str>,
    today: Day,
) -> Result<AskedPeriod, ViewFault> {
    if let Some(name) = period {
        if from.is_some() || to.is_some() {
            return Err(ViewFault::TwoPeriods { what: "`period` stands beside days" });
        }
        let named = AskedPeriod::NAMED.into_iter().find(|asked| asked.name() == Some(name));
        return named.ok_or_else(|| ViewFault::Unreadable {
            key: PERIOD,
            value: shortened(name),
            wanted: one_of(&AskedPeriod::NAMED.map(|asked| asked.name().unwrap_or_default())),
        });
    }
    let day = |key: &'static str, value: Option<&str>| match value {
        None => Ok(None),
        Some(value) => Day::parse(value).map(Some).ok_or_else(|| ViewFault::Unreadable {
            key,
            value: shortened(value),
            wanted: "a day such as 2026-11-22".to_owned(),
        }),
    };
    let days = match (day(FROM, from)?, day(TO, to)?) {
        (None, None) => return Ok(AskedPeriod::Last28Days),
        (Some(from), Some(to)) => Days { from, to },
        (Some(from), None) => Days { from, to: today.max(from) },
        (None, Some(to)) => Days { from: to.plus(-27), to },
    };
    if days.is_empty() {
        let (from, to) = (days.from.to_string(), days.to.to_string());
        return Err(ViewFault::Reversed { from, to });
    }
    if days.len() > DAYS_MAX {
        return Err(ViewFault::Unreadable {
            key: FROM,
            value: days.from.to_string(),
            wanted: format!("at most {DAYS_MAX} days before the last"),
        });
    }
    Ok(AskedPeriod::Days(days))
}
