//! Spreads the calls of an account evenly.
//!
//! X's windows alone would not: calls that are spent in one minute come free in one minute, a
//! quarter of an hour later, and are spent in one minute again; answers would wait for the burst.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Millis;
use crate::domain::time::millis;

/// So many minutes' calls may be made at once, after a time without.
const SAVED_MOST: f64 = 1.0;

/// Clocks that differ by no more are of two daemons, or of one that heard X's anew; none was set
/// back.
const SET_BACK: Duration = Duration::from_secs(60);

/// Calls that have not been made yet: one number for all who spend of one budget. Losing it costs
/// next to nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallPace {
    saved: f64,
    at: Option<Millis>,
}

impl CallPace {
    /// How many calls may be made now.
    pub fn calls(&mut self, calls_a_minute: f64, now: Millis) -> u32 {
        let most = (calls_a_minute * SAVED_MOST).max(1.0);
        let (saved, at) = match self.at {
            None => (most, now),
            // A clock that was set back has not taken anything away.
            Some(at) if at.since(now) > SET_BACK => (self.saved, now),
            Some(at) => (self.saved + minutes(now.since(at)) * calls_a_minute, at.max(now)),
        };
        (self.saved, self.at) = (saved.min(most), Some(at));
        self.saved as u32
    }

    /// So many of them are made.
    pub fn spend(&mut self, calls: u32) {
        self.saved = (self.saved - f64::from(calls)).max(0.0);
    }

    /// How long it takes until calls have come free that are worth a pass.
    pub fn wait(calls_a_minute: f64, together: Duration) -> Duration {
        together.max(Duration::from_secs_f64(60.0 / calls_a_minute))
    }
}

fn minutes(length: Duration) -> f64 {
    millis(length) as f64 / 60_000.0
}
