//! Takes in closes, in batches.

use std::collections::HashSet;

use sqlx::{AnyConnection, AssertSqlSafe, Row};

use super::first_close;
use super::taken::{Taken, taken_from};
use crate::domain::close::{Close, Precision};
use crate::domain::id::{SurveyId, external_id};
use crate::domain::policy::AtClose;
use crate::domain::policy::decision::{Decision, Ground, Verdict};
use crate::domain::survey::State;
use crate::domain::survey_type::Card;
use crate::domain::time::Millis;
use crate::store::Result;
use crate::store::person::keys::Key;
use crate::store::placeholders::{Places, Query, size};
use crate::store::rebuild::surveys;
use crate::store::survey::step;

/// A close on its way into the database.
#[derive(Clone, Debug)]
pub struct NewSurvey {
    pub close: Close,
    pub at_close: AtClose,
    pub card: Card,
    pub now: Millis,
    /// The sender's id of the event, by which a redelivery is recognised.
    pub event_id: Option<String>,
    /// The decision that applies if the close turns out to follow one that was cancelled.
    pub(in crate::store) if_next: Option<AtClose>,
    pub(in crate::store) id: String,
    notice: String,
    /// The decision as it is kept.
    kept: String,
}

impl NewSurvey {
    pub fn of(
        close: Close,
        at_close: AtClose,
        card: Card,
        event_id: Option<String>,
        now: Millis,
    ) -> Result<Self> {
        Ok(Self {
            notice: serde_json::to_string(&close.notice)?,
            id: uuid::Uuid::now_v7().simple().to_string(),
            kept: at_close.decision.json()?,
            close,
            at_close,
            card,
            now,
            event_id,
            if_next: None,
        })
    }
}

impl NewSurvey {
    /// Returns this close as the next of a conversation whose last close a reopening has cancelled.
    /// It counts as closed when it arrived, whatever instant its desk names.
    fn closed_now(self, at_close: AtClose, reopened_at: Millis) -> Result<Self> {
        let closed_at = self.now.max(Millis(reopened_at.0.saturating_add(1)));
        let close = Close { closed_at, precision: Precision::Exact, ..self.close };
        let kept = at_close.decision.json()?;
        Ok(Self { close, at_close, if_next: None, kept, ..self })
    }
}

impl NewSurvey {
    /// Returns this close without its person, who was erased and is not asked.
    pub(in crate::store) fn forgotten(self, key: &Key) -> Self {
        let without = self.without_person(key);
        let at_close = without.at_close.forgotten();
        let kept = at_close.decision.json().unwrap_or_default();
        let if_next = without.if_next.map(AtClose::forgotten);
        Self { at_close, kept, if_next, ..without }
    }

    /// Returns this close without what says whose it was.
    pub(in crate::store) fn without_person(self, key: &Key) -> Self {
        let Close { account, source, conversation_id, .. } = &self.close;
        let event_id = self.event_id.as_ref().map(|id| key.event(source, id));
        let conversation_id = key.conversation(account, conversation_id);
        let notice = self.close.notice.clone().without_person();
        Self {
            event_id,
            notice: serde_json::to_string(&notice).unwrap_or_else(|_| "{}".to_owned()),
            close: Close { conversation_id, user_id: None, notice, ..self.close },
            ..self
        }
    }
}

/// The number of values in a row of the insert.
const VALUES: usize = 19;

