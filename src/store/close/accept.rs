//! Takes closes and reopenings in.

use std::collections::HashSet;
use std::fmt::Write as _;

use sqlx::{AnyConnection, AssertSqlSafe, Row};

use super::first_close;
use super::taken::{Taken, taken_from};
use crate::domain::close::{Close, Precision};
use crate::domain::id::{SurveyId, external_id};
use crate::domain::policy::AtClose;
use crate::domain::policy::decision::{Decision, Ground, Verdict};
use crate::domain::survey::State;
use crate::domain::survey_type::SurveyType;
use crate::domain::time::Millis;
use crate::store::rebuild::surveys;
use crate::store::survey::step;
use crate::store::{Result, Store};

/// A close on its way into the database.
#[derive(Clone, Debug)]
pub struct NewSurvey {
    pub close: Close,
    pub at_close: AtClose,
    pub kind: SurveyType,
    pub question_variant_id: u32,
    pub test: bool,
    pub now: Millis,
    /// The sender's id of the event, where a redelivery is told by it.
    pub event_id: Option<String>,
    /// What is decided should the close turn out to be the next of one that was called off.
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
        (kind, question_variant_id, test): (SurveyType, u32, bool),
        event_id: Option<String>,
        now: Millis,
    ) -> Result<Self> {
        Ok(Self {
            notice: serde_json::to_string(&close.notice)?,
            id: uuid::Uuid::now_v7().simple().to_string(),
            kept: at_close.decision.json()?,
            close,
            at_close,
            kind,
            question_variant_id,
            test,
            now,
            event_id,
            if_next: None,
        })
    }
}

impl NewSurvey {
    /// The next close of a conversation whose last one a reopening has called off: whatever its
    /// desk tells, it closed when it came.
    fn closed_now(self, at_close: AtClose, reopened_at: Millis) -> Result<Self> {
        let closed_at = self.now.max(Millis(reopened_at.0.saturating_add(1)));
        let close = Close { closed_at, precision: Precision::Exact, ..self.close };
        let kept = at_close.decision.json()?;
        Ok(Self { close, at_close, if_next: None, kept, ..self })
    }
}

impl Store {
    /// Makes a survey of a close, durable when this returns. A close that is on record already
    /// changes nothing; one of a conversation whose survey still waits moves that survey.
    pub async fn take_close(
        &self,
        close: Close,
        at_close: AtClose,
        (kind, question_variant_id, test): (SurveyType, u32, bool),
        now: Millis,
    ) -> Result<Taken> {
        let kind = (kind, question_variant_id, test);
        self.take_delivered_close(close, (at_close, None), kind, None, now).await
    }
}

/// How many values a row of the insert has.
const VALUES: usize = 19;

/// One multi-row statement for a whole batch. A survey is inserted as the first of its
/// conversation; where that, or a prompt of it that X has told of, is known, [`known`] looks
/// closer. A close that is older than a reopening on record is cancelled as it comes in; one that
/// is told to the minute alone, and may be the later of the two, is: it came later. Rows without an
/// id are left out. The conflict is named: PostgreSQL refuses the statement where the constraint is
/// not there, as in a dump that is being restored, and no close is taken twice. No row is returned:
/// in SQLite each would cross from thread to thread by itself.
fn insert_statement(connection: &AnyConnection, rows: usize, if_not_told: &str) -> String {
    let mut sql = String::from(
        "with new (id, account, source, conversation_id, external_id, user_id, kind, \
         question_variant_id, test, state, reason, closed_at, accepted_at, due_at, notice, ordinal, \
         try_at, decided, closed_until) as (values ",
    );
    // SQLite looks every `$1` up among all the names before it, which costs more than the writing
    // once there are a thousand; a mere `?` has no name, but PostgreSQL does not read it.
    let named = connection.backend_name() == "PostgreSQL";
    for row in 0..rows {
        sql.push_str(if row > 0 { ",(" } else { "(" });
        for value in 0..VALUES {
            sql.push_str(if value > 0 { "," } else { "" });
            if named {
                let _ = write!(sql, "${}", row * VALUES + value + 1);
            } else {
                sql.push('?');
            }
        }
        sql.push(')');
    }
    let _ = write!(
        sql,
        ") insert into survey (id, account, source, conversation_id, external_id, user_id, kind, \
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
    );
    sql
}

/// Fails where closes cannot be taken.
pub const TAKES_NOTHING: &str = "insert into survey (id) select '' where 1 = 0 \
     on conflict (account, conversation_id, ordinal) do nothing";

const IF_NOT_TOLD: &str = " and not exists (select 1 from rebuilt b where b.account = n.account \
     and b.name = n.external_id)";

/// Writes what can be written in one statement. How many surveys that made.
async fn insert(
    connection: &mut AnyConnection,
    batch: &[NewSurvey],
    (ordinal, if_not_told): (i64, &str),
) -> Result<usize> {
    // Few sizes, so that each is prepared but once: preparing costs as much as the writing.
    let rows = batch.len().next_power_of_two();
    let mut query = sqlx::query(AssertSqlSafe(insert_statement(connection, rows, if_not_told)));
    for row in 0..rows {
        query = bind(query, batch.get(row), ordinal);
    }
    let written = query.execute(&mut *connection).await?.rows_affected();
    Ok(usize::try_from(written).expect("no more than the batch has"))
}

