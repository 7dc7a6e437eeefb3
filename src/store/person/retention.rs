//! Erases texts and raw objects by their age, a few surveys in a transaction.
//!
//! A survey that is old enough is erased as one of an erased person is, but nobody is marked. So a
//! later close of the person is asked about as ever. What X and the help desk said word for word
//! goes earlier than the rest, if the configuration says so.
//!
//! Deliberately absent is a record of how far a pass has come. What is erased says so itself, and
//! closes of long ago may come in at any time. So each pass looks at all that is old, beside the
//! writer.

use sqlx::{AnyConnection, Row as _};

use super::erase::{ErasedRows, erase_feedback, erase_reopening, erase_survey};
use super::keys::{self, Key, Keys};
use crate::domain::id::SurveyId;
use crate::domain::time::Millis;
use crate::store::{Result, Store};

/// What is erased by its age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aging {
    /// Ids, names, texts.
    Text,
    /// X's objects as they came, histories, events that cannot be read.
    Raw,
}

/// The place that a pass has come to: a close and its survey.
pub type AgingPlace = (Millis, SurveyId);

/// What one step has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aged {
    pub rows: ErasedRows,
    /// Where the pass goes on. Absent: it is over.
    pub next: Option<AgingPlace>,
}

/// The most surveys of one step. A close or a send waits for one step at most.
const STEP: i64 = 20;

/// What may still be sent, or be found at X, is left for a later pass.
const OLD_TEXTS: &str = "select s.id, s.closed_at from survey s \
     where (s.closed_at, s.id) > ($1, $2) and s.closed_at < $3 and s.erased_at is null \
     and s.state not in ('scheduled', 'sending', 'uncertain') order by s.closed_at, s.id limit $4";

const OLD_RAW: &str = "select s.id, s.closed_at from survey s left join feedback f \
     on f.account = s.account and f.id = s.feedback_id \
     where (s.closed_at, s.id) > ($1, $2) and s.closed_at < $3 and s.erased_at is null \
     and s.state not in ('scheduled', 'sending', 'uncertain') and (f.raw <> '' \
     or exists (select 1 from survey_history h where h.survey_id = s.id \
     and (h.detail is not null or h.facts is not null))) order by s.closed_at, s.id limit $4";

impl Store {
    /// Takes one step of a pass: erases some of what closed before `before`.
    pub async fn age(
        &self,
        what: Aging,
        before: Millis,
        after: Option<AgingPlace>,
        now: Millis,
    ) -> Result<Aged> {
        let (at, id) = after
            .map_or((Millis(i64::MIN), String::new()), |(at, id)| (at, id.as_str().to_owned()));
        let sql = match what {
            Aging::Text => OLD_TEXTS,
            Aging::Raw => OLD_RAW,
        };
        let found = sqlx::query(sql)
            .bind(at.0)
            .bind(id)
            .bind(before.0)
            .bind(STEP)
            .fetch_all(&self.readers)
            .await?;
        let mut surveys = Vec::with_capacity(found.len());
        let mut next = None;
        for row in &found {
            let id = SurveyId::new(row.try_get::<String, _>("id")?);
            next = Some((row.try_get("closed_at")?, id.clone()));
            surveys.push(id);
        }
        let is_over = i64::try_from(found.len()).is_ok_and(|found| found < STEP);
        let new = Key::new()?;
        let mut rows = self
            .writer
            .run(move |connection| {
                Box::pin(async move {
                    match what {
                        Aging::Text => age_texts(connection, new, surveys, (before, now)).await,
                        Aging::Raw => age_raw(connection, surveys, before).await,
                    }
                })
            })
            .await?;
        rows.retain(|_, rows| *rows > 0);
        Ok(Aged { rows, next: next.filter(|_| !is_over) })
    }
}

/// Leaves out a survey whose prompt is not over, because it has been moved on since it was found.
const STANDS: &str = "select account, conversation_id, feedback_id from survey where id = $1 \
     and erased_at is null and state not in ('scheduled', 'sending', 'uncertain')";

