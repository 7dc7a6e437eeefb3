//! What the first close of a survey said, kept in its history before a later close takes the place
//! of it in the row.
//!
//! Steps of a survey count from one. What was told of its closes, and was no step of it, stands in
//! the same table at nought and below: the acceptance at nought, closes that moved nothing below.

use sqlx::{AnyConnection, Row};

use crate::domain::close::{Close, Notice};
use crate::domain::id::{SurveyId, UserId};
use crate::domain::time::Millis;
use crate::store::Result;

const AS_IT_STANDS: &str = "select source, closed_at, accepted_at, decided, notice, \
     coalesce(first_closed_at, closed_at) from survey where id = $1";

const KEEP: &str = "insert into survey_history (survey_id, step, at, state, detail, facts) \
     values ($1, 0, $2, 'accepted', $3, $4) on conflict (survey_id, step) do nothing";

/// What is said of an acceptance.
pub fn words(closed_at: Millis, source: &str, notice: &Notice) -> String {
    format!("closed at {}, from source {source}{}", closed_at.rfc3339(), notice.words())
}

/// Keeps the acceptance of a survey that `later` is about to move, and gives the notice that is to
/// stand in its row. A source is believed in what it leaves out of its own notices. One that tells
/// of nothing, or another source, knows less of the conversation, and what it is silent about
/// stays.
pub async fn keep(connection: &mut AnyConnection, id: &SurveyId, later: &Close) -> Result<String> {
    let row = sqlx::query(AS_IT_STANDS).bind(id.as_str()).fetch_one(&mut *connection).await?;
    let source: String = row.try_get(0)?;
    let (closed_at, first_closed_at): (i64, i64) = (row.try_get(1)?, row.try_get(5)?);
    let earlier: Notice = serde_json::from_str(&row.try_get::<String, _>(4)?)?;
    // One that an earlier version has moved has lost what its first close said.
    if closed_at == first_closed_at {
        sqlx::query(KEEP)
            .bind(id.as_str())
            .bind(row.try_get::<i64, _>(2)?)
            .bind(words(Millis(closed_at), &source, &earlier))
            .bind(row.try_get::<Option<String>, _>(3)?)
            .execute(&mut *connection)
            .await?;
    }
    let notice = match source == later.source && later.notice != Notice::default() {
        true => later.notice.clone(),
        false => later.notice.clone().completed_by(earlier),
    };
    Ok(serde_json::to_string(&notice)?)
}

/// What is said of a close that moves the survey.
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

/// Of closes that moved nothing no more are noted: whoever sends them may send them without end.
const OLDER_MOST: i64 = 20;

const NOTE_OLDER: &str = "insert into survey_history (survey_id, step, at, state, detail) \
     select $1, coalesce(min(step), 0) - 1, $2, 'scheduled', $3 from survey_history \
     where survey_id = $1 and step < 0 having count(*) < $4 \
     on conflict (survey_id, step) do nothing";

/// Notes a close that moved nothing, for it was older than the one that counts.
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
