//! Moves many answered surveys at once. A page may bring a hundred first answers. With statements
//! for each survey all other writers would wait too long.

use std::collections::{BTreeMap, HashMap};

use sqlx::{AnyConnection, AssertSqlSafe};

use super::rows::BATCH_MAX;
use crate::domain::id::{FeedbackId, SurveyId};
use crate::domain::survey::{Event, Survey};
use crate::domain::time::Millis;
use crate::store::placeholders::{Places, ROWS_MAX, bind_all, size};
use crate::store::survey::row;
use crate::store::survey::step::advance_state;
use crate::store::survey::step::count_answered;
use crate::store::{Error, Result};

/// Moves those surveys that are still sent to answered, at most [`BATCH_MAX`]. Each gets a line of
/// history. Returns them in the order given.
pub async fn answer(
    connection: &mut AnyConnection,
    answered: &[(&SurveyId, &FeedbackId)],
    now: Millis,
) -> Result<Vec<(Survey, FeedbackId)>> {
    if answered.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<&str> = answered.iter().map(|(id, _)| id.as_str()).collect();
    let mut stepped: HashMap<SurveyId, (Survey, i64)> = HashMap::new();
    for (mut survey, token) in touch_sent(connection, &ids).await? {
        survey.state = advance_state(survey.state, Event::Answered)?;
        stepped.insert(survey.id.clone(), (survey, token));
    }
    let mut surveys = Vec::with_capacity(stepped.len());
    let mut feedback = Vec::with_capacity(stepped.len());
    for (id, feedback_id) in answered {
        if let Some(survey) = stepped.remove(*id) {
            surveys.push(survey);
            feedback.push(FeedbackId::clone(feedback_id));
        }
    }
    write_answered(connection, &surveys).await?;
    note_answered(connection, &surveys, now).await?;
    Ok(surveys.into_iter().map(|(survey, _)| survey).zip(feedback).collect())
}

/// Locks and reads those surveys that are sent, each with its token.
async fn touch_sent(connection: &mut AnyConnection, ids: &[&str]) -> Result<Vec<(Survey, i64)>> {
    let mut touched = Vec::with_capacity(ids.len());
    for ids in ids.chunks(ROWS_MAX) {
        let sql = format!(
            "update survey set lease_token = lease_token + 1 where state = 'sent' and id in {} \
             returning {}",
            Places::of(connection).row(size(ids.len(), ROWS_MAX)),
            row::COLUMNS
        );
        let query = bind_all(sqlx::query(AssertSqlSafe(sql)), ids, ROWS_MAX);
        for row in &query.fetch_all(&mut *connection).await? {
            touched.push(row::survey(row)?);
        }
    }
    Ok(touched)
}

/// Writes the state of locked rows. The facts about the send stay as they are.
async fn write_answered(connection: &mut AnyConnection, surveys: &[(Survey, i64)]) -> Result<()> {
    let ids: Vec<&str> = surveys.iter().map(|(survey, _)| survey.id.as_str()).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "update survey set state = 'answered', reason = null, failure_code = null, \
         lease_until = null where state = 'sent' and id in {}",
        Places::of(connection).row(size(ids.len(), BATCH_MAX))
    );
    let written = bind_all(sqlx::query(AssertSqlSafe(sql)), &ids, BATCH_MAX);
    if written.execute(&mut *connection).await?.rows_affected() != ids.len() as u64 {
        return Err(Error::LeaseLost(ids.join(", ")));
    }
    let mut counts = BTreeMap::<&str, i64>::new();
    for (survey, _) in surveys {
        *counts.entry(&survey.account).or_default() += 1;
    }
    for (account, more) in counts {
        count_answered(connection, account, more).await?;
    }
    Ok(())
}

/// The number of values in a row of the history.
const VALUES: usize = 4;

async fn note_answered(
    connection: &mut AnyConnection,
    surveys: &[(Survey, i64)],
    now: Millis,
) -> Result<()> {
    let Some((last, _)) = surveys.last() else { return Ok(()) };
    let size = size(surveys.len(), BATCH_MAX);
    // Rows without an id are left out.
    let sql = format!(
        "with new (survey_id, step, at, state) as (values {}) \
         insert into survey_history (survey_id, step, at, state) \
         select survey_id, step, at, state from new where survey_id is not null",
        Places::of(connection).rows(size, VALUES)
    );
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for place in 0..size {
        let survey = surveys.get(place);
        query = query
            .bind(survey.map(|(survey, _)| survey.id.as_str()))
            .bind(survey.map(|(_, token)| *token))
            .bind(now.0)
            .bind(last.state.name());
    }
    query.execute(connection).await?;
    Ok(())
}
