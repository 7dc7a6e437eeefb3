//! Keeps the content of a survey's first close in its history before a later close replaces it.
//!
//! Steps of a survey count from one. Facts about its closes that are no steps have lower numbers in
//! that table. The acceptance has number zero. Closes that moved nothing have negative numbers.

use sqlx::{AnyConnection, Row};

use crate::domain::close::{Close, Notice};
use crate::domain::id::{SurveyId, UserId};
use crate::domain::time::Millis;
use crate::store::Result;

const AS_IT_STANDS: &str = "select source, closed_at, accepted_at, decided, notice, \
     coalesce(first_closed_at, closed_at) as first_closed_at from survey where id = $1";

const KEEP: &str = "insert into survey_history (survey_id, step, at, state, detail, facts) \
     values ($1, 0, $2, 'accepted', $3, $4) on conflict (survey_id, step) do nothing";

/// Returns the words for an acceptance.
pub fn words(closed_at: Millis, source: &str, notice: &Notice) -> String {
    format!("closed at {}, from source {source}{}", closed_at.rfc3339(), notice.words())
}

/// Keeps the acceptance of a survey that `later` is about to move. Returns the notice for the row.
/// A source that leaves something out of its own notice is believed. An empty notice and a notice
/// of another source know less of the conversation, so the earlier facts stay.
pub async fn keep(connection: &mut AnyConnection, id: &SurveyId, later: &Close) -> Result<String> {
    let row = sqlx::query(AS_IT_STANDS).bind(id.as_str()).fetch_one(&mut *connection).await?;
    let source: String = row.try_get("source")?;
    let closed_at: Millis = row.try_get("closed_at")?;
    let earlier: Notice = serde_json::from_str(&row.try_get::<String, _>("notice")?)?;
    // A survey moved by an earlier version of surveyd has lost the content of its first close.
    if closed_at == row.try_get("first_closed_at")? {
        sqlx::query(KEEP)
            .bind(id.as_str())
            .bind(row.try_get::<i64, _>("accepted_at")?)
            .bind(words(closed_at, &source, &earlier))
            .bind(row.try_get::<Option<String>, _>("decided")?)
            .execute(&mut *connection)
            .await?;
    }
    let notice = match source == later.source && later.notice != Notice::default() {
        true => later.notice.clone(),
        false => later.notice.clone().completed_by(earlier),
    };
    Ok(serde_json::to_string(&notice)?)
}

/// Returns the words for a close that moves the survey.
pub fn again(close: &Close, due_at: Millis) -> String {
    format!(
        "closed again at {}, due {}, person {}, from source {}{}",
        close.closed_at.rfc3339(),
        due_at.rfc3339(),
        close.user_id.as_ref().map_or("as before", UserId::as_str),
        close.source,
        close.notice.words()
    )
}

/// The most closes that are noted for a survey without moving it. A sender may repeat them forever.
const OLDER_MOST: i64 = 20;

const NOTE_OLDER: &str = "insert into survey_history (survey_id, step, at, state, detail) \
     select $1, coalesce(min(step), 0) - 1, $2, 'scheduled', $3 from survey_history \
     where survey_id = $1 and step < 0 having count(*) < $4 \
     on conflict (survey_id, step) do nothing";

/// Notes a close that moved nothing because it was older than the one that counts.
pub async fn note_older(
    connection: &mut AnyConnection,
    id: &SurveyId,
    older: &Close,
    now: Millis,
) -> Result<()> {
    let said = words(older.closed_at, &older.source, &older.notice);
    sqlx::query(NOTE_OLDER)
        .bind(id.as_str())
        .bind(now.0)
        .bind(format!("an older close came in and changed nothing: {said}"))
        .bind(OLDER_MOST)
        .execute(connection)
        .await?;
    Ok(())
}
