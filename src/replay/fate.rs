//! What became of a close: on record, or in a replay.

use crate::domain::policy::decision::{Decision, Ground, Verdict};
use crate::domain::survey::{CancelledBy, Reason, State};
use crate::store::Recorded;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    Sent,
    /// X may have taken the prompt.
    Uncertain,
    /// Its prompt is not due yet, or waits.
    Waits,
    /// A further close of the conversation came before its prompt was out, and took its place.
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

    /// What became of the last close of a survey on record.
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

    /// Whether the decision is the one that this followed from.
    fn follows_from(self, decision: &Decision) -> bool {
        match decision.verdict() {
            Verdict::Send => self == Self::Sent,
            Verdict::Suppress(reason) => self == Self::Suppressed(reason),
            Verdict::Expire => self == Self::Expired,
            Verdict::Schedule { .. } => self == Self::Waits,
            // What waits too long is ended without a further look.
            Verdict::Wait { .. } => matches!(self, Self::Waits | Self::Expired),
        }
    }
}

/// What X alone could say, where it was asked; `None`: it was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WordOfX {
    pub fate: Fate,
    /// Whether it was asked about the person only, before a request was begun.
    pub is_look_up: bool,
}

impl WordOfX {
    pub fn on_record(row: &Recorded) -> Option<Self> {
        let fate = Fate::on_record(row);
        let is_xs = match fate {
            Fate::Sent | Fate::Uncertain | Fate::Failed => true,
            Fate::Suppressed(Reason::CannotDm | Reason::Suspended) => true,
            // X does not know them; else it was the help desk that did not tell.
            Fate::Suppressed(Reason::NoXId) => row.survey.user_id.is_some(),
            // Another program had asked the person: by our own record there was room.
            Fate::Suppressed(Reason::Throttled) => {
                let last = row.at_sending.as_ref().map(|last| &last.ground);
                matches!(last, Some(Ground::Clear(_)))
            }
            // X did not take it for so long.
            Fate::Expired => row.is_begun,
            Fate::Waits | Fate::Merged | Fate::Suppressed(_) | Fate::Cancelled(_) => false,
        };
        is_xs.then_some(Self { fate, is_look_up: !row.is_begun })
    }
}

/// A fate with what it followed from.
#[derive(Clone, Debug, PartialEq)]
pub struct FateDetails {
    pub fate: Fate,
    /// The decision, where one led to it.
    pub decision: Option<Decision>,
    /// What X said, or why it failed.
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

    /// `throttled: prompted 3 days ago, throttle 7 d (group acme)`; `words` says a decision.
    pub fn words(&self, words: impl Fn(&Decision) -> String) -> String {
        let Self { fate, decision, detail } = self;
        let name = fate.reason().unwrap_or(fate.outcome());
        match (fate, decision) {
            // These begin with their reason.
            (Fate::Suppressed(_), Some(decision)) => words(decision),
            (Fate::Expired, Some(decision)) if decision.verdict() == Verdict::Expire => {
                words(decision)
            }
            (_, Some(decision)) => format!("{name}: {}", words(decision)),
            (Fate::Merged, None) => {
                "merged: closed again before its prompt was out; the later close counts".to_owned()
            }
            (Fate::Cancelled(by), None) => format!("cancelled: {}", by.as_str()),
            (_, None) => match detail {
                Some(detail) => format!("{name}: {detail}"),
                None => name.to_owned(),
            },
        }
    }
}
