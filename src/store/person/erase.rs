//! Erases what is kept of one person, a few rows in a transaction.
//!
//! A survey stays with its score, its states and its instants, and with what the help desk said of
//! the conversation as a whole. Its ids become names that no id can be read from, and its texts go.
//! A comment becomes an empty text: that one was given still counts.

use std::collections::BTreeMap;

use sqlx::{AnyConnection, Row as _};

use super::find::PersonRows;
use super::keys::{Key, Keys};
use crate::domain::close::Notice;
use crate::domain::id::SurveyId;
use crate::domain::policy::decision::{Decision, Ground};
use crate::domain::survey::{Event, Failure, Reason, State};
use crate::domain::time::Millis;
use crate::store::survey::step::{step_locked, touch};
use crate::store::{Error, Result, Store};

/// What was erased, by table.
pub type ErasedRows = BTreeMap<&'static str, u64>;

/// What has become of an erasure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    pub rows: ErasedRows,
    /// Surveys whose prompt is just being sent. They were left as they are.
    pub under_way: Vec<SurveyId>,
}

impl Erased {
    pub fn add(&mut self, other: Self) {
        for (table, rows) in other.rows {
            *self.rows.entry(table).or_default() += rows;
        }
        self.under_way = other.under_way;
    }
}

/// Why a survey ends that was uncertain.
const UNKNOWN: &str = "its person was erased before X had said whether it carried the prompt out";

/// What stands for X's own words about a prompt that it refused.
const WORDS_GONE: &str = "what X said was erased";

/// The most surveys that are erased in one transaction.
const SURVEYS: usize = 20;

impl Store {
    /// Erases rows that [`Store::rows_of_person`] has found. The person must be marked before.
    /// Whatever is erased already changes nothing, so an erasure may be broken off and begun again.
    pub async fn erase(&self, found: &PersonRows, now: Millis) -> Result<Erased> {
        // The surveys come last but for feedback: what else belongs to the person is found by them.
        let rest = found.clone();
        let mut erased = self
            .writer
            .run(move |connection| Box::pin(async move { erase_rest(connection, &rest).await }))
            .await?;
        let surveys: Vec<SurveyId> = found.surveys.iter().cloned().collect();
        let mut under_way = Vec::new();
        for batch in surveys.chunks(SURVEYS) {
            let batch = batch.to_vec();
            let done = self
                .writer
                .run(move |connection| Box::pin(erase_surveys(connection, batch, now)))
                .await?;
            under_way.extend(done.under_way.clone());
            erased.add(done);
        }
        // Feedback of no survey: an agent's own prompt, or a prompt of a lost database.
        let feedback = found.feedback.clone();
        let rows = self
            .writer
            .run(move |connection| {
                Box::pin(async move {
                    let key = key(&Keys::own(connection).await?)?;
                    let mut rows = ErasedRows::new();
                    for (account, id) in &feedback {
                        erase_feedback(connection, &key, (account, id), &mut rows).await?;
                    }
                    Ok(rows)
                })
            })
            .await?;
        erased.add(Erased { rows, under_way });
        erased.rows.retain(|_, rows| *rows > 0);
        Ok(erased)
    }
}

fn key(keys: &Keys) -> Result<Key> {
    let missing = || Error::Broken("nobody is marked as erased".into());
    keys.first().cloned().ok_or_else(missing)
}

async fn erase_surveys(
    connection: &mut AnyConnection,
    surveys: Vec<SurveyId>,
    now: Millis,
) -> Result<Erased> {
    let key = key(&Keys::own(connection).await?)?;
    let mut erased = Erased::default();
    for id in surveys {
        if !end(connection, &id, now).await? {
            erased.under_way.push(id);
            continue;
        }
        erase_survey(connection, &key, &id, now, &mut erased.rows).await?;
    }
    Ok(erased)
}

const STATE: &str = "select state, lease_until from survey where id = $1";

