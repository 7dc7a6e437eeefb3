//! What bears on the due surveys of an account at one moment.

use std::time::Duration;

use crate::domain::budget::Call;
use crate::domain::time::Millis;

/// What the configuration says of an account, as far as it bears on the waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    pub account: String,
    /// Everything is decided, and nothing is sent.
    pub is_dry: bool,
    pub daily_limit: u32,
    /// Where it is looked up who can be messaged: one person a call, or a hundred.
    pub look_ups: Call,
    /// Whether a hundred are looked up in one call where the others are spent.
    pub is_auto: bool,
    pub events_horizon: Duration,
}

/// Whether a daemon works on the database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Presence {
    /// Since when, where that can be known.
    Works {
        since: Option<Millis>,
    },
    Nobody,
    #[default]
    Unknown,
}

/// An account that X refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    pub since: Millis,
    pub why: String,
    pub asked_again_at: Millis,
}

/// Sends that are held until X's events have been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    pub since: Millis,
    /// When it can end at the earliest.
    pub until: Millis,
    /// Why and until when, to the end of a line.
    pub words: String,
    /// What goes on with a rebuild that was broken off.
    pub rebuild: Option<String>,
}

/// Calls of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallsLeft {
    pub left: u32,
    pub allowed: u32,
    /// When the next may be made; absent: now.
    pub free_at: Option<Millis>,
}

/// The account's prompts of the last 24 hours; on a dry run with those that would have gone out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DayOfPrompts {
    pub prompts: u64,
    /// When the latest of them may have been counted by X.
    pub latest_at: Option<Millis>,
    /// When the oldest of them no longer counts.
    pub free_at: Option<Millis>,
}

/// Why single surveys are looked at again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PutOffReason {
    /// A worker has them, or died with them.
    Claimed,
    QuietHours,
    /// X gave no answer that settles them.
    Tried,
    PersonLimit,
    /// They were put off by a clock that ran ahead.
    ClockAhead,
    /// The clocks contradict each other.
    ClocksApart,
    Other,
}

/// Surveys that are due and were put off, each by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PutOff {
    pub why: PutOffReason,
    pub surveys: u64,
    pub since: Option<Millis>,
    /// When the first of them is looked at again.
    pub until: Millis,
}

/// All that bears on the due surveys of one account at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    pub account: String,
    pub now: Millis,
    /// Surveys that are due and not sent.
    pub due: u64,
    pub oldest_due: Option<Millis>,
    /// Of a single survey that is not due yet: when it will be.
    pub due_at: Option<Millis>,
    pub served: Option<Served>,
    pub presence: Presence,
    /// Why the database takes no writes.
    pub database: Option<String>,
    pub pause: Option<Pause>,
    pub holding: Option<Holding>,
    /// The last instant on record, where the clock stands before it.
    pub clock_before: Option<Millis>,
    pub day: DayOfPrompts,
    pub prompts: CallsLeft,
    pub look_ups: CallsLeft,
    /// Of the surveys that are looked at next, those that X gave no answer for.
    pub tried: u64,
    pub put_off: Vec<PutOff>,
}
