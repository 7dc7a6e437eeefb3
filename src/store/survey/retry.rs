//! Surveys that ended without a prompt and that the operator schedules again.

use super::step::{step_locked, touch};
use crate::domain::id::SurveyId;
use crate::domain::survey::{CancelledBy, Event, State, Survey};
use crate::domain::time::Millis;
use crate::store::{Error, Result, Store};

const DUE_NOW: &str = "update survey set due_at = $1, try_at = $1, put_off_at = $1, crashes = 0, \
     limited_at = null, dry_at = null where id = $2";

/// How the history names a retry.
pub(in crate::store) const BY_OPERATOR: &str = "by the operator";

impl Store {
    /// Schedules a survey again that ended without a prompt, and makes it due now. Everything is
    /// decided again at the send. The inner error says what forbids the retry.
    pub async fn retry(
        &self,
        id: SurveyId,
        now: Millis,
    ) -> Result<std::result::Result<Survey, &'static str>> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let locked = touch(connection, &id).await?;
                    let locked = locked.ok_or_else(|| Error::Broken(format!("no survey {id}")))?;
                    match &locked.0.state {
                        State::Suppressed(_)
                        | State::Cancelled(CancelledBy::Operator)
                        | State::Expired
                        | State::Failed(_) => {}
                        State::Cancelled(CancelledBy::Reopened) => {
                            return Ok(Err(
                                "its conversation went on; it is surveyed when it closes",
                            ));
                        }
                        State::Scheduled => return Ok(Err("it is scheduled already")),
                        State::Sending { .. } | State::Uncertain { .. } => {
                            return Ok(Err("X may have sent its prompt"));
                        }
                        State::Sent(_) | State::Answered(_) => {
                            return Ok(Err("its prompt is sent"));
                        }
                    }
                    if locked.0.user_id.is_none() {
                        return Ok(Err("nobody knows who the person is at X"));
                    }
                    let spent: i64 =
                        sqlx::query_scalar("select count(spent_at) from survey where id = $1")
                            .bind(id.as_str())
                            .fetch_one(&mut *connection)
                            .await?;
                    if spent > 0 {
                        return Ok(Err("X may have sent its prompt"));
                    }
                    let later: i64 = sqlx::query_scalar(
                        "select count(*) from survey s join survey l on l.account = s.account \
                         and l.conversation_id = s.conversation_id and l.ordinal > s.ordinal \
                         where s.id = $1",
                    )
                    .bind(id.as_str())
                    .fetch_one(&mut *connection)
                    .await?;
                    if later > 0 {
                        return Ok(Err(
                            "its conversation has closed again since, and has a survey of that",
                        ));
                    }
                    let why = Some(BY_OPERATOR);
                    let survey = step_locked(connection, locked, Event::Retried, now, why).await?;
                    sqlx::query(DUE_NOW)
                        .bind(now.0)
                        .bind(id.as_str())
                        .execute(&mut *connection)
                        .await?;
                    Ok(Ok(Survey { due_at: now, ..survey }))
                })
            })
            .await
    }
}
