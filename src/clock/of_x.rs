//! Estimates X's clock from the dates of its answers. A date is exact to the second. How long the
//! answer took adds to the uncertainty.
//!
//! One date may be wrong, because each of X's servers and each proxy has a clock of its own. So an
//! offset counts once two answers in a row agree on it, or one agrees with our clock. A single
//! deviating date may put something off. It never ends or proves anything.

use std::sync::Mutex;
use std::time::Duration;

use crate::domain::time::Millis;

/// How long an answer's date is relied on for important decisions.
const TOLD_LATELY: Duration = Duration::from_secs(10 * 60);

/// How long differing clocks must have differed alike before anything ends by them.
const STEADY_FOR: Duration = Duration::from_secs(10 * 60);

/// Clocks that differ by less are taken to agree.
const CLOCKS_TOGETHER_MS: i64 = 2_000;

/// X's clock minus ours in milliseconds. The true offset lies between the two bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Apart {
    pub least: i64,
    pub most: i64,
}

impl Apart {
    /// Returns the offset that an answer shows. The request was made at `now` and took `took`. X
    /// dated the answer at some moment in between and cut the date to the second.
    pub fn of(date: Millis, now: Millis, took: Duration) -> Self {
        let least = date.0.saturating_sub(now.plus(took).0);
        let most = date.0.saturating_sub(now.0).saturating_add(1_000);
        Self {
            least: if least.abs() < CLOCKS_TOGETHER_MS { 0 } else { least },
            most: if most.abs() < CLOCKS_TOGETHER_MS { 0 } else { most },
        }
    }

    fn agrees_with(self, other: Self) -> bool {
        let reaches = |from: i64, to: i64| from <= to.saturating_add(CLOCKS_TOGETHER_MS);
        reaches(self.least, other.most) && reaches(other.least, self.most)
    }

    fn width(self) -> i64 {
        self.most.saturating_sub(self.least)
    }
}

/// The offset that one answer showed.
#[derive(Clone, Copy, Debug)]
pub struct DateSeen {
    /// `None` if the answer carried no date.
    pub apart: Option<Apart>,
    /// When the request was made by our clock.
    pub at: Millis,
}

impl DateSeen {
    /// True if our clock has been set back since. Then it is no longer the clock that was compared.
    fn is_set_back(self, now: Millis) -> bool {
        now.0.saturating_add(CLOCKS_TOGETHER_MS) < self.at.0
    }
}

/// X's clock for all who work with X or wait for it.
#[derive(Debug, Default)]
pub struct ClockOfX(Mutex<OffsetSample>);

#[derive(Clone, Copy, Debug, Default)]
struct OffsetSample {
    last: Option<DateSeen>,
    /// The offset that counts.
    agreed: Option<DateSeen>,
    /// The instant by our clock since which all answers have agreed with the last one.
    steady_since: Option<Millis>,
}

