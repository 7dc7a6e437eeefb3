//! The facts that affect the due surveys of an account at one moment.

use std::time::Duration;

use crate::domain::budget::Call;
use crate::domain::policy::Pacing;
use crate::domain::time::Millis;

/// The settings of an account that affect the waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    pub account: String,
    /// True on a dry run. Everything is decided, but nothing is sent.
    pub is_dry: bool,
    pub daily_limit: u32,
    pub pacing: Pacing,
    /// The call that looks up who can be messaged. It takes one person or a hundred.
    pub look_ups: Call,
    /// True if a hundred are looked up in one call once the other calls are spent.
    pub is_auto: bool,
    pub events_horizon: Duration,
}

/// Whether a daemon works on the database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Presence {
    /// Since when it works if that can be known.
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

impl Pause {
    /// The reason and the next question, as the end of a line.
    pub fn words(&self) -> String {
        let at = self.asked_again_at.rfc3339();
        format!("X refuses it ({}); X is asked again at {at}", self.why)
    }
}

/// A hold of all sends until X's events have been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    pub since: Millis,
    /// When it can end at the earliest.
    pub until: Millis,
    /// The reason and the end of the hold, as the end of a line.
    pub words: String,
    /// The command that resumes an interrupted rebuild.
    pub rebuild: Option<String>,
}

/// The calls of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallsLeft {
    pub left: u32,
    pub allowed: u32,
    /// When the next may be made. `None` means now.
    pub free_at: Option<Millis>,
}

/// The account's prompts of the last 24 hours. On a dry run, they include those that would have
/// been sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DayOfPrompts {
    pub prompts: u64,
    /// When X may have counted the latest of them.
    pub latest_at: Option<Millis>,
    /// When the oldest of them no longer counts.
    pub free_at: Option<Millis>,
}

/// Why single surveys are looked at again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PutOffReason {
    /// A worker has leased them or died with them.
    Claimed,
    QuietHours,
    /// X gave no answer that settles them.
    Tried,
    PersonLimit,
    /// The account's day of prompts was full.
    DayFull,
    /// A clock that ran ahead put them off.
    ClockAhead,
    /// The clocks contradict each other.
    ClocksApart,
    Other,
}

/// Due surveys that were put off one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PutOff {
    pub why: PutOffReason,
    pub surveys: u64,
    pub since: Option<Millis>,
    /// When the wait of the first of them ends.
    pub until: Millis,
    pub expiring: Option<Expiring>,
}

/// Surveys that expire before their wait ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiring {
    pub surveys: u64,
    pub first_at: Millis,
}

impl Expiring {
    pub fn and(self, other: Self) -> Self {
        let surveys = self.surveys + other.surveys;
        Self { surveys, first_at: self.first_at.min(other.first_at) }
    }
}

/// All facts that affect the due surveys of one account at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    pub account: String,
    pub now: Millis,
    /// How many surveys are due and not sent.
    pub due: u64,
    pub oldest_due: Option<Millis>,
    /// When a single survey will be due if it is not due yet.
    pub due_at: Option<Millis>,
    pub served: Option<Served>,
    pub presence: Presence,
    /// Why the database takes no writes.
    pub database: Option<String>,
    pub pause: Option<Pause>,
    pub holding: Option<Holding>,
    /// The last instant on record, if the clock stands before it.
    pub clock_before: Option<Millis>,
    pub day: DayOfPrompts,
    pub prompts: CallsLeft,
    pub look_ups: CallsLeft,
    /// How many of the surveys looked at next had no answer from X.
    pub tried: u64,
    pub put_off: Vec<PutOff>,
}
