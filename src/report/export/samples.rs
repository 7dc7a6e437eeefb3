//! Surveys that the tests of the exports write out.

use super::ExportRow;
use crate::domain::{survey_type::SurveyType, time::Millis};

fn at(text: &str) -> Millis {
    Millis::from_rfc3339(text).unwrap()
}

/// The second survey of a conversation, with a score and then a comment: nothing is absent that
/// such a survey can have.
pub(super) fn answered() -> ExportRow {
    ExportRow {
        survey_id: "s-1".to_owned(),
        account: "acme".to_owned(),
        source: "desk".to_owned(),
        conversation_id: "c-42".to_owned(),
        external_id: "c-42#2".to_owned(),
        user_id: "343434343434".to_owned(),
        state: "answered".to_owned(),
        reason: None,
        closed_at: at("2026-11-22T07:59:58Z"),
        due_at: Some(at("2026-11-22T08:04:58Z")),
        sent_at: Some(at("2026-11-22T08:05:00.250Z")),
        feedback_id: Some("f-1".to_owned()),
        dm_id: Some("d-1".to_owned()),
        kind: SurveyType::Csat,
        question_variant_id: 12,
        test: false,
        score: Some(4),
        scored_at: Some(at("2026-11-22T08:06:00Z")),
        text: Some("Good, thanks".to_owned()),
        commented_at: Some(at("2026-11-22T08:07:00Z")),
        updated_at: Some(at("2026-11-22T08:07:00Z")),
        updates: 2,
        agent: Some("dana".to_owned()),
        team: Some("billing".to_owned()),
        tags: vec!["vip".to_owned(), "late".to_owned()],
        language: Some("es".to_owned()),
    }
}

/// A survey that ended at once: everything is absent that can be.
pub(super) fn suppressed() -> ExportRow {
    ExportRow {
        survey_id: "s-2".to_owned(),
        conversation_id: "c-43".to_owned(),
        external_id: "c-43".to_owned(),
        user_id: "343434343435".to_owned(),
        state: "suppressed".to_owned(),
        reason: Some("throttled".to_owned()),
        closed_at: at("2026-11-22T08:00:00Z"),
        due_at: None,
        sent_at: None,
        feedback_id: None,
        dm_id: None,
        kind: SurveyType::Nps,
        question_variant_id: 0,
        test: true,
        score: None,
        scored_at: None,
        text: None,
        commented_at: None,
        updated_at: None,
        updates: 0,
        agent: None,
        team: None,
        tags: Vec::new(),
        language: None,
        ..answered()
    }
}
