//! The life of a survey: its states, and every step from one to the next.
//!
//! ```text
//! scheduled ──> sending ──> sent ──> answered
//!     │            │  └───> uncertain ──> sent | scheduled | expired | failed
//!     │            └──────> scheduled (a later try) | suppressed | failed
//!     └──> suppressed | cancelled | expired
//! ```
//!
//! What X shows outweighs what we believed: a prompt that turns up at X makes its survey `sent`,
//! whatever unsent state it was in.

use std::fmt;

use super::close::Notice;
use super::id::{ConversationId, FeedbackId, SurveyId, UserId};
use super::survey_type::SurveyType;
use super::time::Millis;

/// The job made from one close: at most one prompt to one person.
#[derive(Clone, Debug, PartialEq)]
pub struct Survey {
    pub id: SurveyId,
    pub account: String,
    pub source: String,
    pub conversation_id: ConversationId,
    pub external_id: String,
    /// Nothing: the help desk did not tell. Such a survey is suppressed as it comes in.
    pub user_id: Option<UserId>,
    pub kind: SurveyType,
    pub question_variant_id: u32,
    pub test: bool,
    pub closed_at: Millis,
    pub accepted_at: Millis,
    /// When the prompt is (or was) to go out.
    pub due_at: Millis,
    pub notice: Notice,
    /// How often a request was begun for it.
    pub attempts: u32,
    pub state: State,
}

impl Survey {
    /// The person's id at X; empty where it is not known.
    pub fn person(&self) -> &str {
        self.user_id.as_ref().map_or("", UserId::as_str)
    }
}

/// Where a survey stands. Each variant holds only what is true in it.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// Waits for its due time. The scheduler moves it on when it is due; a reopening, an operator
    /// or the end of `expire_after` ends it. A crash leaves it as it is: a claim that its process
    /// did not live to use runs out, and the survey is due again.
    Scheduled,
    /// A request that prompts the person is about to leave or has left. This was made durable
    /// before the first byte. Only the worker that began it moves it on, by what X answered; a
    /// crash leaves it here, and whoever finds it so makes it uncertain. It is never due again.
    Sending { begun_at: Millis },
    /// The request's outcome is not known: X may have carried it out. It is not repeated until it
    /// is known that X did not. A feedback object that bears its external id settles it as sent at
    /// once; that there is none settles it as not sent only once X's events have been read past
    /// their horizon, up to a moment after which X can no longer have carried it out. Where X then
    /// lists its Direct Message all the same, without a feedback object, it has failed.
    Uncertain { begun_at: Millis, given_up_at: Millis },
    /// X has accepted the prompt. The poller moves it on when the person answers; no answer at all
    /// is a normal end.
    Sent(Delivery),
    /// The person has given a score, a comment or both; more may follow. The end.
    Answered(Delivery),
    /// Not asked, and why. The end.
    Suppressed(Reason),
    /// Called off before it was sent, and by what. The end.
    Cancelled(CancelledBy),
    /// Not out in time. The end.
    Expired,
    /// X refused it, or it cannot be sent as it is. The end.
    Failed(Failure),
}

/// What X told of a prompt it accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    pub sent_at: Millis,
    pub feedback_id: FeedbackId,
    pub dm_id: Option<String>,
}

/// X's words, or surveyd's own where the fault lies before X.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// X's error code, where it gave one.
    pub code: Option<i64>,
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "code {code}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// Why somebody was not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    CannotDm,
    Throttled,
    OptedOut,
    SampledOut,
    /// Among those who are never asked, to compare with.
    Holdout,
    Rule,
    ClosedBy,
    NoSubstance,
    /// Closed long after anybody said something.
    Stale,
    /// Left out so that the day's prompts are spread evenly.
    Budget,
    Suspended,
    /// The help desk did not tell who the person is at X.
    NoXId,
    /// It would have been sent, had the account not been on a dry run.
    DryRun,
}

