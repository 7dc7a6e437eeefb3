//! Moves surveys on by the content of their feedback.

use std::collections::HashMap;

use sqlx::{AnyConnection, AssertSqlSafe, Row};

use super::answers::answer;
use super::folded::Folded;
use super::row::FeedbackRow;
use super::rows::BATCH_MAX;
use super::shows::SHOW_FIRST;
use crate::domain::feedback::Feedback;
use crate::domain::id::SurveyId;
use crate::domain::survey::{Delivery, Event, State, Survey};
use crate::domain::time::Millis;
use crate::store::Result;
use crate::store::placeholders::{Places, bind_all, size};
use crate::store::survey::step::{advance_state, note, step_locked, touch, touch_in, write_state};

/// Moves the surveys of rows on, at most [`BATCH_MAX`] of them.
pub async fn advance(
    connection: &mut AnyConnection,
    rows: impl Iterator<Item = &FeedbackRow> + Clone,
    now: Millis,
    folded: &mut Folded,
) -> Result<()> {
    let matched = rows.filter_map(|row| Some((row.survey_id.as_ref()?, &row.feedback)));
    let ids: Vec<&str> = matched.clone().map(|(id, _)| id.as_str()).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let mut found = surveys(connection, &ids).await?;
    let (mut answered, mut complete) = (Vec::new(), Vec::new());
    for (id, feedback) in matched {
        // Two rows may have one survey. The second finds it as the first has left it.
        let Some(survey) = found.get_mut(id.as_str()) else { continue };
        // The worker of a survey that is being sent finishes it and then looks for feedback itself.
        if !matches!(survey.state.as_str(), "sending" | "sent" | "answered") {
            folded.settled.extend(settle(connection, id, feedback, now).await?);
            *survey = AdvanceStart { state: "sent".into(), show_at: Some(now) };
        }
        if survey.state == "sent"
            && let Some(given_at) = feedback.answered_at()
        {
            survey.state = "answered".into();
            answered.push((id, &feedback.id, given_at));
        }
        if feedback.judged_by().is_some() && survey.show_at.is_some() {
            // X's API is asked at once about a statement of the webhook.
            sqlx::query(SHOW_FIRST).bind(id.as_str()).execute(&mut *connection).await?;
        }
        if feedback.is_complete() && survey.show_at.take().is_some() {
            complete.push(id.as_str());
        }
    }
    folded.answered.extend(answer(connection, &answered, now).await?);
    show_never(connection, &complete).await
}

/// The first facts about a survey to be moved. Most surveys need no more.
struct AdvanceStart {
    state: String,
    show_at: Option<Millis>,
}

async fn surveys(
    connection: &mut AnyConnection,
    ids: &[&str],
) -> Result<HashMap<String, AdvanceStart>> {
    let list = Places::of(connection).row(size(ids.len(), BATCH_MAX));
    let sql = format!("select id, state, show_at from survey where id in {list}");
    let rows =
        bind_all(sqlx::query(AssertSqlSafe(sql)), ids, BATCH_MAX).fetch_all(connection).await?;
    let found = rows.iter().map(|row| {
        let start = AdvanceStart { state: row.try_get("state")?, show_at: row.try_get("show_at")? };
        Ok((row.try_get("id")?, start))
    });
    found.collect()
}

/// Stops the calls of feedback/show for complete answers because nothing more can come.
async fn show_never(connection: &mut AnyConnection, ids: &[&str]) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let list = Places::of(connection).row(size(ids.len(), BATCH_MAX));
    let sql =
        format!("update survey set show_at = null where show_at is not null and id in {list}");
    bind_all(sqlx::query(AssertSqlSafe(sql)), ids, BATCH_MAX).execute(connection).await?;
    Ok(())
}

/// A prompt that is found at X counts in the budgets from its creation. It is asked about now.
const FOUND: &str = "update survey set show_at = $1, spent_at = coalesce(spent_at, $2) \
     where id = $3";

/// Settles a survey whose prompt was not known to be sent.
async fn settle(
    connection: &mut AnyConnection,
    id: &SurveyId,
    feedback: &Feedback,
    now: Millis,
) -> Result<Option<Survey>> {
    let Some((mut survey, token)) = touch(connection, id).await? else { return Ok(None) };
    // Another daemon may have settled it since it was read.
    if matches!(survey.state, State::Sending { .. } | State::Sent(_) | State::Answered(_)) {
        return Ok(None);
    }
    let sent_at = feedback.object().created_at.unwrap_or(now);
    let delivery = Delivery {
        sent_at,
        feedback_id: feedback.id.clone(),
        dm_id: feedback.object().dm_id.clone(),
    };
    survey.state = advance_state(survey.state, Event::Found(delivery))?;
    write_state(connection, (id, token), &survey.state).await?;
    note(connection, (id, token), now, &survey.state, Some("found at X")).await?;
    sqlx::query(FOUND)
        .bind(now.0)
        .bind(sent_at.0)
        .bind(id.as_str())
        .execute(&mut *connection)
        .await?;
    Ok(Some(survey))
}

/// Withdraws an answer that X's events do not contain. Returns true if there was one.
pub async fn withdraw(
    connection: &mut AnyConnection,
    id: &SurveyId,
    why: &str,
    now: Millis,
) -> Result<bool> {
    let Some(locked) = touch_in(connection, id, "answered").await? else { return Ok(false) };
    step_locked(connection, locked, Event::Withdrawn, now, Some(why)).await?;
    Ok(true)
}
