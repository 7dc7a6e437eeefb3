//! The life of a survey: its states, and every step from one to the next.
//!
//! ```text
//! scheduled ──> sending ──> sent ──> answered
//!     │            │  └───> uncertain ──> sent | scheduled | expired | failed
//!     │            └──────> scheduled (a later try) | suppressed | failed
//!     └──> suppressed | cancelled | expired
//! ```
//!
//! X's own record outranks surveyd's. A prompt that turns up at X makes its survey `sent`, even if
//! surveyd had ended it unsent.

use std::fmt;

use super::close::Notice;
use super::id::{ConversationId, FeedbackId, SurveyId, UserId};
use super::named::named;
use super::survey_type::SurveyType;
use super::time::Millis;

/// The job made from one close. It sends at most one prompt to one person.
#[derive(Clone, Debug, PartialEq)]
pub struct Survey {
    pub id: SurveyId,
    pub account: String,
    pub source: String,
    pub conversation_id: ConversationId,
    pub external_id: String,
    /// `None` if the help desk did not name the person at X. Such a survey is suppressed at once.
    pub user_id: Option<UserId>,
    pub kind: SurveyType,
    pub question_variant_id: u32,
    pub test: bool,
    pub closed_at: Millis,
    pub accepted_at: Millis,
    /// When the prompt is (or was) to be sent.
    pub due_at: Millis,
    pub notice: Notice,
    /// How many requests were begun for it.
    pub attempts: u32,
    pub state: State,
}

impl Survey {
    /// The person's id at X. Empty if it is not known.
    pub fn person(&self) -> &str {
        self.user_id.as_ref().map_or("", UserId::as_str)
    }
}

/// The state of a survey. Each variant holds only data that is valid in it. Three events alone can
/// lead out of a final state: an operator's retry, a prompt found at X, and the withdrawal of an
/// answer.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// The survey waits for its due time. The scheduler moves it on when it is due. A reopening, an
    /// operator or the end of `expire_after` ends it. A crash leaves it as it is: the lease times
    /// out and the survey is due again.
    Scheduled,
    /// A request that prompts the person is about to leave or has left. This state was durable
    /// before the first byte left. Only the worker that began the request moves the survey on by
    /// X's answer. After a crash, the survey stays here until surveyd finds it and makes it
    /// uncertain. It is never due again.
    Sending { begun_at: Millis },
    /// The request's outcome is not known. X may have carried it out. The request is not repeated
    /// until surveyd knows that X did not.
    ///
    /// - A feedback object with the survey's external id settles it as sent at once.
    /// - The lack of one settles it as not sent. X's events must first be read past their horizon.
    ///   They must reach an instant after which X can no longer have carried the request out.
    /// - The survey has failed if X then lists its Direct Message without a feedback object.
    Uncertain { begun_at: Millis, given_up_at: Millis },
    /// X has accepted the prompt. The poller moves the survey on when the person answers. A survey
    /// without any answer ends here normally.
    Sent(Delivery),
    /// The person has given a score, a comment or both. More may follow. This state is final.
    Answered(Delivery),
    /// The person was not asked for this reason. This state is final.
    Suppressed(Reason),
    /// The survey was called off before it was sent. This state is final.
    Cancelled(CancelledBy),
    /// The prompt was not sent in time. This state is final.
    Expired,
    /// X refused the prompt or it cannot be sent as it is. This state is final.
    Failed(Failure),
}

/// What X said of a prompt that it accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    pub sent_at: Millis,
    pub feedback_id: FeedbackId,
    pub dm_id: Option<String>,
}

/// Why a survey failed, in X's words. The words are surveyd's own if the fault lies before X.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// X's error code if it gave one.
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

/// Why a person was not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    CannotDm,
    Throttled,
    OptedOut,
    SampledOut,
    /// The person belongs to the comparison group that is never asked.
    Holdout,
    Rule,
    ClosedBy,
    NoSubstance,
    /// The conversation was closed long after anybody wrote.
    Stale,
    /// The survey was left out so that the day's prompts are spread evenly.
    Budget,
    Suspended,
    /// The help desk did not name the person at X.
    NoXId,
    /// The prompt would have been sent if the account had not been on a dry run.
    DryRun,
    /// The person was erased, and is not asked again.
    Forgotten,
}

