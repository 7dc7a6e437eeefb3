//! How people and pages behave where nobody has said otherwise: shares and lengths, drawn from the
//! seed.

use std::time::Duration;

/// All shares run from 0 (never) to 1 (always).
#[derive(Clone, Debug, PartialEq)]
pub struct Behaviour {
    /// Of all people, those whom the account cannot message.
    pub closed: f64,
    /// Of all prompts, those that get a score.
    pub answered: f64,
    /// Of the answered ones, those that get a comment too.
    pub commented: f64,
    /// Of the commented ones, those where score and comment come in one update.
    pub together: f64,
    /// Of all updates, those that X reports a second time, unchanged.
    pub repeated: f64,
    /// From the prompt to the score.
    pub score_after: Span,
    /// From the score to the comment.
    pub comment_after: Span,
    pub paging: Paging,
}

/// A shortest and a longest length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub shortest: Duration,
    pub longest: Duration,
}

impl Span {
    pub const fn from_millis(shortest: u64, longest: u64) -> Self {
        Self { shortest: Duration::from_millis(shortest), longest: Duration::from_millis(longest) }
    }
}

/// What pages of `feedback/events` look like. X promises neither full pages nor an order nor that
/// an event comes once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Paging {
    /// Pages that hold fewer events than they could.
    pub partial: f64,
    /// Empty pages that have a cursor nevertheless. Two never follow each other, so reading comes
    /// to an end.
    pub empty: f64,
    /// Events that stand in their window twice.
    pub duplicated: f64,
    /// Whether the events of a window come in any order instead of the oldest first.
    pub shuffled: bool,
}

impl Paging {
    /// Full pages, oldest first, every event once.
    pub const fn plain() -> Self {
        Self { partial: 0.0, empty: 0.0, duplicated: 0.0, shuffled: false }
    }

    /// Everything that a client must bear, often.
    pub const fn awkward() -> Self {
        Self { partial: 0.5, empty: 0.3, duplicated: 0.2, shuffled: true }
    }
}

impl Behaviour {
    /// Everybody can be messaged and nobody answers on their own.
    pub const fn silent() -> Self {
        Self {
            closed: 0.0,
            answered: 0.0,
            commented: 0.0,
            together: 0.0,
            repeated: 0.0,
            score_after: Span::from_millis(0, 0),
            comment_after: Span::from_millis(0, 0),
            paging: Paging::plain(),
        }
    }

    /// People who answer while somebody watches: within half a second to six seconds, four in five
    /// of them.
    pub const fn lively() -> Self {
        Self {
            closed: 0.06,
            answered: 0.8,
            commented: 0.45,
            together: 0.25,
            repeated: 0.1,
            score_after: Span::from_millis(500, 4_000),
            comment_after: Span::from_millis(500, 2_000),
            paging: Paging::awkward(),
        }
    }

    /// People as they are: minutes to hours, and most never answer.
    pub const fn unhurried() -> Self {
        const MINUTE: u64 = 60_000;
        Self {
            closed: 0.06,
            answered: 0.35,
            commented: 0.4,
            together: 0.25,
            repeated: 0.05,
            score_after: Span::from_millis(MINUTE / 2, 8 * 60 * MINUTE),
            comment_after: Span::from_millis(MINUTE / 6, 5 * MINUTE),
            paging: Paging::awkward(),
        }
    }
}
