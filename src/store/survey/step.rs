//! One step of one survey, with its line of history.

use std::sync::LazyLock;

use sqlx::{AnyConnection, AssertSqlSafe};

use super::row;
use crate::domain::id::SurveyId;
use crate::domain::survey::{Event, State, Survey};
use crate::domain::time::Millis;
use crate::store::{Error, Result};

const NOTE: &str = "insert into survey_history (survey_id, step, at, state, detail, facts) \
     values ($1, $2, $3, $4, $5, $6)";

/// Notes a step in the survey's history.
pub async fn note(
    connection: &mut AnyConnection,
    (id, token): (&SurveyId, i64),
    at: Millis,
    state: &State,
    detail: Option<&str>,
) -> Result<()> {
    note_decided(connection, (id, token), at, state, detail, None).await
}

/// Notes a step together with the decision behind it.
pub async fn note_decided(
    connection: &mut AnyConnection,
    (id, token): (&SurveyId, i64),
    at: Millis,
    state: &State,
    detail: Option<&str>,
    facts: Option<&str>,
) -> Result<()> {
    sqlx::query(NOTE)
        .bind(id.as_str())
        .bind(token)
        .bind(at.0)
        .bind(state.name())
        .bind(detail)
        .bind(facts)
        .execute(connection)
        .await?;
    Ok(())
}

/// Writes first, so that two workers on PostgreSQL cannot both decide on the row they read.
static TOUCH: LazyLock<String> = LazyLock::new(|| {
    format!(
        "update survey set lease_token = lease_token + 1 where id = $1 returning {}",
        row::COLUMNS
    )
});

/// Locks a survey's row and reads it. The new token is one higher.
pub async fn touch(connection: &mut AnyConnection, id: &SurveyId) -> Result<Option<(Survey, i64)>> {
    let row = sqlx::query(AssertSqlSafe(TOUCH.as_str()))
        .bind(id.as_str())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(row::survey).transpose()
}

static TOUCH_IN: LazyLock<String> =
    LazyLock::new(|| TOUCH.replace("where id = $1", "where id = $1 and state = $2"));

/// Locks and reads a survey's row if the survey is still in `state`. A survey whose send has begun
/// since it was read stays untouched because its worker holds the token.
pub async fn touch_in(
    connection: &mut AnyConnection,
    id: &SurveyId,
    state: &'static str,
) -> Result<Option<(Survey, i64)>> {
    let row = sqlx::query(AssertSqlSafe(TOUCH_IN.as_str()))
        .bind(id.as_str())
        .bind(state)
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(row::survey).transpose()
}

const WRITE_STATE: &str = "update survey set state = $1, reason = $2, failure_code = $3, \
     begun_at = coalesce($4, begun_at), given_up_at = coalesce($5, given_up_at), sent_at = $6, \
     feedback_id = $7, dm_id = $8, lease_until = null where id = $9 and lease_token = $10";

/// Writes the state of a locked row.
pub async fn write_state(
    connection: &mut AnyConnection,
    (id, token): (&SurveyId, i64),
    state: &State,
) -> Result<()> {
    let (mut code, mut reason) = (None, state.reason());
    let (mut begun_at, mut given_up_at) = (None, None);
    match state {
        State::Failed(failure) => {
            code = failure.code;
            reason = Some(failure.message.clone());
        }
        State::Sending { begun_at: at } => begun_at = Some(at.0),
        State::Uncertain { begun_at: begun, given_up_at: given_up } => {
            begun_at = Some(begun.0);
            given_up_at = Some(given_up.0);
        }
        State::Scheduled
        | State::Sent(_)
        | State::Answered(_)
        | State::Suppressed(_)
        | State::Cancelled(_)
        | State::Expired => {}
    }
    let delivery = state.delivery();
    let written = sqlx::query(WRITE_STATE)
        .bind(state.name())
        .bind(reason)
        .bind(code)
        .bind(begun_at)
        .bind(given_up_at)
        .bind(delivery.map(|delivery| delivery.sent_at.0))
        .bind(delivery.map(|delivery| delivery.feedback_id.as_str()))
        .bind(delivery.and_then(|delivery| delivery.dm_id.as_deref()))
        .bind(id.as_str())
        .bind(token)
        .execute(connection)
        .await?;
    match written.rows_affected() {
        1 => Ok(()),
        _ => Err(Error::LeaseLost(id.to_string())),
    }
}

const COUNT_ANSWERED: &str = "insert into answered (account, surveys) values ($1, $2) \
     on conflict (account) do update set surveys = answered.surveys + excluded.surveys";

/// Adds `more` to an account's count of answered surveys. The number may be negative.
pub async fn count_answered(
    connection: &mut AnyConnection,
    account: &str,
    more: i64,
) -> Result<()> {
    sqlx::query(COUNT_ANSWERED).bind(account).bind(more).execute(connection).await?;
    Ok(())
}

/// Takes one step and notes it. Returns the survey afterwards.
pub async fn step(
    connection: &mut AnyConnection,
    id: &SurveyId,
    event: Event,
    now: Millis,
) -> Result<Survey> {
    let locked =
        touch(connection, id).await?.ok_or_else(|| Error::Broken(format!("no survey {id}")))?;
    step_locked(connection, locked, event, now, None).await
}

/// Takes one step on a row that the caller has locked, and notes it. The history shows `why` in
/// place of the state's own reason.
pub async fn step_locked(
    connection: &mut AnyConnection,
    (mut survey, token): (Survey, i64),
    event: Event,
    now: Millis,
    why: Option<&str>,
) -> Result<Survey> {
    let answered = |state: &State| i64::from(matches!(state, State::Answered(_)));
    let before = answered(&survey.state);
    survey.state = advance_state(survey.state, event)?;
    write_state(connection, (&survey.id, token), &survey.state).await?;
    let more = answered(&survey.state) - before;
    if more != 0 {
        count_answered(connection, &survey.account, more).await?;
    }
    let reason = survey.state.reason();
    let detail = why.or(reason.as_deref());
    note(connection, (&survey.id, token), now, &survey.state, detail).await?;
    Ok(survey)
}

/// Returns the state after an event. Refuses an event that the state does not allow.
pub fn advance_state(state: State, event: Event) -> Result<State> {
    state.step(event).map_err(|error| Error::Broken(error.to_string()))
}