named!(Reason {
    CannotDm = "cannot_dm",
    Throttled = "throttled",
    OptedOut = "opted_out",
    SampledOut = "sampled_out",
    Holdout = "holdout",
    Rule = "rule",
    ClosedBy = "closed_by",
    NoSubstance = "no_substance",
    Stale = "stale",
    Budget = "budget",
    Suspended = "suspended",
    NoXId = "no_x_id",
    DryRun = "dry_run",
    Forgotten = "forgotten",
});

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
    /// X carried out nothing. The survey may be tried again.
    NotSent,
    /// It is not known whether X carried the request out.
    NoAnswer {
        at: Millis,
    },
    Suppressed(Reason),
    Cancelled(CancelledBy),
    TooLate,
    Refused(Failure),
    /// The person gave a score or a comment.
    Answered,
    /// Only X's webhook reported the answer and X's events do not confirm it.
    Withdrawn,
    /// An operator wants the prompt sent after all.
    Retried,
    /// X shows one of surveyd's prompts that surveyd did not know to be sent.
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

    /// All names in the order of a survey's life.
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

    /// The next state. An error if the life of a survey does not have this step.
    pub fn step(self, event: Event) -> Result<State, NoSuchStep> {
        let refused = NoSuchStep { from: self.name(), event: format!("{event:?}") };
        let next = match self {
            State::Scheduled => after_scheduled(event),
            State::Sending { begun_at } => after_sending(begun_at, event),
            State::Uncertain { begun_at, given_up_at } => {
                after_uncertain(begun_at, given_up_at, event)
            }
            State::Sent(delivery) => after_sent(delivery, event),
            State::Answered(delivery) => after_answered(delivery, event),
            State::Suppressed(_) | State::Cancelled(_) | State::Expired | State::Failed(_) => {
                after_end(event)
            }
        };
        next.ok_or(refused)
    }
}

/// The steps from `scheduled`.
fn after_scheduled(event: Event) -> Option<State> {
    use Event as E;
    match event {
        E::Begun { at } => Some(State::Sending { begun_at: at }),
        E::Suppressed(reason) => Some(State::Suppressed(reason)),
        E::Cancelled(by) => Some(State::Cancelled(by)),
        E::TooLate => Some(State::Expired),
        E::Refused(failure) => Some(State::Failed(failure)),
        E::Found(delivery) => Some(State::Sent(delivery)),
        E::Accepted(_)
        | E::NotSent
        | E::NoAnswer { .. }
        | E::Answered
        | E::Withdrawn
        | E::Retried => None,
    }
}

/// The steps from `sending`.
fn after_sending(begun_at: Millis, event: Event) -> Option<State> {
    use Event as E;
    match event {
        E::Accepted(delivery) => Some(State::Sent(delivery)),
        E::NotSent => Some(State::Scheduled),
        // The clock may have been set back meanwhile.
        E::NoAnswer { at } => Some(State::Uncertain { begun_at, given_up_at: at.max(begun_at) }),
        E::Suppressed(reason) => Some(State::Suppressed(reason)),
        E::Refused(failure) => Some(State::Failed(failure)),
        // Calling off a request that is under way would not stop it at X. Its own worker is
        // about to write X's answer.
        E::Begun { .. }
        | E::Cancelled(_)
        | E::TooLate
        | E::Answered
        | E::Withdrawn
        | E::Retried
        | E::Found(_) => None,
    }
}

/// The steps from `uncertain`.
fn after_uncertain(begun_at: Millis, given_up_at: Millis, event: Event) -> Option<State> {
    use Event as E;
    match event {
        E::Accepted(delivery) | E::Found(delivery) => Some(State::Sent(delivery)),
        E::NotSent => Some(State::Scheduled),
        E::TooLate => Some(State::Expired),
        E::Refused(failure) => Some(State::Failed(failure)),
        // A request that was taken for lost lasts as long as its worker says.
        E::NoAnswer { at } => Some(State::Uncertain { begun_at, given_up_at: given_up_at.max(at) }),
        // X's answer has come after all and refuses this person.
        E::Suppressed(reason) => Some(State::Suppressed(reason)),
        E::Begun { .. } | E::Cancelled(_) | E::Answered | E::Withdrawn | E::Retried => None,
    }
}

/// The steps from `sent`.
fn after_sent(delivery: Delivery, event: Event) -> Option<State> {
    use Event as E;
    match event {
        E::Answered => Some(State::Answered(delivery)),
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
        | E::Found(_) => None,
    }
}

/// The steps from `answered`.
fn after_answered(delivery: Delivery, event: Event) -> Option<State> {
    use Event as E;
    match event {
        E::Withdrawn => Some(State::Sent(delivery)),
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
        | E::Found(_) => None,
    }
}

/// The steps from a state without a prompt in which a survey ends.
fn after_end(event: Event) -> Option<State> {
    use Event as E;
    match event {
        E::Found(delivery) => Some(State::Sent(delivery)),
        E::Retried => Some(State::Scheduled),
        E::Begun { .. }
        | E::Accepted(_)
        | E::NotSent
        | E::NoAnswer { .. }
        | E::Suppressed(_)
        | E::Cancelled(_)
        | E::TooLate
        | E::Refused(_)
        | E::Answered
        | E::Withdrawn => None,
    }
}

#[cfg(test)]
mod tests;