/// Returns one multi-row statement for a whole batch.
///
/// - A survey is inserted as the first of its conversation. [`known`] takes the closes that this
///   skips. Their conversation has a survey, or X has shown a prompt for it.
/// - A close older than a reopening on record is cancelled as it comes in.
/// - A close known only to the minute may be later than the reopening. It counts as later because
///   it arrived later.
/// - Rows without an id are left out.
/// - The conflict is named because PostgreSQL then refuses the statement if the constraint is
///   missing. It is missing while a dump is being restored. So no close is taken twice.
/// - No row is returned because SQLite would hand over each row from thread to thread by itself.
fn insert_statement(connection: &AnyConnection, rows: usize, if_not_told: &str) -> String {
    let rows = Places::of(connection).rows(rows, VALUES);
    format!(
        "with new (id, account, source, conversation_id, external_id, user_id, kind, \
         question_variant_id, test, state, reason, closed_at, accepted_at, due_at, notice, ordinal, \
         try_at, decided, closed_until) as (values {rows}) \
         insert into survey (id, account, source, conversation_id, external_id, user_id, kind, \
         question_variant_id, test, state, reason, closed_at, accepted_at, due_at, notice, ordinal, \
         try_at, decided, first_closed_at, lease_token, attempts) \
         select n.id, n.account, n.source, n.conversation_id, n.external_id, n.user_id, n.kind, \
         n.question_variant_id, n.test, \
         case when r.reopened_at >= n.closed_until then 'cancelled' else n.state end, \
         case when r.reopened_at >= n.closed_until then 'reopened' else n.reason end, \
         case when r.reopened_at < n.closed_until then r.reopened_at + 1 else n.closed_at end, \
         n.accepted_at, n.due_at, n.notice, n.ordinal, n.try_at, \
         n.decided, n.closed_at, 0, 0 \
         from new n left join reopening r on r.account = n.account \
         and r.conversation_id = n.conversation_id and r.reopened_at >= n.closed_at \
         where n.id is not null{if_not_told} \
         on conflict (account, conversation_id, ordinal) do nothing",
    )
}

/// Writes nothing. Fails if closes cannot be taken.
pub const TAKES_NOTHING: &str = "insert into survey (id) select '' where 1 = 0 \
     on conflict (account, conversation_id, ordinal) do nothing";

const IF_NOT_TOLD: &str = " and not exists (select 1 from rebuilt b where b.account = n.account \
     and b.name = n.external_id)";

/// Writes in one statement the surveys that need no closer look. Returns how many were created.
async fn insert(
    connection: &mut AnyConnection,
    batch: &[NewSurvey],
    (ordinal, if_not_told): (i64, &str),
) -> Result<usize> {
    let rows = size(batch.len(), usize::MAX);
    let mut query = sqlx::query(AssertSqlSafe(insert_statement(connection, rows, if_not_told)));
    for row in 0..rows {
        query = bind(query, batch.get(row), ordinal);
    }
    let written = query.execute(&mut *connection).await?.rows_affected();
    Ok(usize::try_from(written).expect("no more than the batch has"))
}

// The ids of a batch lie close together because they begin with the time. Ids of another daemon may
// lie between them and do no harm.
const CANCELLED: &str = "select id from survey where id >= $1 and id <= $2 and state = 'cancelled'";
const WRITTEN: &str = "select id from survey where id >= $1 and id <= $2";

async fn among(
    connection: &mut AnyConnection,
    statement: &'static str,
    batch: &[NewSurvey],
) -> Result<HashSet<String>> {
    let ids = || batch.iter().map(|survey| survey.id.as_str());
    let found: Vec<String> = sqlx::query_scalar(statement)
        .bind(ids().min())
        .bind(ids().max())
        .fetch_all(&mut *connection)
        .await?;
    Ok(found.into_iter().collect())
}

/// Writes a batch of closes that were not delivered before. The answers are in the batch's order.
pub async fn take_new(connection: &mut AnyConnection, batch: Vec<NewSurvey>) -> Result<Vec<Taken>> {
    let all_new = insert(connection, &batch, (1, IF_NOT_TOLD)).await? == batch.len();
    let cancelled = among(connection, CANCELLED, &batch).await?;
    let written = if all_new { HashSet::new() } else { among(connection, WRITTEN, &batch).await? };
    let mut taken = Vec::with_capacity(batch.len());
    for survey in batch {
        taken.push(if all_new || written.contains(&survey.id) {
            let cancelled = cancelled.contains(&survey.id);
            made(survey, cancelled)
        } else {
            known(connection, survey).await?
        });
    }
    Ok(taken)
}

/// Returns the answer for a new survey, which a reopening on record may have cancelled at once.
fn made(survey: NewSurvey, cancelled: bool) -> Taken {
    let (state, reason) =
        if cancelled { ("cancelled", Some("reopened")) } else { decided(&survey) };
    Taken {
        state,
        reason: reason.map(str::to_owned),
        due_at: survey.at_close.due_at,
        survey_id: SurveyId::new(survey.id),
        is_new: true,
    }
}

