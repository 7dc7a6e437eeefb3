//! Records each try of a message before it is made, and its outcome after.
//!
//! One daemon at a time sends an alert's messages: the one that has its turn. A turn ends by itself
//! if its daemon does.

use std::time::Duration;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use super::summary::{recount, summarize};
use crate::domain::alert::{AlertType, Detail, Fact, TOLD_FOR, retry_after, tries};
use crate::domain::time::Millis;
use crate::store::{Error, Result, Store};

/// How long a turn lasts from its last use. It outlasts a request.
const TURN: Duration = Duration::from_secs(30);

/// A message whose next try is on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueMessage {
    /// The same at every try.
    pub id: String,
    pub alert: String,
    pub alert_type: AlertType,
    pub content: MessageContent,
    /// The number of this try, from 1.
    pub tries: u32,
    /// How many messages this one has just been put in the place of.
    pub summed: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageContent {
    Fact(Fact),
    /// The message stands for many.
    Summary {
        count: u64,
        since: Millis,
        made_at: Millis,
    },
}

/// What there is to do for an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextTry {
    /// Make this try now.
    Try(Box<DueMessage>),
    /// That many messages have just ended, because what they say is too old. Ask again. A summary
    /// counts as what it stands for.
    TooOld(u64),
    /// Nothing may be tried before that instant.
    At(Millis),
    /// No message is due.
    Nothing,
    /// Another daemon has the turn.
    Elsewhere,
    /// The alert is disabled.
    Disabled,
}

/// What came of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TryOutcome {
    Sent,
    /// `wait` is what the receiver asked for.
    Failed {
        why: String,
        wait: Option<Duration>,
    },
    /// The receiver wants no more messages.
    Gone(String),
}

/// How the alert does after a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AfterTry {
    /// The first failure after the last success.
    pub failing_since: Option<Millis>,
    /// The reason why this try disabled the alert.
    pub disabled: Option<String>,
}

/// A turn that lies too far ahead was taken by a clock that ran ahead.
const TAKE_TURN: &str = "update alert_standing set turn_of = $1, turn_until = $2 where alert = $3 \
     and (turn_of is null or turn_of = $4 or turn_until <= $5 or turn_until > $6) \
     returning disabled_at, wait_until, last_try_at";

const DROP: &str = "update alert_message set ended_at = $1, outcome = 'dropped' \
     where alert = $2 and ended_at is null and at < $3 returning covers";

const NEXT: &str = "select type from alert_message where alert = $1 and ended_at is null \
     and due_at <= $2 order by due_at, id limit 1";

const MESSAGE: &str = "select m.id, m.type, m.fact_seq, m.fact_key, m.survey_id, m.at, m.covers, \
     m.since, m.tries, f.type as fact_type, f.account, f.detail from alert_message m \
     left join alert_fact f on f.seq = m.fact_seq where m.alert = $1 and m.type = $2 \
     and m.ended_at is null and m.due_at <= $3 order by m.due_at, m.id limit 1";

const TRY: &str = "update alert_message set tries = tries + 1, due_at = $1, \
     first_tried_at = coalesce(first_tried_at, $2) where id = $3";

const TRIED: &str = "update alert_standing set last_try_at = $1 where alert = $2";

const RELEASE: &str =
    "update alert_standing set turn_of = null, turn_until = null where alert = $1 and turn_of = $2";

const END_TURNS: &str = "update alert_standing set turn_of = null, turn_until = null \
     where turn_of is not null";

impl Store {
    /// Begins the next try for an alert: takes or keeps its turn and records the try. `holder` is
    /// who asks, and `random` lies between 0 and 1.
    pub async fn begin_try(
        &self,
        alert: &str,
        holder: &str,
        now: Millis,
        random: f64,
    ) -> Result<NextTry> {
        let (alert, holder) = (alert.to_owned(), holder.to_owned());
        self.writer
            .run(move |connection| {
                Box::pin(async move { begin(connection, &alert, &holder, now, random).await })
            })
            .await
    }

