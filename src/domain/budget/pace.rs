//! Spreads the calls of an account evenly.
//!
//! X's windows alone would not do that. Calls spent in one minute come free in one minute, a
//! quarter of an hour later. They would be spent in one minute again and answers would wait for
//! that burst.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Millis;
use crate::domain::time::millis;

/// The most calls that may be made at once after an idle time, in minutes of calls.
const SAVED_MOST: f64 = 1.0;

/// The clocks of two daemons may differ by this much. So may one daemon's clock before and after it
/// has learnt X's clock again. A larger difference means that a clock was set back.
const SET_BACK: Duration = Duration::from_secs(60);

/// The calls that have not been made yet. All who spend from one budget share this number. Losing
/// it costs next to nothing.
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
            // A clock that was set back has used up nothing.
            Some(at) if at.since(now) > SET_BACK => (self.saved, now),
            Some(at) => (self.saved + minutes(now.since(at)) * calls_a_minute, at.max(now)),
        };
        (self.saved, self.at) = (saved.min(most), Some(at));
        self.saved as u32
    }

    /// Counts these calls as made.
    pub fn spend(&mut self, calls: u32) {
        self.saved = (self.saved - f64::from(calls)).max(0.0);
    }

    /// How long it takes until enough calls for a pass have come free.
    pub fn wait(calls_a_minute: f64, together: Duration) -> Duration {
        together.max(Duration::from_secs_f64(60.0 / calls_a_minute))
    }
}

fn minutes(length: Duration) -> f64 {
    millis(length) as f64 / 60_000.0
}