fn bind<'q>(query: Query<'q>, survey: Option<&'q NewSurvey>, ordinal: i64) -> Query<'q> {
    let close = survey.map(|survey| &survey.close);
    let decided = survey.map(decided);
    let due_at = survey.map(|survey| survey.at_close.due_at.0);
    query
        .bind(survey.map(|survey| survey.id.as_str()))
        .bind(close.map(|close| close.account.as_str()))
        .bind(close.map(|close| close.source.as_str()))
        .bind(close.map(|close| close.conversation_id.as_str()))
        .bind(close.map(|close| external_id(&close.conversation_id, ordinal)))
        .bind(close.map(Close::person))
        .bind(survey.map(|survey| survey.card.kind.as_str()))
        .bind(survey.map(|survey| i64::from(survey.card.question_variant_id)))
        .bind(survey.map(|survey| i64::from(survey.card.test)))
        .bind(decided.map(|(state, _)| state))
        .bind(decided.and_then(|(_, reason)| reason))
        .bind(close.map(|close| close.closed_at.0))
        .bind(survey.map(|survey| survey.now.0))
        .bind(due_at)
        .bind(survey.map(|survey| survey.notice.as_str()))
        .bind(survey.map(|_| ordinal))
        .bind(due_at)
        .bind(survey.map(|survey| survey.kept.as_str()))
        .bind(close.map(|close| close.closed_until().0))
}

/// Returns the state decided at the close and its reason.
fn decided(survey: &NewSurvey) -> (&'static str, Option<&'static str>) {
    match survey.at_close.verdict() {
        Verdict::Suppress(reason) => ("suppressed", Some(reason.as_str())),
        Verdict::Expire => ("expired", None),
        // Nobody is prompted at the close. A survey that may be sent is looked at when it is due.
        Verdict::Schedule { .. } | Verdict::Wait { .. } | Verdict::Send => ("scheduled", None),
    }
}

const OF_CONVERSATION: &str = "select id, ordinal, state, reason, closed_at, due_at, lease_token, \
     source, user_id, coalesce(first_closed_at, closed_at) as first_closed_at from survey \
     where account = $1 and conversation_id = $2 order by ordinal desc limit 1000";

const MERGED: &str = "select survey_id from merged_close \
     where account = $1 and conversation_id = $2 and closed_at = $3";

const MERGE: &str = "insert into merged_close (account, conversation_id, closed_at, survey_id, \
     accepted_at) values ($1, $2, $3, $4, $5) \
     on conflict (account, conversation_id, closed_at, survey_id) do nothing";

const MOVE: &str = "update survey set closed_at = $1, due_at = $2, try_at = $2, notice = $3, \
     user_id = case when $4 = '' then user_id else $4 end, source = $5, decided = $8, \
     decision = null, put_off_at = $9, lease_until = null, lease_token = lease_token + 1 \
     where id = $6 and state = 'scheduled' and lease_token = $7";

const REOPENED_AT: &str =
    "select reopened_at from reopening where account = $1 and conversation_id = $2";

/// Takes a close of a conversation that has surveys already. The close may be known, may move the
/// survey that still waits, or may create the next survey. Surveys of another person's conversation
/// with the same id do not count.
async fn known(connection: &mut AnyConnection, mut survey: NewSurvey) -> Result<Taken> {
    // Another daemon may write between this read and the write. The loop then looks again.
    loop {
        let close = &survey.close;
        let rows = sqlx::query(OF_CONVERSATION)
            .bind(close.account.as_str())
            .bind(close.conversation_id.as_str())
            .fetch_all(&mut *connection)
            .await?;
        let merged: Vec<String> = sqlx::query_scalar(MERGED)
            .bind(close.account.as_str())
            .bind(close.conversation_id.as_str())
            .bind(close.closed_at.0)
            .fetch_all(&mut *connection)
            .await?;
        let (mut newest, mut same, mut waiting) = (None, None, None);
        for row in &rows {
            if is_anothers(row, close)? {
                continue;
            }
            newest = newest.or(Some(row));
            let id: String = row.try_get("id")?;
            let instants = [row.try_get("closed_at")?, row.try_get("first_closed_at")?];
            if instants.contains(&close.closed_at) || merged.contains(&id) {
                same = Some(row);
            }
            // The newest one, because an older survey may wait again after its request was refused.
            if waiting.is_none() && row.try_get::<String, _>("state")? == "scheduled" {
                waiting = Some(row);
            }
        }
        if let Some(row) = same {
            let called_off_at = match newest {
                Some(newest) if survey.if_next.is_some() && is_called_off(newest, close)? => {
                    sqlx::query_scalar(REOPENED_AT)
                        .bind(close.account.as_str())
                        .bind(close.conversation_id.as_str())
                        .fetch_optional(&mut *connection)
                        .await?
                }
                Some(_) | None => None,
            };
            let (Some(at), Some(at_close)) = (called_off_at, survey.if_next.clone()) else {
                return taken_from(row);
            };
            // The loop comes here once at most because the close now has an exact instant.
            survey = survey.closed_now(at_close, Millis(at))?;
            continue;
        }
        if let Some(taken) = surveys::known_close(connection, close).await? {
            return Ok(taken);
        }
        if let Some(row) = waiting {
            if let Some(taken) = merge(connection, &survey, row).await? {
                return Ok(taken);
            }
            continue;
        }
        let last: i64 = rows.first().map_or(Ok(0), |row| row.try_get("ordinal"))?;
        let alone = std::slice::from_ref(&survey);
        if insert(connection, alone, (last + 1, "")).await? == 1 {
            let cancelled = !among(connection, CANCELLED, alone).await?.is_empty();
            return Ok(made(survey, cancelled));
        }
    }
}

