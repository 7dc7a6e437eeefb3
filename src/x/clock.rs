//! What X's answers tell of its clock: how far it stands from ours, as far as a date to the second
//! and the time that the answer took can say.

use std::time::Duration;

use reqwest::header::HeaderMap;

use crate::domain::time::Millis;

/// For how long an answer's date is relied on where much hangs on it.
pub const TOLD_LATELY: Duration = Duration::from_secs(10 * 60);

/// Clocks that differ by less are taken to agree.
const CLOCKS_TOGETHER_MS: i64 = 2_000;

/// What an answer's date told of X's clock.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// `None` where the answer bore no date.
    pub apart: Option<Apart>,
    /// When the request was made, by our clock.
    pub at: Millis,
}

impl Seen {
    /// Whether our clock has been set back since: it is another one than was compared then.
    pub fn is_set_back(&self, now: Millis) -> bool {
        now.0.saturating_add(CLOCKS_TOGETHER_MS) < self.at.0
    }
}

/// X's clock minus ours, in milliseconds: somewhere between the two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Apart {
    pub least: i64,
    pub most: i64,
}

impl Apart {
    /// Of an answer to a request made at `now` that came after `took`: X dated it at some moment
    /// between the two, and cut the date to the second.
    pub fn of(date: Millis, now: Millis, took: Duration) -> Self {
        let least = date.0.saturating_sub(now.plus(took).0);
        let most = date.0.saturating_sub(now.0).saturating_add(1_000);
        Self {
            least: if least.abs() < CLOCKS_TOGETHER_MS { 0 } else { least },
            most: if most.abs() < CLOCKS_TOGETHER_MS { 0 } else { most },
        }
    }

    /// How far X's clock may lag behind ours.
    pub fn behind(self) -> Duration {
        Duration::from_millis(self.least.min(0).unsigned_abs())
    }

    /// How far X's clock may run ahead of ours.
    pub fn ahead(self) -> Duration {
        Duration::from_millis(self.most.max(0).unsigned_abs())
    }
}

/// What an answer says the time is.
pub fn date(headers: &HeaderMap) -> Option<Millis> {
    let text = headers.get(reqwest::header::DATE)?.to_str().ok()?;
    let instant = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(Millis(instant.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_answer_leaves_the_clocks_apart_by_as_much() {
        let at = |seconds: i64| Millis(seconds * 1_000);
        let quick = Apart::of(at(100), Millis(100_300), Duration::from_millis(40));
        assert_eq!((quick.behind(), quick.ahead()), (Duration::ZERO, Duration::ZERO));
        // X's clock lags by 600 s; its answer was dated anywhere in the 8 s that it took.
        let slow = Apart::of(at(408), at(1_000), Duration::from_secs(8));
        assert_eq!(slow.behind(), Duration::from_secs(600));
        assert_eq!(slow.ahead(), Duration::ZERO);
        let ahead = Apart::of(at(1_600), at(1_000), Duration::ZERO);
        assert_eq!((ahead.behind(), ahead.ahead()), (Duration::ZERO, Duration::from_secs(601)));
    }
}
