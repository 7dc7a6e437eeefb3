//! One step of one survey, with its line of history.

use std::sync::LazyLock;

use sqlx::{AnyConnection, AssertSqlSafe, Row};

use super::{row, wait_history};
use crate::domain::id::SurveyId;
use crate::domain::survey::{CancelledBy, Event, State, Survey};
use crate::domain::time::Millis;
use crate::store::{Error, Result, Store};

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

/// The same with the decision behind the step, as it is kept.
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

/// Writes first, so that two workers on PostgreSQL cannot both decide on what they read.
static TOUCH: LazyLock<String> = LazyLock::new(|| {
    format!(
        "update survey set lease_token = lease_token + 1 where id = $1 returning {}",
        row::COLUMNS
    )
});

/// Locks a survey's row and reads it; its token is one higher than before.
pub async fn touch(connection: &mut AnyConnection, id: &SurveyId) -> Result<Option<(Survey, i64)>> {
    let row = sqlx::query(AssertSqlSafe(TOUCH.as_str()))
        .bind(id.as_str())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(row::survey).transpose()
}

static TOUCH_IN: LazyLock<String> =
    LazyLock::new(|| TOUCH.replace("where id = $1", "where id = $1 and state = $2"));

/// The same, where the survey is still in the state named. One that was begun since it was read is
/// not touched: the token is its worker's.
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

/// Writes the state of a row that is locked.
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

/// Takes one step and notes it. The survey as it is afterwards.
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

/// The same on a row that is locked already, with its token; `why` stands in the history where the
/// state itself does not say it.
pub async fn step_locked(
    connection: &mut AnyConnection,
    (mut survey, token): (Survey, i64),
    event: Event,
    now: Millis,
    why: Option<&str>,
) -> Result<Survey> {
    survey.state = survey.state.step(event).map_err(|error| Error::Broken(error.to_string()))?;
    write_state(connection, (&survey.id, token), &survey.state).await?;
    let reason = survey.state.reason();
    let detail = why.or(reason.as_deref());
    note(connection, (&survey.id, token), now, &survey.state, detail).await?;
    Ok(survey)
}

const LATE: &str = "select id from survey where account = $1 and state = 'scheduled' \
     and try_at <= $2 and closed_at < $3 order by try_at, id limit $4";

/// Surveys that expire in one transaction.
const EXPIRE_MAX: i64 = 100;

impl Store {
    /// Surveys that are due and whose conversation closed before `closed_before`: at most a
    /// hundred, oldest first.
    pub async fn too_late(
        &self,
        account: &str,
        closed_before: Millis,
        now: Millis,
    ) -> Result<Vec<SurveyId>> {
        let late: Vec<String> = sqlx::query_scalar(LATE)
            .bind(account)
            .bind(now.0)
            .bind(closed_before.0)
            .bind(EXPIRE_MAX)
            .fetch_all(&self.readers)
            .await?;
        Ok(late.into_iter().map(SurveyId::new).collect())
    }

    /// Ends those of them that are still too late. Their histories say what they waited for last:
    /// `held_back_by`, what holds all of the account back, or else what each of them waited for.
    pub async fn expire(
        &self,
        late: Vec<SurveyId>,
        held_back_by: Option<String>,
        closed_before: Millis,
        now: Millis,
    ) -> Result<Vec<Survey>> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let mut ended = Vec::with_capacity(late.len());
                    for id in late {
                        let Some((survey, token)) = touch_in(connection, &id, "scheduled").await?
                        else {
                            continue;
                        };
                        // It may have been closed again since it was read.
                        if survey.closed_at >= closed_before {
                            continue;
                        }
                        let state = State::Expired;
                        write_state(connection, (&id, token), &state).await?;
                        let waited = match &held_back_by {
                            Some(words) => wait_history::last_of_all(words),
                            None => wait_history::last(connection, &survey).await?,
                        };
                        note(connection, (&id, token), now, &state, Some(&waited)).await?;
                        ended.push(Survey { state, ..survey });
                    }
                    Ok(ended)
                })
            })
            .await
    }

    /// Calls a survey off by hand. The error says what state stands against it.
    pub async fn cancel(&self, id: SurveyId, now: Millis) -> Result<Survey> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    step(connection, &id, Event::Cancelled(CancelledBy::Operator), now).await
                })
            })
            .await
    }

    /// When the next survey of an account wants to be looked at.
    pub async fn next_due(&self, account: &str) -> Result<Option<Millis>> {
        let row = sqlx::query(
            "select min(try_at) from survey where account = $1 and state = 'scheduled'",
        )
        .bind(account)
        .fetch_one(&self.readers)
        .await?;
        Ok(row.try_get::<Option<i64>, _>(0)?.map(Millis))
    }
}