/// Ends a survey that may still lead to a prompt. Returns false if one is just being sent.
pub async fn end(connection: &mut AnyConnection, id: &SurveyId, now: Millis) -> Result<bool> {
    let row = sqlx::query(STATE).bind(id.as_str()).fetch_optional(&mut *connection).await?;
    let Some(row) = row else { return Ok(true) };
    let state: String = row.try_get("state")?;
    match state.as_str() {
        "sending" => return Ok(false),
        "scheduled" | "uncertain" => {}
        _ => return Ok(true),
    }
    let Some((survey, token)) = touch(connection, id).await? else { return Ok(true) };
    let event = match &survey.state {
        State::Scheduled => Event::Suppressed(Reason::Forgotten),
        State::Uncertain { .. } => {
            Event::Refused(Failure { code: None, message: UNKNOWN.to_owned() })
        }
        // It has moved on since it was read.
        State::Sending { .. } => return Ok(false),
        State::Sent(_)
        | State::Answered(_)
        | State::Suppressed(_)
        | State::Cancelled(_)
        | State::Expired
        | State::Failed(_) => return Ok(true),
    };
    step_locked(connection, (survey, token), event, now, None).await?;
    Ok(true)
}

const READ: &str = "select account, conversation_id, external_id, ordinal, state, notice, reason, \
     feedback_id, decided, decision, erased_at from survey where id = $1";

/// The first ordinal that no other survey of an erased conversation has.
const FREE: &str = "select case when exists (select 1 from survey where account = $1 \
     and conversation_id = $2 and ordinal = $3 and id <> $4) then (select max(ordinal) + 1 \
     from survey where account = $1 and conversation_id = $2) else $3 end as ordinal";

const ERASE: &str = "update survey set conversation_id = $1, external_id = $2, ordinal = $3, \
     user_id = '', notice = $4, reason = $5, message = null, feedback_id = $6, dm_id = null, \
     decided = $7, decision = $8, show_at = null, lease_token = lease_token + 1, erased_at = $9 \
     where id = $10 and erased_at is null";

/// Erases one survey that has ended, with what belongs to it.
pub async fn erase_survey(
    connection: &mut AnyConnection,
    key: &Key,
    id: &SurveyId,
    now: Millis,
    rows: &mut ErasedRows,
) -> Result<()> {
    let row = sqlx::query(READ).bind(id.as_str()).fetch_optional(&mut *connection).await?;
    let Some(row) = row else { return Ok(()) };
    if row.try_get::<Option<i64>, _>("erased_at")?.is_some() {
        return Ok(());
    }
    let account: String = row.try_get("account")?;
    let conversation = key.name(&account, &row.try_get::<String, _>("conversation_id")?);
    let prompt = key.name(&account, &row.try_get::<String, _>("external_id")?);
    let feedback: Option<String> = row.try_get("feedback_id")?;
    let ordinal: i64 = sqlx::query_scalar(FREE)
        .bind(account.as_str())
        .bind(conversation.as_str())
        .bind(row.try_get::<i64, _>("ordinal")?)
        .bind(id.as_str())
        .fetch_one(&mut *connection)
        .await?;
    let reason: Option<String> = row.try_get("reason")?;
    let reason = match row.try_get::<String, _>("state")?.as_str() {
        "failed" => reason.map(|reason| kept_words(&reason).to_owned()),
        _ => reason,
    };
    sqlx::query(ERASE)
        .bind(conversation.as_str())
        .bind(prompt)
        .bind(ordinal)
        .bind(without_person(&row.try_get::<String, _>("notice")?)?)
        .bind(reason)
        .bind(feedback.as_deref().map(|id| key.name(&account, id)))
        .bind(decision_without_person(row.try_get("decided")?)?)
        .bind(decision_without_person(row.try_get("decision")?)?)
        .bind(now.0)
        .bind(id.as_str())
        .execute(&mut *connection)
        .await?;
    *rows.entry("survey").or_default() += 1;
    if let Some(feedback) = feedback {
        erase_feedback(connection, key, (&account, &feedback), rows).await?;
    }
    erase_beside(connection, key, (&account, id, &conversation), rows).await
}

/// The words of a failure that are surveyd's own stay.
fn kept_words(reason: &str) -> &str {
    if reason == UNKNOWN { UNKNOWN } else { WORDS_GONE }
}

/// Returns what a help desk said of a conversation, without what it said of the person.
pub fn without_person(notice: &str) -> Result<String> {
    let Ok(notice) = serde_json::from_str::<Notice>(notice) else { return Ok("{}".to_owned()) };
    Ok(serde_json::to_string(&notice.without_person())?)
}

