//! How often a prompt is asked about at most, and how rarely at least while there are calls enough.

use std::time::Duration;

use super::{Millis, minutes};

/// Of the time between two readings of the events, the least between two questions about one
/// prompt: a minute by default. Nobody's minute is worth more calls.
const OF_INTERVAL: u32 = 5;

/// What a call costs where there are plenty, in minutes of waiting that it is expected to end: X
/// answers it, and a disk is written to. A lone prompt is asked about some hundred times at this
/// price.
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
    /// `interval`: how often the events are read. Whoever reads them rarely asks more rarely, too.
    pub fn of(interval: Duration, fresh_for: Duration) -> Self {
        Self { gap_least: interval / OF_INTERVAL, fresh_for }
    }

    /// When X is asked about a prompt first; `None` where it is not fresh for as long. The schedule
    /// has the say from then on.
    pub fn first(&self, sent_at: Millis) -> Option<Millis> {
        (self.fresh_for >= self.gap_least).then(|| sent_at.plus(self.gap_least))
    }

    /// What is due so soon after another question is asked about together with it.
    pub fn together(&self) -> Duration {
        self.gap_least / 3
    }

    /// In minutes.
    pub(super) fn gap_least(&self) -> f64 {
        minutes(self.gap_least)
    }

    /// Where less than a minute is wanted, calls are cheaper: at a steady chance of an answer, gaps
    /// are as the square root of the price.
    pub(super) fn price_least(&self) -> f64 {
        let part = self.gap_least().min(1.0);
        PRICE_LEAST * part * part
    }

    /// In minutes.
    pub(super) fn gap_most(&self, price: f64) -> f64 {
        let most = GAP_MOST * (price / self.price_least()).max(1.0);
        most.max(self.gap_least())
    }
}