impl Reason {
    pub const ALL: [Self; 13] = [
        Self::CannotDm,
        Self::Throttled,
        Self::OptedOut,
        Self::SampledOut,
        Self::Holdout,
        Self::Rule,
        Self::ClosedBy,
        Self::NoSubstance,
        Self::Stale,
        Self::Budget,
        Self::Suspended,
        Self::NoXId,
        Self::DryRun,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::CannotDm => "cannot_dm",
            Self::Throttled => "throttled",
            Self::OptedOut => "opted_out",
            Self::SampledOut => "sampled_out",
            Self::Holdout => "holdout",
            Self::Rule => "rule",
            Self::ClosedBy => "closed_by",
            Self::NoSubstance => "no_substance",
            Self::Stale => "stale",
            Self::Budget => "budget",
            Self::Suspended => "suspended",
            Self::NoXId => "no_x_id",
            Self::DryRun => "dry_run",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }
}

/// What called a survey off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CancelledBy {
    Reopened,
    Operator,
}

impl CancelledBy {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reopened => "reopened",
            Self::Operator => "operator",
        }
    }
}

/// Something that happens to a survey.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The request is about to leave.
    Begun {
        at: Millis,
    },
    /// X has accepted the prompt.
    Accepted(Delivery),
    /// Nothing was carried out at X; it may be tried again.
    NotSent,
    /// Whether X carried it out is not known.
    NoAnswer {
        at: Millis,
    },
    Suppressed(Reason),
    Cancelled(CancelledBy),
    TooLate,
    Refused(Failure),
    /// The person gave a score or a comment.
    Answered,
    /// The answer was X's webhook's alone, and X's events do not bear it out.
    Withdrawn,
    /// An operator wants it sent after all.
    Retried,
    /// X shows a prompt of ours that we did not know to be out.
    Found(Delivery),
}

/// A step that the life of a survey does not have.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("a survey that is {from} cannot take the step {event}")]
pub struct NoSuchStep {
    pub from: &'static str,
    pub event: String,
}

