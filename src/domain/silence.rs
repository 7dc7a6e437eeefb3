//! Decides whether an account is silent: whether what should have come did not come.
//!
//! A silence begins with the last thing that was seen. What should have come since is what came in
//! the same hours of the weeks before, so nothing is expected of a night or a Sunday that was
//! always quiet. Where less than usual led there, less is expected: a holiday without closes needs
//! no prompts.
//!
//! Must not look anything up. The caller counts the periods that a [`Look`] names.

use std::time::Duration;

use super::alert::SilenceKind;
use super::days::{Day, Days, Zone};
use super::time::{INSTANT, Millis, Period};

/// A silence that has not been noticed by then is not told any more. This also bounds what is read.
pub const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How many weeks are looked at. A change of the business is forgotten after them.
pub const WEEKS: u32 = 4;

/// Fewer may be missing by chance. Of a Poisson count with this mean, one in 1,100 is nought.
const EXPECTED_MIN: f64 = 7.0;

/// The largest chance of nought at which a silence is told. There is a chance after each thing that
/// is seen, so some silences are told that are none. `tests/it/silences.rs` counts them in years of
/// simulated business.
const CHANCE_MAX: f64 = 0.001;

/// How often something came in a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SilenceCounts {
    /// What leads to it: closes that were to be prompted, or prompts.
    pub causes: u64,
    /// What is awaited: prompts, or answers.
    pub effects: u64,
}

/// A silence with the periods that must be counted to judge it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The silence, cut at each midnight of the business. Never empty.
    pub parts: Vec<SilencePart>,
}

/// What a silence takes of one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SilencePart {
    pub silence: Period,
    /// The same hours of the weeks before, the latest first. Never empty.
    pub weeks: Vec<Period>,
}

/// The counts of one part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartCounts {
    pub silence: SilenceCounts,
    /// Those of all weeks together.
    pub weeks: SilenceCounts,
}

impl Look {
    /// Begins a look at a silence from the last thing seen, `since`, to `to`. `first_at` is when
    /// the account was first heard of. Returns `None` if there is no whole week to compare with, or
    /// if the silence is older than [`LONGEST`].
    pub fn new(since: Millis, to: Millis, first_at: Millis, zone: &Zone) -> Option<Self> {
        let from = since.plus(INSTANT);
        if from > to || to.since(since) > LONGEST {
            return None;
        }
        let is_known = |week: &u32| zone.days_earlier(from, 7 * week) >= first_at;
        let weeks: Vec<u32> = (1..=WEEKS).take_while(is_known).collect();
        let days = zone.day_of(from).0..=zone.day_of(to).0;
        let parts = days.map(|day| {
            let day = zone.period(Days { from: Day(day), to: Day(day) });
            let silence = Period { from: day.from.max(from), to: day.to.min(to) };
            let earlier = |week: &u32| Period {
                from: zone.days_earlier(silence.from, 7 * week),
                to: zone.days_earlier(silence.to, 7 * week),
            };
            SilencePart { silence, weeks: weeks.iter().map(earlier).collect() }
        });
        (!weeks.is_empty()).then(|| Self { parts: parts.collect() })
    }

    /// Returns how many would have been expected, or `None` if the account is not silent. `parts`
    /// are the counts of [`Look::parts`].
    ///
    /// What is expected of a day is scaled by the causes of that day, so the first closes after a
    /// holiday do not stand for the holiday. It is scaled by those of the whole silence, too, as a
    /// prompt may be sent on the day after its close. The lesser counts.
    ///
    /// The chance that nothing comes is that of the next count of a Poisson process of which only
    /// the counts so far are known. So it is larger after one week than after four.
    pub fn judge(&self, parts: &[PartCounts]) -> Option<u64> {
        let mut whole =
            PartCounts { silence: SilenceCounts::default(), weeks: SilenceCounts::default() };
        for part in parts {
            whole.silence = whole.silence.plus(part.silence);
            whole.weeks = whole.weeks.plus(part.weeks);
        }
        if whole.silence.effects > 0 || whole.silence.causes == 0 {
            return None;
        }
        let weeks = self.parts.first().map_or(1.0, |part| part.weeks.len() as f64);
        let by_day: f64 = parts.iter().map(|part| part.expected(weeks)).sum();
        let expected = whole.expected(weeks).min(by_day);
        let before = whole.weeks.effects as f64;
        let chance = (1.0 + expected / before.max(1.0)).powf(-before);
        (expected >= EXPECTED_MIN && chance <= CHANCE_MAX).then_some(expected.round() as u64)
    }
}

impl PartCounts {
    fn expected(&self, weeks: f64) -> f64 {
        let usual = self.weeks.causes as f64 / weeks;
        let share = if usual > 0.0 { (self.silence.causes as f64 / usual).min(1.0) } else { 1.0 };
        self.weeks.effects as f64 * share / weeks
    }
}

impl SilenceCounts {
    /// Both counts together.
    pub fn plus(self, other: Self) -> Self {
        Self { causes: self.causes + other.causes, effects: self.effects + other.effects }
    }
}

/// How late it may be known that something came. A silence is judged up to this long ago.
/// `by_events_alone` is true if X is not asked about single prompts and reports nothing by itself:
/// its events bring an answer a day late.
pub fn known_late(kind: SilenceKind, by_events_alone: bool) -> Duration {
    const HOUR: Duration = Duration::from_secs(60 * 60);
    match kind {
        SilenceKind::Closes => Duration::ZERO,
        SilenceKind::Answers if by_events_alone => 26 * HOUR,
        SilenceKind::Answers => HOUR,
    }
}

#[cfg(test)]
mod tests;
