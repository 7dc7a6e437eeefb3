//! What the tests stand on: fresh databases, a stage with a simulated X, the built program.

pub mod database;
pub mod help_desk;
pub mod log;
pub mod people;
pub mod processor;
pub mod program;
pub mod receiver;
pub mod stage;
pub mod wire;

use std::time::Duration;

use surveyd::domain::time::{Millis, Period};

/// From the first to the last instant.
pub const ALL_TIME: Period = Period { from: Millis(i64::MIN), to: Millis(i64::MAX) };

/// When the stories begin: 2026-09-21T14:13:20Z.
pub const START: Millis = Millis(1_790_000_000_000);

pub fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub fn minutes(count: u64) -> Duration {
    seconds(60 * count)
}

pub fn hours(count: u64) -> Duration {
    minutes(60 * count)
}

pub fn days(count: u64) -> Duration {
    hours(24 * count)
}
