//! Reads a survey's row into [`Survey`].

use sqlx::Row;
use sqlx::any::AnyRow;

use crate::domain::id::{ConversationId, FeedbackId, SurveyId, UserId};
use crate::domain::survey::{CancelledBy, Delivery, Failure, Reason, State, Survey};
use crate::domain::survey_type::SurveyType;
use crate::domain::time::Millis;
use crate::store::{Error, Result};

/// The columns that [`survey`] reads, in its order. The token stands last.
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
    let text = |column: usize| row.try_get::<String, _>(column);
    let number = |column: usize| row.try_get::<i64, _>(column);
    let broken = |what: &str| Error::Broken(format!("a survey with {what}"));
    let survey = Survey {
        id: SurveyId::new(text(0)?),
        account: text(1)?,
        source: text(2)?,
        conversation_id: ConversationId::parse(&text(3)?).map_err(broken)?,
        external_id: text(4)?,
        user_id: match text(5)?.as_str() {
            "" => None,
            // An older daemon on the same database may still write ids with leading zeros.
            id => Some(UserId::respelt(id).ok_or_else(|| broken("a person's id that is none"))?),
        },
        kind: SurveyType::parse(&text(6)?).ok_or_else(|| broken("an unknown type"))?,
        question_variant_id: u32::try_from(number(7)?).map_err(|_| broken("a bad variant"))?,
        test: number(8)? == 1,
        closed_at: Millis(number(9)?),
        accepted_at: Millis(number(10)?),
        due_at: Millis(number(11)?),
        notice: serde_json::from_str(&text(12)?)?,
        attempts: u32::try_from(number(13)?).unwrap_or(u32::MAX),
        state: state(row)?,
    };
    Ok((survey, number(22)?))
}

fn state(row: &AnyRow) -> Result<State> {
    let name: String = row.try_get(14)?;
    let reason: Option<String> = row.try_get(15)?;
    let instant = |column: usize, what: &str| -> Result<Millis> {
        let at: Option<i64> = row.try_get(column)?;
        at.map(Millis).ok_or_else(|| Error::Broken(format!("a survey {name} without {what}")))
    };
    let delivery = || -> Result<Delivery> {
        let feedback_id: Option<String> = row.try_get(20)?;
        Ok(Delivery {
            sent_at: instant(19, "sent_at")?,
            feedback_id: FeedbackId::new(
                feedback_id
                    .ok_or_else(|| Error::Broken(format!("a survey {name} without feedback_id")))?,
            ),
            dm_id: row.try_get(21)?,
        })
    };
    let unknown_reason = || Error::Broken(format!("a survey {name} because {reason:?}"));
    Ok(match name.as_str() {
        "scheduled" => State::Scheduled,
        "sending" => State::Sending { begun_at: instant(17, "begun_at")? },
        "uncertain" => State::Uncertain {
            begun_at: instant(17, "begun_at")?,
            given_up_at: instant(18, "given_up_at")?,
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
        "failed" => {
            State::Failed(Failure { code: row.try_get(16)?, message: reason.unwrap_or_default() })
        }
        _ => return Err(Error::Broken(format!("a survey in the state {name}"))),
    })
}