    /// Records what came of a try.
    pub async fn finish_try(
        &self,
        message: &DueMessage,
        outcome: TryOutcome,
        now: Millis,
    ) -> Result<AfterTry> {
        let (id, alert) = (message.id.clone(), message.alert.clone());
        self.writer
            .run(move |connection| {
                Box::pin(async move { finish(connection, (&id, &alert), outcome, now).await })
            })
            .await
    }

    /// Ends all turns. For a daemon that knows that no other one works on the database.
    pub async fn end_turns(&self) -> Result<()> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    sqlx::query(END_TURNS).execute(connection).await?;
                    Ok(())
                })
            })
            .await
    }

    /// Gives an alert's turn to whoever wants it next.
    pub async fn release_turn(&self, alert: &str, holder: &str) -> Result<()> {
        let (alert, holder) = (alert.to_owned(), holder.to_owned());
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    sqlx::query(RELEASE).bind(alert).bind(holder).execute(connection).await?;
                    Ok(())
                })
            })
            .await
    }
}

async fn begin(
    connection: &mut AnyConnection,
    alert: &str,
    holder: &str,
    now: Millis,
    random: f64,
) -> Result<NextTry> {
    let standing = sqlx::query(TAKE_TURN)
        .bind(holder)
        .bind(now.plus(TURN).0)
        .bind(alert)
        .bind(holder)
        .bind(now.0)
        .bind(now.plus(2 * TURN).0)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(standing) = standing else { return Ok(NextTry::Elsewhere) };
    if standing.try_get::<Option<Millis>, _>("disabled_at")?.is_some() {
        return Ok(NextTry::Disabled);
    }
    if let Some(at) = earliest(&standing, now)? {
        return Ok(NextTry::At(at));
    }
    let dropped = drop_old(connection, alert, now).await?;
    if dropped > 0 {
        return Ok(NextTry::TooOld(dropped));
    }
    let next = sqlx::query(NEXT).bind(alert).bind(now.0).fetch_optional(&mut *connection).await?;
    let Some(next) = next else { return Ok(NextTry::Nothing) };
    let alert_type: String = next.try_get("type")?;
    let summed = summarize(connection, alert, &alert_type, now).await?;
    let row = sqlx::query(MESSAGE)
        .bind(alert)
        .bind(alert_type)
        .bind(now.0)
        .fetch_one(&mut *connection)
        .await?;
    let message = due_message(&row, alert, summed)?;
    if let MessageContent::Summary { count, .. } = &message.content {
        let dropped = recount(connection, &message.id, *count, now).await?;
        if dropped > 0 {
            return Ok(NextTry::TooOld(dropped));
        }
    }
    let next_at = tries::next_try_at(message.tries, now, random);
    sqlx::query(TRY)
        .bind(next_at.0)
        .bind(now.0)
        .bind(message.id.as_str())
        .execute(&mut *connection)
        .await?;
    sqlx::query(TRIED).bind(now.0).bind(alert).execute(connection).await?;
    Ok(NextTry::Try(Box::new(message)))
}

/// Ends what is older than alerts are told of. The sweep deletes it later. Returns how many facts
/// are not told.
async fn drop_old(connection: &mut AnyConnection, alert: &str, now: Millis) -> Result<u64> {
    let old = sqlx::query(DROP).bind(now.0).bind(alert).bind(now.minus(TOLD_FOR).0);
    let mut dropped = 0;
    for row in &old.fetch_all(connection).await? {
        dropped += u64::try_from(row.try_get::<i64, _>("covers")?).unwrap_or(0);
    }
    Ok(dropped)
}

/// The earliest instant of the next try, if it is not now.
fn earliest(standing: &AnyRow, now: Millis) -> Result<Option<Millis>> {
    let asked: Option<Millis> = standing.try_get("wait_until")?;
    let last: Option<Millis> = standing.try_get("last_try_at")?;
    let paced = last.map(|at| at.plus(tries::PACE));
    let paced = paced.filter(|at| at.is_ahead(now, tries::PACE));
    Ok(paced.max(asked.filter(|at| at.is_ahead(now, retry_after::WAIT_MOST))))
}