// The ids of a batch lie close together, for they begin with the time. Another daemon's may lie
// between them, and are of no interest.
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

/// Writes a batch of closes, none of which was delivered before; the answers stand in the order of
/// the batch.
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

/// A new survey, which a reopening on record may have cancelled as it came in.
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

type Query<'q> = sqlx::query::Query<'q, sqlx::Any, sqlx::any::AnyArguments>;

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
        .bind(survey.map(|survey| survey.kind.as_str()))
        .bind(survey.map(|survey| i64::from(survey.question_variant_id)))
        .bind(survey.map(|survey| i64::from(survey.test)))
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

/// The state that was decided at the close, with its reason.
fn decided(survey: &NewSurvey) -> (&'static str, Option<&'static str>) {
    match survey.at_close.verdict() {
        Verdict::Suppress(reason) => ("suppressed", Some(reason.as_str())),
        Verdict::Expire => ("expired", None),
        // At the close nobody is prompted: what is clear is looked at when it is due.
        Verdict::Schedule { .. } | Verdict::Wait { .. } | Verdict::Send => ("scheduled", None),
    }
}

const OF_CONVERSATION: &str = "select id, ordinal, state, reason, closed_at, due_at, lease_token, \
     source, user_id, coalesce(first_closed_at, closed_at) from survey where account = $1 and conversation_id = $2 order by ordinal desc limit 1000";

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

/// A close of a conversation that has surveys already: known itself, or moving the one that still
/// waits, or making the next. One of another's is not its own.
async fn known(connection: &mut AnyConnection, mut survey: NewSurvey) -> Result<Taken> {
    // Another daemon may write between our reading and our writing; then we look again.
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
            let id: String = row.try_get(0)?;
            let instants: [i64; 2] = [row.try_get(4)?, row.try_get(9)?];
            if instants.contains(&close.closed_at.0) || merged.contains(&id) {
                same = Some(row);
            }
            // The newest: an older one may wait again because its request was refused.
            if waiting.is_none() && row.try_get::<String, _>(2)? == "scheduled" {
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
            // At most once: from now on it is told exactly.
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
        let last: i64 = rows.first().map_or(Ok(0), |row| row.try_get(1))?;
        let alone = std::slice::from_ref(&survey);
        if insert(connection, alone, (last + 1, "")).await? == 1 {
            let cancelled = !among(connection, CANCELLED, alone).await?.is_empty();
            return Ok(made(survey, cancelled));
        }
    }
}

/// Whether a survey is of another person's conversation, which another source calls by the same id:
/// two desks may count alike. One desk that names another person has mended its record.
fn is_anothers(row: &sqlx::any::AnyRow, close: &Close) -> Result<bool> {
    let (source, person): (String, String) = (row.try_get(7)?, row.try_get(8)?);
    let are_both_known = !person.is_empty() && !close.person().is_empty();
    Ok(source != close.source && are_both_known && person != close.person())
}

/// Whether the newest survey is one that a reopening has called off, of a close by that very
/// instant. What follows it by another event is the conversation's next close, where its desk may
/// tell the first closing's instant for ever, or the minute alone.
fn is_called_off(newest: &sqlx::any::AnyRow, close: &Close) -> Result<bool> {
    let (state, reason): (String, Option<String>) = (newest.try_get(2)?, newest.try_get(3)?);
    let is_off = state == "cancelled" && reason.as_deref() == Some("reopened");
    // One that came after its reopening was never more than that.
    let waited = newest.try_get::<i64, _>(6)? > 0;
    Ok(is_off && waited && newest.try_get::<i64, _>(4)? == close.closed_at.0)
}

/// Moves the survey in `row`, which still waits, to a further close of its conversation. An older
/// close, delivered late, moves nothing. All but the due time is decided when it is due. Whichever
/// it is stands in the history with what it said. `None`: the survey was moved on meanwhile.
async fn merge(
    connection: &mut AnyConnection,
    survey: &NewSurvey,
    row: &sqlx::any::AnyRow,
) -> Result<Option<Taken>> {
    let close = &survey.close;
    let mut taken = taken_from(row)?;
    let before: i64 = row.try_get(4)?;
    let newer = close.closed_at.0 > before;
    if newer {
        let token: i64 = row.try_get(6)?;
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
    // The close that the row no longer bears is remembered, and so is one that never moved it.
    let remembered = if newer { before } else { close.closed_at.0 };
    sqlx::query(MERGE)
        .bind(close.account.as_str())
        .bind(close.conversation_id.as_str())
        .bind(remembered)
        .bind(taken.survey_id.as_str())
        .bind(survey.now.0)
        .execute(&mut *connection)
        .await?;
    Ok(Some(taken))
}