/// Returns a decision without texts that somebody wrote about the person. One that cannot be read
/// is left out.
fn decision_without_person(kept: Option<String>) -> Result<Option<String>> {
    let kept = kept.and_then(|kept| serde_json::from_str::<Decision>(&kept).ok());
    let Some(mut decision) = kept else { return Ok(None) };
    if let Ground::OptedOut(out) = &mut decision.ground {
        out.why = None;
    }
    Ok(Some(decision.json()?))
}

const HISTORY: &str = "update survey_history set detail = null, facts = null where survey_id = $1 \
     and (detail is not null or facts is not null)";

const MERGED: &str = "update merged_close set conversation_id = $1 where survey_id = $2 \
     and conversation_id <> $1";

const REBUILT: &str = "select name from rebuilt where survey_id = $1";
const RENAME: &str =
    "update rebuilt set name = $1 where account = $2 and name = $3 and survey_id = $4";

/// Erases the rows of other tables that belong to a survey.
async fn erase_beside(
    connection: &mut AnyConnection,
    key: &Key,
    (account, id, conversation): (&str, &SurveyId, &str),
    rows: &mut ErasedRows,
) -> Result<()> {
    let history = sqlx::query(HISTORY).bind(id.as_str()).execute(&mut *connection).await?;
    *rows.entry("survey_history").or_default() += history.rows_affected();
    let merged = sqlx::query(MERGED).bind(conversation).bind(id.as_str());
    let merged = merged.execute(&mut *connection).await?;
    *rows.entry("merged_close").or_default() += merged.rows_affected();
    let names: Vec<String> =
        sqlx::query_scalar(REBUILT).bind(id.as_str()).fetch_all(&mut *connection).await?;
    for name in names {
        sqlx::query(RENAME)
            .bind(key.name(account, &name))
            .bind(account)
            .bind(name)
            .bind(id.as_str())
            .execute(&mut *connection)
            .await?;
        *rows.entry("rebuilt").or_default() += 1;
    }
    Ok(())
}

const KNOWN: &str = "select count(*) from feedback where account = $1 and id = $2";
const DROP: &str = "delete from feedback where account = $1 and id = $2";

const FEEDBACK: &str = "update feedback set id = $1, to_user_id = null, external_id = null, \
     dm_id = null, raw = '', comment = case when comment is null then null else '' end, \
     told = null, judged_by = null, hints_wait = 0, folds = folds + 1 \
     where account = $2 and id = $3";

const DUE: &str = "update result_due set feedback_id = $1 where account = $2 and feedback_id = $3";

/// Erases one feedback.
pub async fn erase_feedback(
    connection: &mut AnyConnection,
    key: &Key,
    (account, id): (&str, &str),
    rows: &mut ErasedRows,
) -> Result<()> {
    let name = key.name(account, id);
    let known: i64 = sqlx::query_scalar(KNOWN)
        .bind(account)
        .bind(name.as_str())
        .fetch_one(&mut *connection)
        .await?;
    let query = match known {
        0 => sqlx::query(FEEDBACK).bind(name.as_str()).bind(account).bind(id),
        _ => sqlx::query(DROP).bind(account).bind(id),
    };
    let erased = query.execute(&mut *connection).await?.rows_affected();
    *rows.entry("feedback").or_default() += erased;
    let due = sqlx::query(DUE).bind(name).bind(account).bind(id).execute(&mut *connection).await?;
    *rows.entry("result_due").or_default() += due.rows_affected();
    Ok(())
}

const OPT_OUTS: &str = "delete from optout where user_id = $1";
const TALKS: &str = "delete from dm_conversation where user_id = $1";
const RESPELT: &str = "delete from respelt where user_id = $1";
const TOLD: &str = "delete from rebuild_told where account = $1 and id = $2";
const UNKNOWN_EVENT: &str = "delete from unknown_event where account = $1 and digest = $2";
const REJECTED: &str = "delete from rejected where source = $1 and at = $2 and answer = $3";
const AUDIT: &str = "update audit set detail = $1 where at = $2 and id = $3";
const DELIVERY: &str = "update delivery set event_id = $1 where source = $2 and event_id = $3 \
     and not exists (select 1 from delivery other where other.source = $2 and other.event_id = $1)";
