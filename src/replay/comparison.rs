//! Counts what happened to the closes and what would have happened in the replay.

use std::collections::BTreeMap;

use super::fate::{Fate, FateDetails};
use crate::domain::id::ConversationId;
use crate::domain::policy::DAY;
use crate::domain::time::{Millis, millis};

/// The most differences that are listed one by one.
pub const DIFFERENCES: usize = 20;

/// A figure of what happened and the figure of what would have happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sides<T> {
    pub happened: T,
    pub would: T,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    pub closes: u64,
    pub counts: BTreeMap<Fate, Sides<u64>>,
    /// Closes whose two fates differ.
    pub differences: u64,
    /// The first [`DIFFERENCES`] of them by their place in the order of acceptance.
    pub first: BTreeMap<u64, ComparedClose>,
    /// Prompts that the replay sends although X was never asked about them.
    pub assumed: u64,
    /// The number of closes of each account that is not configured.
    pub left_out: BTreeMap<String, u64>,
    /// The accounts' courses in the configuration's order.
    pub courses: Vec<Course>,
}

/// A close with what became of it and what would have.
#[derive(Clone, Debug, PartialEq)]
pub struct ComparedClose {
    pub account: String,
    pub conversation_id: ConversationId,
    pub closed_at: Millis,
    pub happened: FateDetails,
    pub would: FateDetails,
}

/// An account's prompts over the days.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Course {
    pub account: String,
    pub daily_limit: u32,
    pub prompts: Sides<u64>,
    /// The most prompts in any 24 hours.
    pub most: Sides<u64>,
    /// The number of days (UTC) on which the limit was reached.
    pub days_full: Sides<u64>,
    /// The prompts of each day (UTC) by the instant at which the day begins. Has no day without a
    /// prompt.
    pub days: BTreeMap<Millis, Sides<u64>>,
}

impl Comparison {
    /// Counts one more close with its two fates.
    pub fn count(&mut self, place: u64, close: ComparedClose) {
        let ComparedClose { happened, would, .. } = &close;
        self.closes += 1;
        self.counts.entry(happened.fate).or_default().happened += 1;
        self.counts.entry(would.fate).or_default().would += 1;
        if happened.fate == would.fate {
            return;
        }
        self.differences += 1;
        self.first.insert(place, close);
        if self.first.len() > DIFFERENCES {
            self.first.pop_last();
        }
    }
}

/// The instants of an account's prompts on both sides until they are counted.
#[derive(Clone, Debug, Default)]
pub struct PromptTimes {
    sides: Sides<Vec<Millis>>,
}

impl PromptTimes {
    pub fn happened(&mut self, at: Millis) {
        self.sides.happened.push(at);
    }

    pub fn would(&mut self, at: Millis) {
        self.sides.would.push(at);
    }

    /// Counts the prompts from `from` on. Prompts of the day before only fill the limit.
    pub fn course(self, account: &str, daily_limit: u32, from: Millis) -> Course {
        let mut course = Course { account: account.to_owned(), daily_limit, ..Course::default() };
        let Sides { happened, would } = self.sides;
        let side = of_side(happened, daily_limit, from);
        (course.prompts.happened, course.most.happened) = (side.prompts, side.most);
        course.days_full.happened = side.days_full;
        for (day, prompts) in side.days {
            course.days.entry(day).or_default().happened = prompts;
        }
        let side = of_side(would, daily_limit, from);
        (course.prompts.would, course.most.would) = (side.prompts, side.most);
        course.days_full.would = side.days_full;
        for (day, prompts) in side.days {
            course.days.entry(day).or_default().would = prompts;
        }
        course
    }
}

/// One side of the figures of a [`Course`].
#[derive(Default)]
struct Side {
    prompts: u64,
    most: u64,
    days_full: u64,
    days: BTreeMap<Millis, u64>,
}

fn of_side(mut prompts: Vec<Millis>, daily_limit: u32, from: Millis) -> Side {
    prompts.sort();
    let mut side = Side::default();
    let (mut oldest, mut last_full) = (0, None);
    for (newest, at) in prompts.iter().enumerate() {
        while prompts[oldest] <= at.minus(DAY) {
            oldest += 1;
        }
        if *at < from {
            continue;
        }
        let day = Millis(at.0 - at.0.rem_euclid(millis(DAY)));
        let of_24_hours = (newest - oldest + 1) as u64;
        side.prompts += 1;
        side.most = side.most.max(of_24_hours);
        *side.days.entry(day).or_default() += 1;
        if of_24_hours >= u64::from(daily_limit) && last_full != Some(day) {
            side.days_full += 1;
            last_full = Some(day);
        }
    }
    side
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_reached_in_any_24_hours_and_told_by_the_day() {
        let hour = |hour: i64| Millis(hour * 3_600_000);
        let mut prompts = PromptTimes::default();
        for at in [20, 30, 40, 47, 50, 90] {
            prompts.happened(hour(at));
        }
        prompts.would(hour(1));
        let course = prompts.course("acme", 3, hour(24));
        assert_eq!(course.prompts, Sides { happened: 5, would: 0 });
        assert_eq!(course.most, Sides { happened: 4, would: 0 });
        // 20, 30 and 40 stand within a day; so do 30 to 50.
        assert_eq!(course.days_full, Sides { happened: 2, would: 0 });
        let of_days = course.days.iter().map(|(day, sides)| (day.0 / 86_400_000, sides.happened));
        assert_eq!(of_days.collect::<Vec<_>>(), [(1, 3), (2, 1), (3, 1)]);
    }
}
