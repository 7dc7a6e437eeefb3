//! Describes how people and pages behave by default, as shares and lengths of time.
//!
//! The seed decides each single case.

use std::time::Duration;

/// The behaviour of people and pages. All shares run from 0 (never) to 1 (always).
#[derive(Clone, Debug, PartialEq)]
pub struct Behaviour {
    /// The share of people whom the account cannot message.
    pub closed: f64,
    /// The share of prompts that get a score.
    pub answered: f64,
    /// The share of scored prompts that also get a comment.
    pub commented: f64,
    /// The share of commented prompts whose score and comment come in one update.
    pub together: f64,
    /// The share of updates that X reports a second time without a change.
    pub repeated: f64,
    /// The time from the prompt to the score.
    pub score_after: DurationRange,
    /// The time from the score to a separate comment.
    pub comment_after: DurationRange,
    pub paging: Paging,
}

/// A shortest and a longest length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DurationRange {
    pub shortest: Duration,
    pub longest: Duration,
}

impl DurationRange {
    pub const fn from_millis(shortest: u64, longest: u64) -> Self {
        Self { shortest: Duration::from_millis(shortest), longest: Duration::from_millis(longest) }
    }
}

/// The shape of `feedback/events` pages. X promises neither full pages nor an order. It may list an
/// event more than once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Paging {
    /// The share of pages that hold fewer events than they could.
    pub partial: f64,
    /// The share of pages that are empty but have a cursor. Two such pages never follow each other,
    /// so reading always ends.
    pub empty: f64,
    /// The share of events that are listed twice in their window.
    pub duplicated: f64,
    /// True if a window's events are in a random order. Otherwise the oldest is first.
    pub shuffled: bool,
}

impl Paging {
    /// Full pages with the oldest event first and every event once.
    pub const fn plain() -> Self {
        Self { partial: 0.0, empty: 0.0, duplicated: 0.0, shuffled: false }
    }

    /// Pages that often show everything a client must handle.
    pub const fn awkward() -> Self {
        Self { partial: 0.5, empty: 0.3, duplicated: 0.2, shuffled: true }
    }
}

impl Behaviour {
    /// A world in which everybody can be messaged and nobody answers by default.
    pub const fn silent() -> Self {
        Self {
            closed: 0.0,
            answered: 0.0,
            commented: 0.0,
            together: 0.0,
            repeated: 0.0,
            score_after: DurationRange::from_millis(0, 0),
            comment_after: DurationRange::from_millis(0, 0),
            paging: Paging::plain(),
        }
    }

    /// People who answer while somebody watches. Four in five answer, within half a second to six
    /// seconds.
    pub const fn lively() -> Self {
        Self {
            closed: 0.06,
            answered: 0.8,
            commented: 0.45,
            together: 0.25,
            repeated: 0.1,
            score_after: DurationRange::from_millis(500, 4_000),
            comment_after: DurationRange::from_millis(500, 2_000),
            paging: Paging::awkward(),
        }
    }

    /// People as they really are. They take minutes to hours and most never answer.
    pub const fn unhurried() -> Self {
        const MINUTE: u64 = 60_000;
        Self {
            closed: 0.06,
            answered: 0.35,
            commented: 0.4,
            together: 0.25,
            repeated: 0.05,
            score_after: DurationRange::from_millis(MINUTE / 2, 8 * 60 * MINUTE),
            comment_after: DurationRange::from_millis(MINUTE / 6, 5 * MINUTE),
            paging: Paging::awkward(),
        }
    }
}
