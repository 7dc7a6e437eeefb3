//! When `feedback/show` is asked about a prompt: the calls that X allows are spent where an answer
//! is likeliest to be waiting.
//!
//! Of the prompts that are out most are never answered, and of the answers most come soon. A
//! [`Curve`] says how likely an answer is at each age, for prompts that have none yet: a default
//! that the account's own answers refine ([`learned`]). A [`Schedule`] weighs each prompt by what a
//! question about it is worth, and asks once that exceeds the price of a call; the [`price`] is the
//! one at which the prompts that are out want as many calls as there are. `docs/freshness.md` has
//! the reasoning and the figures.

mod bounds;
mod curve;
mod learned;
mod gap;
mod price;
mod schedule;
#[cfg(test)]
mod tests;

pub use self::bounds::Bounds;
pub use self::curve::Curve;
pub use self::learned::{Habits, Observed};
pub use self::price::PromptsByAge;
pub use self::schedule::{Fresh, PollRound, Schedule};

use std::time::Duration;

use super::time::{Millis, millis};

/// How long the rest of an answer, mostly the comment, is asked about once a part of it has come.
/// X's events bring whatever comes later.
pub const REST_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// Of `limit` calls in X's window, those that are kept for prompts asked about out of turn: those
/// that X itself has pointed at. They are few beside some 700 calls an hour.
fn reserve(limit: u32) -> u32 {
    limit / 60
}

/// Calls a minute that the schedule may plan with, of `limit` in X's window. The budget counts by
/// the minute, so that a window takes a minute more ([`super::budget`]).
pub fn calls_a_minute(limit: u32) -> f64 {
    f64::from((limit - reserve(limit)).max(1)) / (minutes(super::budget::WINDOW) + 1.0)
}

fn minutes(length: Duration) -> f64 {
    millis(length) as f64 / 60_000.0
}
