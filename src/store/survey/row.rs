//! Reads a survey's row into [`Survey`].

use sqlx::Row;
use sqlx::any::AnyRow;

use crate::domain::id::{ConversationId, FeedbackId, UserId};
use crate::domain::survey::{CancelledBy, Delivery, Failure, Reason, State, Survey};
use crate::domain::survey_type::SurveyType;
use crate::domain::time::Millis;
use crate::store::{Error, Result};

/// The columns that [`survey`] reads.
pub const COLUMNS: &str = "id, account, source, conversation_id, external_id, user_id, kind, \
     question_variant_id, test, closed_at, accepted_at, due_at, notice, attempts, state, reason, \
     failure_code, begun_at, given_up_at, sent_at, feedback_id, dm_id, lease_token";

/// Returns [`COLUMNS`] for a table with the alias `s`.
pub fn qualified() -> String {
    let columns = COLUMNS.split(", ").map(|column| format!("s.{}", column.trim()));
    columns.collect::<Vec<_>>().join(", ")
}

/// Returns a survey and the token that its next writer must name.
pub fn survey(row: &AnyRow) -> Result<(Survey, i64)> {
    let text = |column: &str| row.try_get::<String, _>(column);
    let number = |column: &str| row.try_get::<i64, _>(column);
    let broken = |what: &str| Error::Broken(format!("a survey with {what}"));
    let survey = Survey {
        id: row.try_get("id")?,
        account: text("account")?,
        source: text("source")?,
        conversation_id: ConversationId::parse(&text("conversation_id")?).map_err(broken)?,
        external_id: text("external_id")?,
        user_id: match text("user_id")?.as_str() {
            "" => None,
            // An older daemon on the same database may still write ids with leading zeros.
            id => Some(UserId::respelt(id).ok_or_else(|| broken("a person's id that is none"))?),
        },
        kind: SurveyType::parse(&text("kind")?).ok_or_else(|| broken("an unknown type"))?,
        question_variant_id: u32::try_from(number("question_variant_id")?)
            .map_err(|_| broken("a bad variant"))?,
        test: number("test")? == 1,
        closed_at: row.try_get("closed_at")?,
        accepted_at: row.try_get("accepted_at")?,
        due_at: row.try_get("due_at")?,
        notice: serde_json::from_str(&text("notice")?)?,
        attempts: u32::try_from(number("attempts")?).unwrap_or(u32::MAX),
        state: state(row)?,
    };
    Ok((survey, number("lease_token")?))
}

fn state(row: &AnyRow) -> Result<State> {
    let name: String = row.try_get("state")?;
    let reason: Option<String> = row.try_get("reason")?;
    let without = |column: &str| Error::Broken(format!("a survey {name} without {column}"));
    let instant = |column: &str| -> Result<Millis> {
        row.try_get::<Option<_>, _>(column)?.ok_or_else(|| without(column))
    };
    let delivery = || -> Result<Delivery> {
        let feedback_id: Option<FeedbackId> = row.try_get("feedback_id")?;
        Ok(Delivery {
            sent_at: instant("sent_at")?,
            feedback_id: feedback_id.ok_or_else(|| without("feedback_id"))?,
            dm_id: row.try_get("dm_id")?,
        })
    };
    let unknown_reason = || Error::Broken(format!("a survey {name} because {reason:?}"));
    Ok(match name.as_str() {
        "scheduled" => State::Scheduled,
        "sending" => State::Sending { begun_at: instant("begun_at")? },
        "uncertain" => State::Uncertain {
            begun_at: instant("begun_at")?,
            given_up_at: instant("given_up_at")?,
        },
        "sent" => State::Sent(delivery()?),
        "answered" => State::Answered(delivery()?),
        "suppressed" => {
            State::Suppressed(reason.as_deref().and_then(Reason::parse).ok_or_else(unknown_reason)?)
        }
        "cancelled" => State::Cancelled(match reason.as_deref() {
            Some("reopened") => CancelledBy::Reopened,
            Some("operator") => CancelledBy::Operator,
            _ => return Err(unknown_reason()),
        }),
        "expired" => State::Expired,
        "failed" => State::Failed(Failure {
            code: row.try_get("failure_code")?,
            message: reason.unwrap_or_default(),
        }),
        _ => return Err(Error::Broken(format!("a survey in the state {name}"))),
    })
}
