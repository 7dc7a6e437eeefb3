//! The recent trouble of an account: outages of X and what the log has said of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::domain::policy;
use crate::domain::time::Millis;

/// An outage of X for the whole account. X is asked again ever more slowly and by one call at a
/// time. An outage therefore neither spends the budgets nor fills the log.
#[derive(Clone, Debug, Default)]
pub struct Trouble(Arc<Mutex<(u32, Millis)>>);

/// The longest wait during an outage of X.
const TROUBLE_MOST: Duration = Duration::from_secs(2 * 60);

impl Trouble {
    /// Counts a call that found X away. Returns when X is asked again.
    pub fn met(&self, now: Millis) -> Millis {
        let mut trouble = self.0.lock().expect("no holder of this lock can panic");
        let (times, until) = *trouble;
        // Calls that were under way together are one trouble.
        if until.is_ahead(now, TROUBLE_MOST) {
            return until;
        }
        let wait = (policy::RETRY_FIRST * (1 << times.min(8))).min(TROUBLE_MOST);
        *trouble = (times + 1, now.plus(wait));
        trouble.1
    }

    pub fn over(&self) {
        *self.0.lock().expect("no holder of this lock can panic") = (0, Millis(0));
    }

    /// When X is asked again if the last call found it away. `None` if X answered.
    pub fn until(&self, now: Millis) -> Option<Millis> {
        let (times, until) = *self.0.lock().expect("no holder of this lock can panic");
        (times > 0).then(|| if until.is_ahead(now, TROUBLE_MOST) { until } else { now })
    }
}

/// What the log has already said and would only repeat. For each thing it holds when the log said
/// it and until when it waits.
#[derive(Clone, Debug, Default)]
pub struct LogMemory(Arc<Mutex<BTreeMap<&'static str, (Millis, Millis)>>>);

/// How far X's clock may seem to move between two answers.
const CLOCK_SLACK: Duration = Duration::from_secs(2);

impl LogMemory {
    /// True if it is news that `what` waits until then.
    pub fn is_news(&self, what: &'static str, until: Millis) -> bool {
        let mut said = self.0.lock().expect("no holder of this lock can panic");
        said.insert(what, (Millis(i64::MIN), until)).is_none_or(|(_, before)| until > before)
    }

    /// True if it is news that a limit holds until then. It is news once a window, however often
    /// the limit is met. A longer wait than the logged one is news at once.
    pub fn is_news_of_limit(
        &self,
        what: &'static str,
        now: Millis,
        until: Millis,
        window: Duration,
    ) -> bool {
        let mut said = self.0.lock().expect("no holder of this lock can panic");
        let is_news = said.get(what).is_none_or(|(said_at, before)| {
            // The clock was set back since.
            now < *said_at
                || until > *before
                    && (now >= said_at.plus(window)
                        || until.since(now) > before.since(*said_at) + CLOCK_SLACK)
        });
        if is_news {
            said.insert(what, (now, until));
        }
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;
    const WINDOW: Duration = Duration::from_secs(15 * 60);

    fn is_news(said: &LogMemory, now: i64, until: i64) -> bool {
        said.is_news_of_limit("events", Millis(now), Millis(until), WINDOW)
    }

    #[test]
    fn a_limit_is_said_once_a_window() {
        let said = LogMemory::default();
        assert!(is_news(&said, 0, 15 * MINUTE));
        assert!(!is_news(&said, MINUTE, 15 * MINUTE), "the same window");
        assert!(!is_news(&said, MINUTE, 15 * MINUTE + 900), "by a clock told to the second");
        assert!(!is_news(&said, 15 * MINUTE - 1, 16 * MINUTE - 1), "a minute's calls came free");
        assert!(is_news(&said, 15 * MINUTE + 1, 30 * MINUTE), "the next window");
        assert!(is_news(&said, 15 * MINUTE + 2, 40 * MINUTE), "a longer wait than was said");
        assert!(said.is_news_of_limit("show", Millis(0), Millis(MINUTE), WINDOW), "another limit");
    }

    #[test]
    fn waits_that_double_are_each_said() {
        let said = LogMemory::default();
        let (mut now, mut wait) = (0, 5_000);
        for _ in 0..8 {
            assert!(is_news(&said, now, now + wait), "{wait}");
            now += wait;
            wait *= 2;
        }
    }

    #[test]
    fn a_clock_that_was_set_back_silences_nothing() {
        let said = LogMemory::default();
        assert!(is_news(&said, 1_000 * MINUTE, 1_015 * MINUTE));
        assert!(is_news(&said, 0, 15 * MINUTE));
    }
}