const KNOWN_BY_NAME: &str = "delete from delivery where source = $1 and event_id = $2";
const OF_OTHER: &str = "update survey_history set detail = replace(detail, $1, ', person (erased), ') \
     where survey_id = $2 and detail is not null";

/// Erases what belongs to no survey of the person.
async fn erase_rest(connection: &mut AnyConnection, found: &PersonRows) -> Result<Erased> {
    let key = key(&Keys::own(connection).await?)?;
    let mut erased = Erased::default();
    let rows = &mut erased.rows;
    let id = found.user_id.as_str();
    for (table, sql) in [("optout", OPT_OUTS), ("dm_conversation", TALKS), ("respelt", RESPELT)] {
        let gone = sqlx::query(sql).bind(id).execute(&mut *connection).await?.rows_affected();
        *rows.entry(table).or_default() += gone;
    }
    for (table, sql, keys) in [
        ("rebuild_told", TOLD, &found.told),
        ("unknown_event", UNKNOWN_EVENT, &found.unknown_events),
    ] {
        for (account, id) in keys {
            let gone = sqlx::query(sql).bind(account.as_str()).bind(id.as_str());
            *rows.entry(table).or_default() +=
                gone.execute(&mut *connection).await?.rows_affected();
        }
    }
    for (source, event_id) in &found.deliveries {
        let renamed = sqlx::query(DELIVERY)
            .bind(key.event(source, event_id))
            .bind(source.as_str())
            .bind(event_id.as_str());
        renamed.execute(&mut *connection).await?;
        // The event may have come again meanwhile, and is known by its name already.
        let again = sqlx::query(KNOWN_BY_NAME).bind(source.as_str()).bind(event_id.as_str());
        again.execute(&mut *connection).await?;
        *rows.entry("delivery").or_default() += 1;
    }
    for survey_id in &found.histories {
        let named = format!(", person {id}, ");
        let replaced = sqlx::query(OF_OTHER).bind(named).bind(survey_id.as_str());
        *rows.entry("survey_history").or_default() +=
            replaced.execute(&mut *connection).await?.rows_affected();
    }
    for ((account, conversation), is_theirs_alone) in &found.conversations {
        if *is_theirs_alone {
            erase_reopening(connection, &key, (account, conversation), rows).await?;
        }
    }
    erase_logs(connection, found, rows).await?;
    Ok(erased)
}

async fn erase_logs(
    connection: &mut AnyConnection,
    found: &PersonRows,
    rows: &mut ErasedRows,
) -> Result<()> {
    for (source, at, answer) in &found.rejected {
        let gone = sqlx::query(REJECTED).bind(source.as_str()).bind(*at).bind(*answer);
        *rows.entry("rejected").or_default() +=
            gone.execute(&mut *connection).await?.rows_affected();
    }
    for ((at, id), detail) in &found.audit {
        let changed = sqlx::query(AUDIT).bind(detail.as_str()).bind(*at).bind(id.as_str());
        *rows.entry("audit").or_default() +=
            changed.execute(&mut *connection).await?.rows_affected();
    }
    Ok(())
}

const REOPENED: &str =
    "select reopened_at from reopening where account = $1 and conversation_id = $2";
const REOPEN: &str = "insert into reopening (account, conversation_id, reopened_at) \
     values ($1, $2, $3) on conflict (account, conversation_id) do nothing";
const CLOSE: &str = "delete from reopening where account = $1 and conversation_id = $2";

/// Puts a name in the place of the conversation of a reopening.
pub async fn erase_reopening(
    connection: &mut AnyConnection,
    key: &Key,
    (account, conversation): (&str, &str),
    rows: &mut ErasedRows,
) -> Result<()> {
    let at: Option<i64> = sqlx::query_scalar(REOPENED)
        .bind(account)
        .bind(conversation)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(at) = at else { return Ok(()) };
    sqlx::query(REOPEN)
        .bind(account)
        .bind(key.name(account, conversation))
        .bind(at)
        .execute(&mut *connection)
        .await?;
    sqlx::query(CLOSE).bind(account).bind(conversation).execute(connection).await?;
    *rows.entry("reopening").or_default() += 1;
    Ok(())
}