async fn age_texts(
    connection: &mut AnyConnection,
    new: Key,
    surveys: Vec<SurveyId>,
    (before, now): (Millis, Millis),
) -> Result<ErasedRows> {
    let keys = Keys::own(connection).await?;
    let key = match keys.first() {
        Some(key) => key.clone(),
        None => {
            keys::add(connection, new.salt(), now).await?;
            new
        }
    };
    let mut rows = ErasedRows::new();
    for id in &surveys {
        let row = sqlx::query(STANDS).bind(id.as_str()).fetch_optional(&mut *connection).await?;
        let Some(row) = row else { continue };
        erase_survey(connection, &key, id, now, &mut rows).await?;
        let (account, conversation): (String, String) =
            (row.try_get("account")?, row.try_get("conversation_id")?);
        erase_old_reopening(connection, &key, (&account, &conversation), before, &mut rows).await?;
    }
    age_strangers(connection, &key, before, &mut rows).await?;
    Ok(rows)
}

const REOPENED: &str = "select count(*) from reopening where account = $1 \
     and conversation_id = $2 and reopened_at < $3";

async fn erase_old_reopening(
    connection: &mut AnyConnection,
    key: &Key,
    (account, conversation): (&str, &str),
    before: Millis,
    rows: &mut ErasedRows,
) -> Result<()> {
    let old: i64 = sqlx::query_scalar(REOPENED)
        .bind(account)
        .bind(conversation)
        .bind(before.0)
        .fetch_one(&mut *connection)
        .await?;
    match old {
        0 => Ok(()),
        _ => erase_reopening(connection, key, (account, conversation), rows).await,
    }
}

const STRANGERS: &str = "select account, id from feedback where survey_id is null \
     and to_user_id is not null and updated_at < $1 order by account, to_user_id limit $2";

/// Erases feedback of prompts that surveyd did not send.
async fn age_strangers(
    connection: &mut AnyConnection,
    key: &Key,
    before: Millis,
    rows: &mut ErasedRows,
) -> Result<()> {
    let found =
        sqlx::query(STRANGERS).bind(before.0).bind(STEP).fetch_all(&mut *connection).await?;
    for row in &found {
        let (account, id): (String, String) = (row.try_get("account")?, row.try_get("id")?);
        erase_feedback(connection, key, (&account, &id), rows).await?;
    }
    Ok(())
}

const RAW: &str = "update feedback set raw = '', folds = folds + 1 \
     where account = $1 and id = $2 and raw <> ''";

const HISTORY: &str = "update survey_history set detail = null, facts = null where survey_id = $1 \
     and (detail is not null or facts is not null)";

const UNKNOWN: &str = "delete from unknown_event where (account, digest) in (select account, digest \
     from unknown_event where seen_at < $1 order by seen_at, account, digest limit $2)";

async fn age_raw(
    connection: &mut AnyConnection,
    surveys: Vec<SurveyId>,
    before: Millis,
) -> Result<ErasedRows> {
    Keys::own(connection).await?;
    let mut rows = ErasedRows::new();
    for id in &surveys {
        let row = sqlx::query(STANDS).bind(id.as_str()).fetch_optional(&mut *connection).await?;
        let Some(row) = row else { continue };
        let account: String = row.try_get("account")?;
        if let Some(feedback) = row.try_get::<Option<String>, _>("feedback_id")? {
            let raw = sqlx::query(RAW).bind(account).bind(feedback);
            *rows.entry("feedback").or_default() +=
                raw.execute(&mut *connection).await?.rows_affected();
        }
        let history = sqlx::query(HISTORY).bind(id.as_str());
        *rows.entry("survey_history").or_default() +=
            history.execute(&mut *connection).await?.rows_affected();
    }
    let unknown = sqlx::query(UNKNOWN).bind(before.0).bind(STEP).execute(&mut *connection).await?;
    *rows.entry("unknown_event").or_default() += unknown.rows_affected();
    Ok(rows)
}