/// True if a survey belongs to another person's conversation that another source gave the same id.
/// Two desks may count alike. A desk that names another person has corrected its own record.
fn is_anothers(row: &sqlx::any::AnyRow, close: &Close) -> Result<bool> {
    let (source, person): (String, String) = (row.try_get("source")?, row.try_get("user_id")?);
    let are_both_known = !person.is_empty() && !close.person().is_empty();
    Ok(source != close.source && are_both_known && person != close.person())
}

/// True if a reopening has cancelled the newest survey and that survey's close has this same
/// instant. Another event with that instant is the conversation's next close. Its desk may repeat
/// the first close's instant, or give the minute alone.
fn is_called_off(newest: &sqlx::any::AnyRow, close: &Close) -> Result<bool> {
    let state: String = newest.try_get("state")?;
    let reason: Option<String> = newest.try_get("reason")?;
    let is_off = state == "cancelled" && reason.as_deref() == Some("reopened");
    // A survey that came in after its reopening was cancelled at once and has never waited.
    let waited = newest.try_get::<i64, _>("lease_token")? > 0;
    Ok(is_off && waited && newest.try_get::<Millis, _>("closed_at")? == close.closed_at)
}

/// Moves a waiting survey to a further close of its conversation. An older close that arrives late
/// moves nothing. Only the due time is decided now. The history keeps what either close said.
/// Returns `None` if the survey was moved meanwhile.
async fn merge(
    connection: &mut AnyConnection,
    survey: &NewSurvey,
    row: &sqlx::any::AnyRow,
) -> Result<Option<Taken>> {
    let close = &survey.close;
    let mut taken = taken_from(row)?;
    let before: Millis = row.try_get("closed_at")?;
    let newer = close.closed_at > before;
    if newer {
        let token: i64 = row.try_get("lease_token")?;
        let notice = first_close::keep(connection, &taken.survey_id, close).await?;
        let due_at = survey.at_close.due_at;
        let delay_ms = due_at.0.saturating_sub(close.closed_at.0);
        let ground = Ground::Due { due_at, delay_ms };
        let moved_to = Decision { ground, ..survey.at_close.decision.clone() };
        let moved = sqlx::query(MOVE)
            .bind(close.closed_at.0)
            .bind(due_at.0)
            .bind(notice)
            .bind(close.person())
            .bind(close.source.as_str())
            .bind(taken.survey_id.as_str())
            .bind(token)
            .bind(moved_to.json()?)
            .bind(survey.now.0)
            .execute(&mut *connection)
            .await?;
        if moved.rows_affected() == 0 {
            return Ok(None);
        }
        taken.due_at = due_at;
        let detail = first_close::again(close, due_at);
        step::note(
            connection,
            (&taken.survey_id, token + 1),
            survey.now,
            &State::Scheduled,
            Some(&detail),
        )
        .await?;
    } else {
        first_close::note_older(connection, &taken.survey_id, close, survey.now).await?;
    }
    // Keeps the close that the row no longer shows, or the older close that never moved it.
    let remembered = before.min(close.closed_at);
    sqlx::query(MERGE)
        .bind(close.account.as_str())
        .bind(close.conversation_id.as_str())
        .bind(remembered.0)
        .bind(taken.survey_id.as_str())
        .bind(survey.now.0)
        .execute(&mut *connection)
        .await?;
    Ok(Some(taken))
}
