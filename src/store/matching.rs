//! Feedback and the survey it answers: found by its id, else by person and external id together.

use std::time::Duration;

use sqlx::{AnyConnection, AssertSqlSafe};

use super::feedback::{COLUMNS, Known, known_row};
use super::fold::Folded;
use super::shows::SHOW_FIRST;
use super::surveys::{note, touch, write_state};
use super::{Error, Result, Store};
use crate::domain::feedback::{Feedback, Update};
use crate::domain::id::SurveyId;
use crate::domain::survey::{Delivery, Event, State, Survey};
use crate::domain::time::Millis;

impl Store {
    /// Whether an update is about feedback of the account, by our own record.
    pub async fn knows_feedback(&self, account: &str, update: &Update) -> Result<bool> {
        let object = &update.object;
        let found: Option<String> = sqlx::query_scalar(
            "select account from feedback where account = $1 and id = $2 union all \
             select account from survey where account = $1 and external_id = $3 and user_id = $4 \
             and begun_at is not null limit 1",
        )
        .bind(account)
        .bind(update.id.as_str())
        .bind(object.external_id.as_deref())
        .bind(object.to_user_id.as_deref())
        .fetch_optional(&self.readers)
        .await?;
        Ok(found.is_some())
    }
}

/// How far X's clock may lag behind ours. A prompt that X made earlier than that before our request
/// was not made by it: an agent may use the same external ids.
pub const CLOCKS_APART: Duration = Duration::from_secs(60 * 60);

/// Finds the survey of each row that has none: by the feedback's id where create's answer told it,
/// else by person and external id together.
pub async fn match_surveys(
    connection: &mut AnyConnection,
    account: &str,
    changed: &mut [Known],
) -> Result<()> {
    for row in changed.iter_mut().filter(|row| row.survey_id.is_none()) {
        let by_id: Option<String> = sqlx::query_scalar(
            "select id from survey where account = $1 and feedback_id = $2 limit 1",
        )
        .bind(account)
        .bind(row.feedback.id.as_str())
        .fetch_optional(&mut *connection)
        .await?;
        let object = row.feedback.object();
        let found = match (by_id, &object.external_id, &object.to_user_id) {
            (Some(id), _, _) => Some(id),
            (None, Some(external_id), Some(user_id)) => {
                // One that is sent bears its own feedback's id; one that is sending is its worker's.
                sqlx::query_scalar(
                    "select id from survey where account = $1 and external_id = $2 \
                     and user_id = $3 and begun_at <= $4 and feedback_id is null \
                     and state <> 'sending' order by begun_at desc limit 1",
                )
                .bind(account)
                .bind(external_id.as_str())
                .bind(user_id.as_str())
                .bind(object.created_at.map_or(i64::MAX, |at| at.plus(CLOCKS_APART).0))
                .fetch_optional(&mut *connection)
                .await?
            }
            (None, _, _) => None,
        };
        row.survey_id = found.map(SurveyId::new);
    }
    Ok(())
}

/// A prompt that has turned up counts in the budgets from when X made it, and is asked about now.
const FOUND: &str = "update survey set show_at = $1, spent_at = coalesce(spent_at, $2) \
     where id = $3";

/// Moves a survey on by what its feedback says.
pub async fn advance(
    connection: &mut AnyConnection,
    id: &SurveyId,
    feedback: &Feedback,
    now: Millis,
    folded: &mut Folded,
) -> Result<()> {
    let state: Option<String> = sqlx::query_scalar("select state from survey where id = $1")
        .bind(id.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    let found = match state.as_deref() {
        // What is sending is for its own worker to finish; it looks here when it does.
        None | Some("sending" | "sent" | "answered") => false,
        Some(_) => true,
    };
    if found && let Some((mut survey, token)) = touch(connection, id).await? {
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
        folded.settled.push(survey);
    }
    let answers = found || state.as_deref() == Some("sent");
    if answers
        && feedback.is_answered()
        && let Some((mut survey, token)) = touch(connection, id).await?
    {
        survey.state = advance_state(survey.state, Event::Answered)?;
        write_state(connection, (id, token), &survey.state).await?;
        note(connection, (id, token), now, &survey.state, None).await?;
        folded.answered.push((survey, feedback.id.clone()));
    }
    if feedback.judged_by().is_some() {
        // X's word on what its webhook has told is asked for at once.
        sqlx::query(SHOW_FIRST).bind(id.as_str()).execute(&mut *connection).await?;
    }
    if feedback.is_complete() {
        sqlx::query("update survey set show_at = null where id = $1 and show_at is not null")
            .bind(id.as_str())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// The answer was a hint alone, and X's events do not bear it out.
pub async fn withdraw(connection: &mut AnyConnection, id: &SurveyId, now: Millis) -> Result<()> {
    let Some((survey, token)) = touch(connection, id).await? else { return Ok(()) };
    if !matches!(survey.state, State::Answered(_)) {
        return Ok(());
    }
    let state = advance_state(survey.state, Event::Withdrawn)?;
    write_state(connection, (id, token), &state).await?;
    let why = "X's events do not know the answer that its webhook told";
    note(connection, (id, token), now, &state, Some(why)).await
}

fn advance_state(state: State, event: Event) -> Result<State> {
    state.step(event).map_err(|error| Error::Broken(error.to_string()))
}

/// Looks whether feedback of a survey that has just become uncertain has come before.
pub async fn match_waiting(
    connection: &mut AnyConnection,
    survey: &Survey,
    now: Millis,
) -> Result<()> {
    if let State::Uncertain { begun_at, .. } = survey.state {
        adopt(connection, survey, begun_at.minus(CLOCKS_APART), now).await?;
    }
    Ok(())
}

/// Looks, before a prompt is sent, whether X has shown one for this close already: sent by us, as
/// after a restored backup, or by another program that uses the same external ids. The survey as
/// it is then.
pub async fn find_before(
    connection: &mut AnyConnection,
    survey: &Survey,
    now: Millis,
) -> Result<Option<Survey>> {
    // X dates to the second, by its own clock: a prompt may seem older than the close it came of.
    adopt(connection, survey, survey.closed_at.minus(CLOCKS_APART), now).await
}

/// Gives a survey the feedback that bears its external id and person and belongs to no other, if
/// X made it after `made_after`.
async fn adopt(
    connection: &mut AnyConnection,
    survey: &Survey,
    made_after: Millis,
    now: Millis,
) -> Result<Option<Survey>> {
    let sql = format!(
        "select {COLUMNS} from feedback where account = $1 and external_id = $2 \
         and to_user_id = $3 and survey_id is null and created_at >= $4 \
         order by created_at limit 1"
    );
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(survey.account.as_str())
        .bind(survey.external_id.as_str())
        .bind(survey.person())
        .bind(made_after.0)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let known = known_row(&row)?;
    sqlx::query("update feedback set survey_id = $1 where account = $2 and id = $3")
        .bind(survey.id.as_str())
        .bind(survey.account.as_str())
        .bind(known.feedback.id.as_str())
        .execute(&mut *connection)
        .await?;
    let mut folded = Folded::default();
    advance(connection, &survey.id, &known.feedback, now, &mut folded).await?;
    let answered = folded.answered.into_iter().map(|(survey, _)| survey);
    Ok(answered.chain(folded.settled).next())
}
