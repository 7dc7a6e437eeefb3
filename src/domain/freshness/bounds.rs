//! The bounds of how often surveyd asks about a prompt while calls are plentiful.

use std::time::Duration;

use super::{Millis, minutes};

/// The least gap between two questions about one prompt is the interval between two readings of the
/// events divided by this. It is one minute by default. No shorter wait is worth more calls.
const OF_INTERVAL: u32 = 5;

/// The price of a call while calls are plentiful, in minutes of waiting that the call is expected
/// to end. The call costs X an answer and surveyd a disk write. At this price, surveyd asks about a
/// lone prompt some hundred times.
const PRICE_LEAST: f64 = 0.01;

/// The longest gap at the least price, in minutes. It grows with the price.
const GAP_MOST: f64 = 360.0;

/// The bounds of one account's schedule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    gap_least: Duration,
    pub fresh_for: Duration,
}

impl Bounds {
    /// Takes the `interval` at which the events are read. An account that reads them rarely also
    /// asks rarely.
    pub fn of(interval: Duration, fresh_for: Duration) -> Self {
        Self { gap_least: interval / OF_INTERVAL, fresh_for }
    }

    /// When X is first asked about a prompt. `None` if the prompt is not fresh for that long. The
    /// schedule decides from then on.
    pub fn first(&self, sent_at: Millis) -> Option<Millis> {
        (self.fresh_for >= self.gap_least).then(|| sent_at.plus(self.gap_least))
    }

    /// A prompt that is due within this time after another is asked about together with it.
    pub fn together(&self) -> Duration {
        self.gap_least / 3
    }

    /// The least gap between two questions, in minutes.
    pub(super) fn gap_least(&self) -> f64 {
        minutes(self.gap_least)
    }

    /// The least price. Calls are cheaper if the least gap is shorter than a minute. At a steady
    /// chance of an answer, the gap grows with the square root of the price.
    pub(super) fn price_least(&self) -> f64 {
        let part = self.gap_least().min(1.0);
        PRICE_LEAST * part * part
    }

    /// The longest gap between two questions, in minutes.
    pub(super) fn gap_most(&self, price: f64) -> f64 {
        let most = GAP_MOST * (price / self.price_least()).max(1.0);
        most.max(self.gap_least())
    }
}
