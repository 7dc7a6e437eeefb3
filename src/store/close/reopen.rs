//! Takes in reopenings. A conversation that continues is not asked about yet.

use sqlx::AnyConnection;

use crate::domain::close::Reopening;
use crate::domain::id::SurveyId;
use crate::domain::survey::{CancelledBy, Event};
use crate::domain::time::Millis;
use crate::store::Result;
use crate::store::survey::step::{step_locked, touch_in};

const REMEMBER_REOPENING: &str = "insert into reopening (account, conversation_id, reopened_at) \
     values ($1, $2, $3) on conflict (account, conversation_id) do update \
     set reopened_at = excluded.reopened_at where excluded.reopened_at > reopening.reopened_at";

const WAITING: &str = "select id from survey where account = $1 and conversation_id = $2 \
     and state = 'scheduled' and closed_at <= $3 order by ordinal desc limit 1000";

pub async fn reopen(
    connection: &mut AnyConnection,
    reopening: Reopening,
    now: Millis,
) -> Result<Option<SurveyId>> {
    sqlx::query(REMEMBER_REOPENING)
        .bind(reopening.account.as_str())
        .bind(reopening.conversation_id.as_str())
        .bind(reopening.reopened_at.0)
        .execute(&mut *connection)
        .await?;
    let waiting: Vec<String> = sqlx::query_scalar(WAITING)
        .bind(reopening.account.as_str())
        .bind(reopening.conversation_id.as_str())
        .bind(reopening.reopened_at.0)
        .fetch_all(&mut *connection)
        .await?;
    let mut cancelled = None;
    for id in waiting {
        let id = SurveyId::new(id);
        let Some(locked) = touch_in(connection, &id, "scheduled").await? else { continue };
        // The conversation may have closed again since the survey was read.
        if locked.0.closed_at > reopening.reopened_at {
            continue;
        }
        let (at, source) = (reopening.reopened_at.rfc3339(), &reopening.source);
        let why = format!("reopened at {at}, by source {source}");
        let event = Event::Cancelled(CancelledBy::Reopened);
        step_locked(connection, locked, event, now, Some(&why)).await?;
        cancelled.get_or_insert(id);
    }
    Ok(cancelled)
}
