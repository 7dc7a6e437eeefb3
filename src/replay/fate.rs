//! Says what became of a close on record or in a replay.

use crate::domain::policy::decision::{Decision, Ground, Verdict};
use crate::domain::survey::{CancelledBy, Reason, State};
use crate::store::Recorded;

/// What a merged close is.
pub const MERGED: &str =
    "the conversation closed again before its prompt was out, and the later close counts";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    Sent,
    /// X may have taken the prompt.
    Uncertain,
    /// Its prompt is not due yet or waits.
    Waits,
    /// A further close of the conversation arrived before the prompt was sent and took its place.
    Merged,
    Suppressed(Reason),
    Cancelled(CancelledBy),
    Expired,
    Failed,
}

impl Fate {
    pub fn outcome(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Uncertain => "uncertain",
            Self::Waits => "scheduled",
            Self::Merged => "merged",
            Self::Suppressed(_) => "suppressed",
            Self::Cancelled(_) => "cancelled",
            Self::Expired => "expired",
            Self::Failed => "failed",
        }
    }

    pub fn reason(self) -> Option<&'static str> {
        match self {
            Self::Suppressed(reason) => Some(reason.as_str()),
            Self::Cancelled(by) => Some(by.as_str()),
            Self::Sent
            | Self::Uncertain
            | Self::Waits
            | Self::Merged
            | Self::Expired
            | Self::Failed => None,
        }
    }

    /// Returns the fate of the last close of a survey on record.
    pub fn on_record(row: &Recorded) -> Self {
        match &row.survey.state {
            State::Sent(_) | State::Answered(_) => Self::Sent,
            State::Sending { .. } | State::Uncertain { .. } => Self::Uncertain,
            State::Scheduled => Self::Waits,
            State::Suppressed(reason) => Self::Suppressed(*reason),
            State::Cancelled(by) => Self::Cancelled(*by),
            State::Expired => Self::Expired,
            State::Failed(_) => Self::Failed,
        }
    }

    /// True if this fate follows from the decision.
    fn follows_from(self, decision: &Decision) -> bool {
        match decision.verdict() {
            Verdict::Send => self == Self::Sent,
            Verdict::Suppress(reason) => self == Self::Suppressed(reason),
            Verdict::Expire => self == Self::Expired,
            Verdict::Schedule { .. } => self == Self::Waits,
            // A survey that waits too long expires without a further decision.
            Verdict::Wait { .. } => matches!(self, Self::Waits | Self::Expired),
        }
    }
}

/// A fate that only X could have caused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WordOfX {
    pub fate: Fate,
    /// True if X was only asked about the person and no request was begun.
    pub is_look_up: bool,
}

impl WordOfX {
    pub fn on_record(row: &Recorded) -> Option<Self> {
        let fate = Fate::on_record(row);
        let is_xs = match fate {
            Fate::Sent | Fate::Uncertain | Fate::Failed => true,
            Fate::Suppressed(Reason::CannotDm | Reason::Suspended) => true,
            // With a user id it was X that did not know the person. Without one the help desk gave
            // no id.
            Fate::Suppressed(Reason::NoXId) => row.survey.user_id.is_some(),
            // By the record there was room for a prompt. So another program had prompted the
            // person.
            Fate::Suppressed(Reason::Throttled) => {
                let last = row.at_sending.as_ref().map(|last| &last.ground);
                matches!(last, Some(Ground::Clear(_)))
            }
            // X did not take the prompt until it was too late.
            Fate::Expired => row.is_begun,
            Fate::Waits | Fate::Merged | Fate::Suppressed(_) | Fate::Cancelled(_) => false,
        };
        is_xs.then_some(Self { fate, is_look_up: !row.is_begun })
    }
}

/// A fate with its cause.
#[derive(Clone, Debug, PartialEq)]
pub struct FateDetails {
    pub fate: Fate,
    /// The decision that led to the fate. Absent if there was none.
    pub decision: Option<Decision>,
    /// X's answer or the cause of a failure.
    pub detail: Option<String>,
}

impl FateDetails {
    pub fn plain(fate: Fate) -> Self {
        Self { fate, decision: None, detail: None }
    }

    pub fn decided(fate: Fate, decision: Decision) -> Self {
        let decision = Some(decision).filter(|decision| fate.follows_from(decision));
        Self { fate, decision, detail: None }
    }

    pub fn on_record(row: &Recorded) -> Self {
        let fate = Fate::on_record(row);
        let last = row.at_sending.as_ref().or(row.at_close.as_ref());
        let detail = match &row.survey.state {
            State::Failed(failure) => Some(failure.to_string()),
            _ => None,
        };
        let decision = last.filter(|last| fate.follows_from(last)).cloned();
        Self { fate, decision, detail }
    }

    /// Puts the fate in words such as `throttled: prompted 3 days ago, throttle 7 d (group acme)`.
    /// The caller's `words` puts a decision in words.
    pub fn words(&self, words: impl Fn(&Decision) -> String) -> String {
        let Self { fate, decision, detail } = self;
        let name = fate.reason().unwrap_or(fate.outcome());
        match (fate, decision) {
            // The words of these decisions already begin with the reason.
            (Fate::Suppressed(_), Some(decision)) => words(decision),
            (Fate::Expired, Some(decision)) if decision.verdict() == Verdict::Expire => {
                words(decision)
            }
            (_, Some(decision)) => format!("{name}: {}", words(decision)),
            (Fate::Merged, None) => {
                format!("{name}: {MERGED}")
            }
            (Fate::Cancelled(by), None) => format!("cancelled: {}", by.as_str()),
            (_, None) => match detail {
                Some(detail) => format!("{name}: {detail}"),
                None => name.to_owned(),
            },
        }
    }
}
