//! Results that the tests of every form write out.

use super::ResultRow;
use crate::domain::close::Notice;
use crate::domain::id::{ConversationId, FeedbackId, SurveyId, UserId};
use crate::domain::survey::{Delivery, Reason, State, Survey};
use crate::domain::survey_type::SurveyType;
use crate::domain::time::Millis;
use crate::store::PersonsResponse;

fn at(text: &str) -> Millis {
    Millis::from_rfc3339(text).unwrap()
}

/// The second survey of a conversation, with a score and then a comment: nothing is absent that
/// such a survey can have.
pub fn answered() -> ResultRow {
    let notice = Notice {
        agent: Some("dana".to_owned()),
        team: Some("billing".to_owned()),
        tags: vec!["vip".to_owned(), "late".to_owned()],
        language: Some("es".to_owned()),
        ..Notice::default()
    };
    let survey = Survey {
        id: SurveyId::new("s-1"),
        account: "acme".to_owned(),
        source: "desk".to_owned(),
        conversation_id: ConversationId::parse("c-42").unwrap(),
        external_id: "c-42#2".to_owned(),
        user_id: Some(UserId::parse("343434343434").unwrap()),
        kind: SurveyType::Csat,
        question_variant_id: 12,
        test: false,
        closed_at: at("2026-11-22T07:59:58Z"),
        accepted_at: at("2026-11-22T07:59:58Z"),
        due_at: at("2026-11-22T08:04:58Z"),
        notice,
        attempts: 1,
        state: State::Answered(Delivery {
            sent_at: at("2026-11-22T08:05:00.250Z"),
            feedback_id: FeedbackId::new("f-1"),
            dm_id: Some("d-1".to_owned()),
        }),
    };
    let told = PersonsResponse {
        score: Some(4),
        scored_at: Some(at("2026-11-22T08:06:00Z")),
        text: Some("Good, thanks".to_owned()),
        commented_at: Some(at("2026-11-22T08:07:00Z")),
        updated_at: Some(at("2026-11-22T08:07:00Z")),
        updates: 2,
    };
    ResultRow { survey, told, at_close: None, at_sending: None }
}

/// A survey that ended at once: everything is absent that can be.
pub fn suppressed() -> ResultRow {
    let survey = Survey {
        id: SurveyId::new("s-2"),
        conversation_id: ConversationId::parse("c-43").unwrap(),
        external_id: "c-43".to_owned(),
        user_id: None,
        kind: SurveyType::Nps,
        question_variant_id: 0,
        test: true,
        closed_at: at("2026-11-22T08:00:00Z"),
        due_at: at("2026-11-22T08:05:00Z"),
        notice: Notice::default(),
        attempts: 0,
        state: State::Suppressed(Reason::Throttled),
        ..answered().survey
    };
    ResultRow { survey, told: PersonsResponse::default(), at_close: None, at_sending: None }
}
