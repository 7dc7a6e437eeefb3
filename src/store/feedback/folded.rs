//! What a fold, or anything that folds, has changed: for the log.

use crate::domain::id::{FeedbackId, SurveyId};
use crate::domain::survey::Survey;
use crate::store::events::unread::Unread;

/// What a fold changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Folded {
    /// Surveys that have an answer now and had none.
    pub answered: Vec<(Survey, FeedbackId)>,
    /// Feedback that says more or something newer than before, by the survey it belongs to.
    pub updated: Vec<(Option<SurveyId>, FeedbackId)>,
    /// Surveys that were not known to be sent, and are.
    pub settled: Vec<Survey>,
    /// Hints that X's word has not borne out.
    pub refuted: Vec<(Option<SurveyId>, FeedbackId)>,
    /// Feedback of which X has told a score or a text against its own word.
    pub contradicted: Vec<(Option<SurveyId>, FeedbackId)>,
    /// Stretches of events that have not been read in full, and were not known to be.
    pub gaps: Vec<Unread>,
    /// And those that have been by now.
    pub closed_gaps: Vec<Unread>,
}
