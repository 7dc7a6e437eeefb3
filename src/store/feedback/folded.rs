//! The changes that a fold has made, for the log.

use crate::domain::id::{ConversationId, FeedbackId, SurveyId};
use crate::domain::survey::Survey;
use crate::domain::time::Millis;
use crate::store::events::unread::Unread;

/// The changes that a fold made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Folded {
    /// Surveys that had no answer before and have one now.
    pub answered: Vec<Answered>,
    /// Feedback that says more than before, with the survey it belongs to.
    pub updated: Vec<(Option<SurveyId>, FeedbackId)>,
    /// Surveys that were not known to be sent and now are.
    pub settled: Vec<Survey>,
    /// Hints that X's events have refuted.
    pub refuted: Vec<(Option<SurveyId>, FeedbackId)>,
    /// Feedback whose scores or texts from X's API contradict each other.
    pub contradicted: Vec<(Option<SurveyId>, FeedbackId)>,
    /// Newly found gaps in the events that have been read.
    pub gaps: Vec<Unread>,
    /// Gaps that have been read by now.
    pub closed_gaps: Vec<Unread>,
}

/// A survey that has just got its first answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    pub survey_id: SurveyId,
    pub conversation_id: ConversationId,
    pub feedback_id: FeedbackId,
    /// When the person gave it, by X's clock.
    pub given_at: Millis,
}
