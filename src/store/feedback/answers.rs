//! Moves many answered surveys at once. A page may bring a hundred first answers. With statements
//! for each survey all other writers would wait too long.

use std::collections::{BTreeMap, HashMap};

use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use super::folded::Answered;
use super::rows::BATCH_MAX;
use crate::domain::id::{ConversationId, FeedbackId, SurveyId};
use crate::domain::time::Millis;
use crate::store::placeholders::{Places, ROWS_MAX, bind_all, size};
use crate::store::survey::step::count_answered;
use crate::store::{Error, Result};

/// Moves those surveys that are still sent to answered, at most [`BATCH_MAX`]. Each gets a line of
/// history. Returns them in the order given.
pub async fn answer(
    connection: &mut AnyConnection,
    answered: &[(&SurveyId, &FeedbackId, Millis)],
    now: Millis,
) -> Result<Vec<Answered>> {
    if answered.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<&str> = answered.iter().map(|(id, ..)| id.as_str()).collect();
    let mut written = write_answered(connection, &ids).await?;
    count(connection, written.values()).await?;
    let in_order = answered.iter().filter_map(|one| Some((one, written.remove(one.0.as_str())?)));
    let in_order: Vec<_> = in_order.collect();
    let steps: Vec<_> = in_order.iter().map(|(one, written)| (one.0, written.step)).collect();
    note_answered(connection, &steps, now).await?;
    let answered = in_order.into_iter().map(|((id, feedback_id, given_at), written)| Answered {
        survey_id: (*id).clone(),
        conversation_id: written.conversation_id,
        feedback_id: (*feedback_id).clone(),
        given_at: *given_at,
    });
    Ok(answered.collect())
}

/// A survey that [`write_answered`] has moved.
struct AnsweredRow {
    account: String,
    conversation_id: ConversationId,
    /// The number of its new line of history.
    step: i64,
}

/// Sets those surveys that are `sent` to `answered`. Returns them by id.
///
/// This is [`Event::Answered`](crate::domain::survey::Event::Answered) in SQL. That event moves
/// every `sent` survey and changes nothing else of it, so the row need not be read first. A fold
/// that read it wrote each row twice, which a page of first answers felt.
async fn write_answered(
    connection: &mut AnyConnection,
    ids: &[&str],
) -> Result<HashMap<String, AnsweredRow>> {
    let mut written = HashMap::with_capacity(ids.len());
    for ids in ids.chunks(ROWS_MAX) {
        let sql = format!(
            "update survey set state = 'answered', reason = null, failure_code = null, \
             lease_until = null, lease_token = lease_token + 1 \
             where state = 'sent' and id in {} \
             returning id, account, conversation_id, lease_token",
            Places::of(connection).row(size(ids.len(), ROWS_MAX)),
        );
        let query = bind_all(sqlx::query(AssertSqlSafe(sql)), ids, ROWS_MAX);
        for row in &query.fetch_all(&mut *connection).await? {
            let conversation: String = row.try_get("conversation_id")?;
            let of_row = AnsweredRow {
                account: row.try_get("account")?,
                conversation_id: ConversationId::parse(&conversation)
                    .map_err(|what| Error::Broken(format!("a survey with {what}")))?,
                step: row.try_get("lease_token")?,
            };
            written.insert(row.try_get("id")?, of_row);
        }
    }
    Ok(written)
}

async fn count(
    connection: &mut AnyConnection,
    surveys: impl Iterator<Item = &AnsweredRow>,
) -> Result<()> {
    let mut counts = BTreeMap::<&str, i64>::new();
    for survey in surveys {
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
    steps: &[(&SurveyId, i64)],
    now: Millis,
) -> Result<()> {
    if steps.is_empty() {
        return Ok(());
    }
    let size = size(steps.len(), BATCH_MAX);
    // Rows without an id are left out.
    let sql = format!(
        "with new (survey_id, step, at, state) as (values {}) \
         insert into survey_history (survey_id, step, at, state) \
         select survey_id, step, at, state from new where survey_id is not null",
        Places::of(connection).rows(size, VALUES)
    );
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for place in 0..size {
        let step = steps.get(place);
        query = query
            .bind(step.map(|(id, _)| id.as_str()))
            .bind(step.map(|(_, step)| *step))
            .bind(now.0)
            .bind("answered");
    }
    query.execute(connection).await?;
    Ok(())
}