impl State {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Sending { .. } => "sending",
            Self::Uncertain { .. } => "uncertain",
            Self::Sent(_) => "sent",
            Self::Answered(_) => "answered",
            Self::Suppressed(_) => "suppressed",
            Self::Cancelled(_) => "cancelled",
            Self::Expired => "expired",
            Self::Failed(_) => "failed",
        }
    }

    /// All names, in the order of a survey's life.
    pub const NAMES: [&'static str; 9] = [
        "scheduled",
        "sending",
        "uncertain",
        "sent",
        "answered",
        "suppressed",
        "cancelled",
        "expired",
        "failed",
    ];

    /// Why the survey ended as it did, in the words of the `reason` column.
    pub fn reason(&self) -> Option<String> {
        match self {
            Self::Suppressed(reason) => Some(reason.as_str().to_owned()),
            Self::Cancelled(by) => Some(by.as_str().to_owned()),
            Self::Failed(failure) => Some(failure.to_string()),
            Self::Scheduled
            | Self::Sending { .. }
            | Self::Uncertain { .. }
            | Self::Sent(_)
            | Self::Answered(_)
            | Self::Expired => None,
        }
    }

    pub fn delivery(&self) -> Option<&Delivery> {
        match self {
            Self::Sent(delivery) | Self::Answered(delivery) => Some(delivery),
            Self::Scheduled
            | Self::Sending { .. }
            | Self::Uncertain { .. }
            | Self::Suppressed(_)
            | Self::Cancelled(_)
            | Self::Expired
            | Self::Failed(_) => None,
        }
    }

    /// The next state, or the refusal of a step that the life of a survey does not have.
    pub fn step(self, event: Event) -> Result<State, NoSuchStep> {
        use Event as E;
        use State as S;
        let refuse = |from: &State, event: &Event| NoSuchStep {
            from: from.name(),
            event: format!("{event:?}"),
        };
        match self {
            S::Scheduled => match event {
                E::Begun { at } => Ok(S::Sending { begun_at: at }),
                E::Suppressed(reason) => Ok(S::Suppressed(reason)),
                E::Cancelled(by) => Ok(S::Cancelled(by)),
                E::TooLate => Ok(S::Expired),
                E::Refused(failure) => Ok(S::Failed(failure)),
                E::Found(delivery) => Ok(S::Sent(delivery)),
                E::Accepted(_)
                | E::NotSent
                | E::NoAnswer { .. }
                | E::Answered
                | E::Withdrawn
                | E::Retried => Err(refuse(&S::Scheduled, &event)),
            },
            S::Sending { begun_at } => match event {
                E::Accepted(delivery) => Ok(S::Sent(delivery)),
                E::NotSent => Ok(S::Scheduled),
                // The clock may have been set back meanwhile.
                E::NoAnswer { at } => Ok(S::Uncertain { begun_at, given_up_at: at.max(begun_at) }),
                E::Suppressed(reason) => Ok(S::Suppressed(reason)),
                E::Refused(failure) => Ok(S::Failed(failure)),
                // Calling off a request that is under way would not stop it at X; and its own
                // worker is about to write what X answered.
                E::Begun { .. }
                | E::Cancelled(_)
                | E::TooLate
                | E::Answered
                | E::Withdrawn
                | E::Retried
                | E::Found(_) => Err(refuse(&S::Sending { begun_at }, &event)),
            },
            S::Uncertain { begun_at, given_up_at } => match event {
                E::Accepted(delivery) | E::Found(delivery) => Ok(S::Sent(delivery)),
                E::NotSent => Ok(S::Scheduled),
                E::TooLate => Ok(S::Expired),
                E::Refused(failure) => Ok(S::Failed(failure)),
                // A request that was taken for lost goes on as long as its worker says.
                E::NoAnswer { at } => {
                    Ok(S::Uncertain { begun_at, given_up_at: given_up_at.max(at) })
                }
                // X's answer has come after all, and is a refusal of this person.
                E::Suppressed(reason) => Ok(S::Suppressed(reason)),
                E::Begun { .. } | E::Cancelled(_) | E::Answered | E::Withdrawn | E::Retried => {
                    Err(refuse(&S::Uncertain { begun_at, given_up_at }, &event))
                }
            },
            S::Sent(delivery) => match event {
                E::Answered => Ok(S::Answered(delivery)),
                E::Begun { .. }
                | E::Accepted(_)
                | E::NotSent
                | E::NoAnswer { .. }
                | E::Suppressed(_)
                | E::Cancelled(_)
                | E::TooLate
                | E::Refused(_)
                | E::Withdrawn
                | E::Retried
                | E::Found(_) => Err(refuse(&S::Sent(delivery), &event)),
            },
            end @ (S::Suppressed(_) | S::Cancelled(_) | S::Expired | S::Failed(_)) => match event {
                E::Found(delivery) => Ok(S::Sent(delivery)),
                E::Retried => Ok(S::Scheduled),
                E::Begun { .. }
                | E::Accepted(_)
                | E::NotSent
                | E::NoAnswer { .. }
                | E::Suppressed(_)
                | E::Cancelled(_)
                | E::TooLate
                | E::Refused(_)
                | E::Answered
                | E::Withdrawn => Err(refuse(&end, &event)),
            },
            S::Answered(delivery) => match event {
                E::Withdrawn => Ok(S::Sent(delivery)),
                E::Begun { .. }
                | E::Accepted(_)
                | E::NotSent
                | E::NoAnswer { .. }
                | E::Suppressed(_)
                | E::Cancelled(_)
                | E::TooLate
                | E::Refused(_)
                | E::Answered
                | E::Retried
                | E::Found(_) => Err(refuse(&S::Answered(delivery), &event)),
            },
        }
    }
}

#[cfg(test)]
mod tests;
