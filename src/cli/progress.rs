//! The progress bars of commands that take long.
//!
//! They are drawn on standard error, and only if that is a terminal.

use std::fs;
use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::domain::time::Millis;

/// The number of steps of the bar for a period of any length.
const STEPS: u64 = 1_000;

/// How often the size of a growing file is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Waits for a work that writes the file `grows`, and shows how far it has come to `bytes`.
pub async fn growing<T>(
    work: impl Future<Output = T>,
    grows: &Path,
    bytes: u64,
    what: &'static str,
) -> T {
    let bar = ProgressBar::new(bytes.max(1));
    let style = ProgressStyle::with_template("{bar:40} {msg} {bytes} of {total_bytes}");
    bar.set_style(style.expect("the template is fixed"));
    bar.set_message(what);
    let mut work = std::pin::pin!(work);
    loop {
        match tokio::time::timeout(LOOK_EVERY, &mut work).await {
            Ok(done) => {
                bar.finish_and_clear();
                return done;
            }
            Err(_) => bar.set_position(fs::metadata(grows).map_or(0, |found| found.len())),
        }
    }
}

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
