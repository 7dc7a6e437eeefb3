//! The log lines about a database that is away.
//!
//! There is one line as an outage begins, one a minute while it lasts and one at its end. This
//! holds however many tasks meet the outage.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The least time between two lines that the database is away.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// The outages as all tasks that work with the database meet them.
#[derive(Clone, Debug, Default)]
pub struct Outage(Arc<Mutex<OutageState>>);

#[derive(Debug, Default)]
struct OutageState {
    /// The tasks whose last try failed.
    waiting: BTreeSet<String>,
    told_at: Option<Instant>,
    /// True if the log has reported the outage and not its end.
    is_told: bool,
}

impl Outage {
    /// Records a failed try of `who`. Returns true if the log must report it.
    pub fn met(&self, who: &str, now: Instant) -> bool {
        let mut state = self.0.lock().expect("no holder of this lock can panic");
        state.waiting.insert(who.to_owned());
        let is_silent = state.told_at.is_some_and(|at| now.duration_since(at) < TOLD_EVERY);
        if !is_silent {
            state.told_at = Some(now);
            state.is_told = true;
        }
        !is_silent
    }

    /// Records a successful try of `who`. Returns true if the log must report the end of the
    /// outage.
    pub fn over(&self, who: &str) -> bool {
        let mut state = self.0.lock().expect("no holder of this lock can panic");
        state.waiting.remove(who);
        state.waiting.is_empty() && std::mem::take(&mut state.is_told)
    }

    /// Forgets `who`, which tries no more. This proves nothing about the outage.
    pub fn leave(&self, who: &str) {
        let mut state = self.0.lock().expect("no holder of this lock can panic");
        state.waiting.remove(who);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_a_line_at_its_beginning_one_a_minute_and_one_at_its_end() {
        let (outage, began) = (Outage::default(), Instant::now());
        let at = |seconds| began + Duration::from_secs(seconds);
        let mut told = Vec::new();
        for second in (0..150).step_by(2) {
            for who in ["sending for acme", "polling for acme", "writes"] {
                told.extend(outage.met(who, at(second)).then_some(second));
            }
        }
        assert_eq!(told, [0, 60, 120]);
        assert!(!outage.over("writes") && !outage.over("polling for acme"), "one still waits");
        assert!(!outage.over("globex"), "who met nothing shows nothing");
        assert!(outage.over("sending for acme"));
        assert!(!outage.over("sending for acme"), "it is over once");
        assert!(outage.met("writes", at(3_600)), "the next outage");
        assert!(outage.over("writes"));
    }

    #[test]
    fn a_database_that_comes_and_goes_is_told_of_once_a_minute() {
        let (outage, began) = (Outage::default(), Instant::now());
        let mut lines = (0, 0);
        for second in 0..120 {
            let now = began + Duration::from_secs(second);
            lines.0 += usize::from(outage.met("writes", now));
            lines.1 += usize::from(outage.over("writes"));
        }
        assert_eq!(lines, (2, 2), "each beginning that was told has its end");
    }

    #[test]
    fn who_leaves_while_it_is_away_holds_its_end_up_no_longer() {
        let (outage, now) = (Outage::default(), Instant::now());
        assert!(outage.met("the work of an old configuration", now) && !outage.met("writes", now));
        outage.leave("the work of an old configuration");
        assert!(outage.over("writes"));
        assert!(outage.met("writes", now + TOLD_EVERY));
        outage.leave("writes");
        assert!(outage.over("anybody"), "whoever succeeds next says so");
    }
}
