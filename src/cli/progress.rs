//! The progress bar of a command that goes through closes in the order of their time.
//!
//! It is drawn on standard error, and only if that is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::domain::time::Millis;

/// The number of steps of the bar for a period of any length.
const STEPS: u64 = 1_000;

/// A bar that is full at the end of a period.
pub struct TimeBar {
    bar: ProgressBar,
    from: Millis,
    to: Millis,
}

impl TimeBar {
    pub fn new(from: Millis, to: Millis) -> Self {
        let bar = ProgressBar::new(STEPS);
        let style = ProgressStyle::with_template("{bar:40} {msg}");
        bar.set_style(style.expect("the template is fixed"));
        Self { bar, from, to }
    }

    /// Shows that the work has come to an instant.
    pub fn reach(&self, at: Millis, message: String) {
        self.bar.set_message(message);
        self.bar.set_position(steps(at.since(self.from), self.to.since(self.from)));
    }

    /// Shows what is being done now.
    pub fn say(&self, message: String) {
        self.bar.set_message(message);
    }

    /// Takes the bar off the terminal.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

fn steps(done: Duration, all: Duration) -> u64 {
    let (done_ms, all_ms) = (done.as_millis(), all.as_millis().max(1));
    u64::try_from(done_ms * u128::from(STEPS) / all_ms).map_or(STEPS, |steps| steps.min(STEPS))
}
