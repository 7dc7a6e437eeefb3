//! Logs what a fold or the end of a hold has changed.

use tracing::{info, warn};

use super::AccountWorker;
use crate::domain::event_windows::UnreadReason;
use crate::domain::id::{FeedbackId, SurveyId};
use crate::store::{Folded, HoldEnd, Unread};

impl AccountWorker {
    /// Logs what a fold changed.
    pub fn log(&self, folded: &Folded) {
        let account = self.name();
        for survey in &folded.settled {
            info!(
                event = "survey.resolved",
                account,
                survey_id = survey.id.as_str(),
                conversation_id = survey.conversation_id.as_str(),
                feedback_id = survey.state.delivery().map(|delivery| delivery.feedback_id.as_str()),
                "survey {} was sent: X knows its feedback",
                survey.id,
            );
        }
        for answered in &folded.answered {
            self.meters.answer_to_row(account, self.now().since(answered.given_at));
            info!(
                event = "feedback.answered",
                account,
                survey_id = answered.survey_id.as_str(),
                conversation_id = answered.conversation_id.as_str(),
                feedback_id = answered.feedback_id.as_str(),
                "survey {} is answered",
                answered.survey_id,
            );
        }
        let has_line =
            |id: &FeedbackId| folded.answered.iter().any(|answered| answered.feedback_id == *id);
        for (survey_id, feedback_id) in folded.updated.iter().filter(|(_, id)| !has_line(id)) {
            info!(
                event = "feedback.updated",
                account,
                survey_id = survey_id.as_ref().map(SurveyId::as_str),
                feedback_id = feedback_id.as_str(),
                "feedback {feedback_id}{} has news",
                of_survey(survey_id.as_ref()),
            );
        }
        for (survey_id, feedback_id) in &folded.refuted {
            self.log_mismatch(
                (survey_id.as_ref(), feedback_id),
                "X's webhook and X's own answers differ: the answers stand, what the webhook told is \
                 kept aside",
            );
        }
        for (survey_id, feedback_id) in &folded.contradicted {
            self.log_mismatch(
                (survey_id.as_ref(), feedback_id),
                "X has changed a score or a comment, which it calls immutable: the first stands, the \
                 other is kept aside",
            );
        }
        for gap in &folded.gaps {
            let (from, to) = (gap.range.from.rfc3339(), gap.range.to.rfc3339());
            warn!(
                event = "poll.gap",
                account,
                from,
                to,
                why = gap.why.as_str(),
                "{}",
                words_of(account, gap)
            );
        }
        for gap in &folded.closed_gaps {
            let (from, to) = (gap.range.from.rfc3339(), gap.range.to.rfc3339());
            info!(
                event = "poll.gap_closed",
                account,
                from,
                to,
                "the feedback events of account {account} from {from} to {to}, which could not be read in \
                 full, have been read",
            );
        }
    }

    /// Logs what the end of a hold has brought.
    pub fn log_ended(&self, ended: &HoldEnd) {
        let account = self.name();
        for made in &ended.made {
            info!(
                event = "survey.resolved",
                account,
                survey_id = made.id.as_str(),
                conversation_id = made.conversation_id.as_str(),
                feedback_id = made.feedback_id.as_str(),
                "survey {} was made anew: X's events know its prompt, the database had lost it",
                made.id,
            );
        }
        self.log(&ended.folded);
        if ended.is_over {
            let what = if ended.of_rebuild { "rebuild" } else { "restored backup" };
            info!(
                event = "account.resumed",
                account, "X's events have been read past the {what}: account {account} sends again",
            );
        }
    }

    fn log_mismatch(&self, (survey_id, feedback_id): (Option<&SurveyId>, &FeedbackId), what: &str) {
        warn!(
            event = "feedback.mismatch",
            account = self.name(),
            survey_id = survey_id.map(SurveyId::as_str),
            feedback_id = feedback_id.as_str(),
            "feedback {feedback_id}{}: {what}",
            of_survey(survey_id),
        );
    }
}

fn words_of(account: &str, gap: &Unread) -> String {
    let (from, to) = (gap.range.from.rfc3339(), gap.range.to.rfc3339());
    let events = format!("the feedback events of account {account} from {from} to {to}");
    match gap.why {
        UnreadReason::Form => format!(
            "some of {events} have a form that surveyd cannot read: they are kept as they came, and \
             asked for again for a week"
        ),
        UnreadReason::End => format!(
            "{events} cannot be read to their end, however often X is asked: those behind them are read, \
             and these asked for again for a week"
        ),
    }
}

fn of_survey(id: Option<&SurveyId>) -> String {
    id.map(|id| format!(" of survey {id}")).unwrap_or_default()
}