fn due_message(row: &AnyRow, alert: &str, summed: u64) -> Result<DueMessage> {
    let alert_type: String = row.try_get("type")?;
    let alert_type = AlertType::parse(&alert_type)
        .ok_or_else(|| Error::Broken(format!("a message of the type {alert_type}")))?;
    let tries: i64 = row.try_get("tries")?;
    let seq: Option<i64> = row.try_get("fact_seq")?;
    let content = match seq {
        None => MessageContent::Summary {
            count: u64::try_from(row.try_get::<i64, _>("covers")?).unwrap_or(0),
            since: row.try_get("since")?,
            made_at: row.try_get("at")?,
        },
        Some(_) => MessageContent::Fact(fact(row)?),
    };
    Ok(DueMessage {
        id: row.try_get("id")?,
        alert: alert.to_owned(),
        alert_type,
        content,
        tries: u32::try_from(tries).unwrap_or(u32::MAX).saturating_add(1),
        summed,
    })
}

fn fact(row: &AnyRow) -> Result<Fact> {
    let key: String = row.try_get("fact_key")?;
    let fact_type: Option<String> = row.try_get("fact_type")?;
    let detail: Option<String> = row.try_get("detail")?;
    let (Some(fact_type), Some(detail)) = (fact_type, detail) else {
        return Err(Error::Broken(format!("a message about {key}, which is not on record")));
    };
    let detail =
        Detail::read(&fact_type, &detail).map_err(|error| Error::Broken(error.to_string()))?;
    Ok(Fact {
        key,
        account: row.try_get("account")?,
        survey_id: row.try_get("survey_id")?,
        at: row.try_get("at")?,
        detail,
    })
}

const SENT: &str = "update alert_standing set failing_since = null, failed_tries = 0, \
     wait_until = null, last_error = null, last_sent_at = $1 where alert = $2";

/// A message that was refuted while it was under way is sent all the same.
const END: &str = "update alert_message set ended_at = $1, outcome = 'sent', last_error = null \
     where id = $2 and (ended_at is null or outcome = 'refuted')";

const FAILED: &str = "update alert_standing set failing_since = coalesce(failing_since, $1), \
     failed_tries = failed_tries + 1, failures = failures + 1, last_error = $2, \
     wait_until = coalesce($3, wait_until) where alert = $4 returning failing_since, failed_tries";

const NOTE: &str = "update alert_message set last_error = $1 where id = $2";

const DISABLE: &str = "update alert_standing set disabled_at = $1, disabled_why = $2 \
     where alert = $3 and disabled_at is null";

async fn finish(
    connection: &mut AnyConnection,
    (id, alert): (&str, &str),
    outcome: TryOutcome,
    now: Millis,
) -> Result<AfterTry> {
    let (why, wait, is_gone) = match outcome {
        TryOutcome::Sent => {
            sqlx::query(SENT).bind(now.0).bind(alert).execute(&mut *connection).await?;
            sqlx::query(END).bind(now.0).bind(id).execute(connection).await?;
            return Ok(AfterTry { failing_since: None, disabled: None });
        }
        TryOutcome::Failed { why, wait } => (why, wait, false),
        TryOutcome::Gone(why) => (why, None, true),
    };
    let standing = sqlx::query(FAILED)
        .bind(now.0)
        .bind(why.as_str())
        .bind(wait.map(|wait| now.plus(wait).0))
        .bind(alert)
        .fetch_one(&mut *connection)
        .await?;
    let failing_since: Millis = standing.try_get("failing_since")?;
    let failed = u32::try_from(standing.try_get::<i64, _>("failed_tries")?).unwrap_or(u32::MAX);
    sqlx::query(NOTE).bind(why.as_str()).bind(id).execute(&mut *connection).await?;
    let reason = match (is_gone, tries::has_failed_for_good(failing_since, failed, now)) {
        (true, _) => Some(why),
        (false, true) => Some(format!("nothing but failures for 120 h, the last: {why}")),
        (false, false) => None,
    };
    let mut disabled = None;
    if let Some(reason) = reason {
        let done = sqlx::query(DISABLE)
            .bind(now.0)
            .bind(reason.as_str())
            .bind(alert)
            .execute(connection)
            .await?;
        disabled = Some(reason).filter(|_| done.rows_affected() > 0);
    }
    Ok(AfterTry { failing_since: Some(failing_since), disabled })
}