impl ClockOfX {
    /// Takes in the offset of an answer.
    pub fn hear(&self, seen: DateSeen) {
        let mut told = self.0.lock().expect("no holder of this lock can panic");
        let last = told.last.replace(seen);
        let is_steady = |last: DateSeen| match (last.apart, seen.apart) {
            (Some(last), Some(apart)) => last.agrees_with(apart),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        let goes_on = last.is_some_and(|last| !last.is_set_back(seen.at) && is_steady(last));
        told.steady_since = told.steady_since.filter(|_| goes_on).or(Some(seen.at));
        let last = last.and_then(|last| last.apart);
        told.agreed = match (seen.apart, told.agreed) {
            (None, Some(agreed)) if !agreed.is_set_back(seen.at) => Some(agreed),
            (None, _) => Some(seen),
            (Some(apart), before) => {
                let is_witnessed =
                    apart == Apart::default() || last.is_some_and(|last| last.agrees_with(apart));
                match before {
                    _ if !is_witnessed => before,
                    // A slow answer says less than a quick one.
                    Some(DateSeen { apart: Some(sharper), at })
                        if sharper.agrees_with(apart) && sharper.width() < apart.width() =>
                    {
                        Some(DateSeen { apart: Some(sharper), at: at.max(seen.at) })
                    }
                    Some(_) | None => Some(seen),
                }
            }
        };
    }

    /// True if any answer has come yet.
    pub fn is_heard(&self) -> bool {
        self.0.lock().expect("no holder of this lock can panic").last.is_some()
    }

    fn told(&self, now: Millis) -> OffsetSample {
        let OffsetSample { last, agreed, steady_since } =
            *self.0.lock().expect("no holder of this lock can panic");
        let of_this_clock = |seen: &DateSeen| !seen.is_set_back(now);
        OffsetSample {
            last: last.filter(of_this_clock),
            agreed: agreed.filter(of_this_clock),
            steady_since,
        }
    }

    /// Returns how far X's clock is from ours. `None` while too few answers have come. Answers from
    /// before our clock was set back do not count.
    pub fn apart(&self, now: Millis) -> Option<Apart> {
        self.told(now).agreed.map(|seen| seen.apart.unwrap_or_default())
    }

    /// Returns how far the earliest instant that it may be now lies from our clock. The candidates
    /// are our clock, X's clock and X's last date, which may yet be confirmed. The result is never
    /// above zero.
    pub fn earliest(&self, now: Millis) -> i64 {
        self.earliest_or(now, 0)
    }

    /// Returns the earliest offset if X itself has refused our clock. Our clock no longer counts,
    /// and `ours` takes its place. All offsets from X's answers still count.
    pub fn earliest_or(&self, now: Millis, ours: i64) -> i64 {
        let OffsetSample { last, agreed, .. } = self.told(now);
        let told = [last, agreed].into_iter().flatten().filter_map(|seen| seen.apart);
        told.map(|apart| apart.least).min().unwrap_or(0).min(ours)
    }

    /// Returns how far the latest instant that X may date now lies from our clock. The candidates
    /// are the offset that counts and X's last date. Our own clock stands in if no offset counts.
    pub fn latest(&self, now: Millis) -> i64 {
        let OffsetSample { last, agreed, .. } = self.told(now);
        let agreed = agreed.and_then(|seen| seen.apart).unwrap_or_default().most;
        let last = last.and_then(|seen| seen.apart).map(|apart| apart.most);
        last.map_or(agreed, |last| last.max(agreed))
    }

    /// True if X has shown the time recently by a date that counts.
    pub fn is_fresh(&self, now: Millis) -> bool {
        let OffsetSample { last, agreed, .. } = self.told(now);
        let is_lately = |seen: DateSeen| now < seen.at.plus(TOLD_LATELY);
        let (Some(last), Some(agreed)) = (last.filter(|seen| is_lately(*seen)), agreed) else {
            return false;
        };
        match (last.apart, agreed.apart) {
            (Some(last), Some(agreed)) => last.agrees_with(agreed),
            (None, _) | (_, None) => true,
        }
    }

    /// True if a decision to end something may rely on [`Self::earliest`]. That requires clocks
    /// that agree or have differed alike for long. Then neither was just set. If both are wrong at
    /// once, the earlier one is wrong too.
    pub fn is_settled(&self, now: Millis) -> bool {
        let OffsetSample { last: Some(last), agreed: Some(agreed), steady_since } = self.told(now)
        else {
            return false;
        };
        if !self.is_fresh(now) {
            return false;
        }
        let is_steady = steady_since.is_some_and(|since| since.plus(STEADY_FOR) <= last.at);
        last.apart.is_none() || agreed.apart == Some(Apart::default()) || is_steady
    }

    /// Returns X's present by a date that counts and was asked for at `asked_at` or later.
    /// `asked_at` is by our clock.
    pub fn told_since(&self, asked_at: Millis) -> Option<Millis> {
        let told = *self.0.lock().expect("no holder of this lock can panic");
        let seen = told.agreed.filter(|seen| seen.at >= asked_at)?;
        Some(Millis(seen.at.0.saturating_add(seen.apart?.most)))
    }

    /// True if X has answered but never shown the time.
    pub fn is_undated(&self, now: Millis) -> bool {
        self.told(now).agreed.is_some_and(|seen| seen.apart.is_none())
    }

    /// True if X's clock confirms ours.
    pub fn confirms(&self, now: Millis) -> bool {
        self.told(now).agreed.is_some_and(|seen| seen.apart == Some(Apart::default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn at(seconds: i64) -> Millis {
        Millis(seconds * 1_000)
    }

    fn hear(clock: &ClockOfX, now: Millis, ahead_ms: i64) {
        let date = Millis(now.0 + ahead_ms);
        let took = Duration::from_millis(30);
        clock.hear(DateSeen { apart: Some(Apart::of(date, now, took)), at: now });
    }

    #[test]
    fn a_slow_answer_leaves_the_clocks_apart_by_as_much() {
        let quick = Apart::of(at(100), Millis(100_300), Duration::from_millis(40));
        assert_eq!(quick, Apart::default());
        // X's clock lags by 600 s; its answer was dated anywhere in the 8 s that it took.
        let slow = Apart::of(at(408), at(1_000), Duration::from_secs(8));
        assert_eq!(slow, Apart { least: -600_000, most: -591_000 });
        let ahead = Apart::of(at(1_600), at(1_000), Duration::ZERO);
        assert_eq!(ahead, Apart { least: 600_000, most: 601_000 });
    }

    #[test]
    fn one_wrong_date_does_not_count_and_two_in_a_row_do() {
        for ahead in [-24 * HOUR, -90_000, -50_000, 50_000, HOUR, 365 * 24 * HOUR] {
            let clock = ClockOfX::default();
            hear(&clock, at(0), 0);
            hear(&clock, at(1), ahead);
            assert_eq!(clock.apart(at(1)), Some(Apart::default()), "{ahead}");
            assert_eq!(clock.earliest(at(1)), (ahead - 30).min(0), "it may put off, {ahead}");
            assert_eq!(clock.latest(at(1)), (ahead + 1_000).max(0), "{ahead}");
            assert!(!clock.is_fresh(at(1)), "X is asked again, {ahead}");
            hear(&clock, at(2), 0);
            assert_eq!((clock.earliest(at(2)), clock.latest(at(2))), (0, 0), "{ahead}");
            hear(&clock, at(3), ahead);
            assert_eq!(clock.apart(at(3)), Some(Apart::default()), "not in a row, {ahead}");
            hear(&clock, at(4), ahead);
            assert_eq!(clock.apart(at(4)).map(|apart| apart.least), Some(ahead - 30), "{ahead}");
            assert!(clock.is_fresh(at(4)), "{ahead}");
        }
    }

    #[test]
    fn the_very_first_date_counts_where_it_agrees_with_our_clock() {
        let clock = ClockOfX::default();
        hear(&clock, at(0), HOUR);
        assert_eq!(clock.apart(at(0)), None);
        assert_eq!(clock.told_since(at(0)), None);
        hear(&clock, at(1), HOUR);
        assert!(clock.apart(at(1)).is_some());
        assert_eq!(clock.told_since(at(1)), Some(Millis(1_000 + HOUR + 1_000)));
        let clock = ClockOfX::default();
        hear(&clock, at(0), 400);
        assert!(clock.confirms(at(0)));
    }

    #[test]
    fn what_was_heard_before_our_clock_was_set_back_is_forgotten() {
        let clock = ClockOfX::default();
        hear(&clock, at(7_200), 0);
        assert!(clock.confirms(at(7_200)));
        assert_eq!((clock.apart(at(0)), clock.confirms(at(0))), (None, false));
        hear(&clock, at(1), 2 * HOUR);
        assert_eq!(clock.apart(at(1)), None, "one date");
        assert_eq!(clock.latest(at(1)), 2 * HOUR + 1_000);
        hear(&clock, at(2), 2 * HOUR);
        assert_eq!(clock.apart(at(2)).map(|apart| apart.least), Some(2 * HOUR - 30));
    }

    #[test]
    fn a_slow_answer_does_not_blur_what_is_known_better() {
        let clock = ClockOfX::default();
        hear(&clock, at(0), 0);
        let slow = Apart::of(at(5), at(5), Duration::from_secs(50));
        clock.hear(DateSeen { apart: Some(slow), at: at(5) });
        assert_eq!(clock.apart(at(60)), Some(Apart::default()));
        assert!(clock.is_fresh(at(60)));
    }

    #[test]
    fn two_clocks_that_are_wrong_at_once_end_nothing() {
        let clock = ClockOfX::default();
        assert!(!clock.is_settled(at(0)), "nothing was heard");
        hear(&clock, at(0), 0);
        assert!(clock.is_settled(at(1)));
        assert!(!clock.is_settled(at(7_200)), "ours may have been set");
        // Ours was set, and X's dates are wrong as well.
        for second in 7_200..7_210 {
            hear(&clock, at(second), 24 * HOUR);
            assert!(!clock.is_settled(at(second)));
        }
        hear(&clock, at(7_210), 0);
        assert!(clock.is_settled(at(7_210)));
        for minute in 0..=10 {
            hear(&clock, at(7_300 + 60 * minute), 24 * HOUR);
            assert_eq!(clock.is_settled(at(7_300 + 60 * minute)), minute == 10, "{minute}");
        }
        // Set back: what was told of the clock before counts no more.
        hear(&clock, at(100), 24 * HOUR);
        assert!(!clock.is_settled(at(100)));
    }

    #[test]
    fn an_x_that_dates_nothing_is_taken_to_have_our_clock() {
        let clock = ClockOfX::default();
        clock.hear(DateSeen { apart: None, at: at(0) });
        assert_eq!(clock.apart(at(0)), Some(Apart::default()));
        assert!(!clock.confirms(at(0)));
        assert!(clock.is_fresh(at(0)) && clock.is_settled(at(0)));
    }
}
