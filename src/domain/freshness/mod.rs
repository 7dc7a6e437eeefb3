//! Decides when surveyd asks X about a prompt (`feedback/show`). It spends the calls that X allows
//! where an answer is most likely to be waiting.
//!
//! Most prompts are never answered. Most answers come soon after the prompt.
//!
//! - A [`Curve`] gives the chance of an answer at each age of a prompt that has none yet. It starts
//!   from a default and is refined by the account's own answers ([`learned`]).
//! - A [`Schedule`] computes the worth of a question about a prompt. X is asked once that worth
//!   exceeds the price of a call.
//! - The [`price`] rises until all open prompts together want no more calls than there are.
//!
//! `docs/freshness.md` has the reasoning and the figures.

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

/// How long surveyd asks about the rest of an answer after its first part. The rest is mostly the
/// comment. X's events bring whatever comes later.
pub const REST_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// The calls out of `limit` in X's window that are reserved for prompts asked about out of turn. X
/// itself has pointed at those prompts. They are few beside some 700 calls an hour.
fn reserve(limit: u32) -> u32 {
    limit / 60
}

/// The calls a minute that the schedule may plan with. `limit` is the number in X's window. The
/// budget counts by the minute, and so makes the window one minute longer ([`super::budget`]).
pub fn calls_a_minute(limit: u32) -> f64 {
    f64::from((limit - reserve(limit)).max(1)) / (minutes(super::budget::WINDOW) + 1.0)
}

fn minutes(length: Duration) -> f64 {
    millis(length) as f64 / 60_000.0
}
