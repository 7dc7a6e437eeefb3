//! Keeps how far each schedule has got, and which daemon is at work on it.
//!
//! One daemon at a time works on a schedule: the one that has its turn. A turn ends by itself if
//! its daemon does. Must not decide what is due: `domain::schedule` does that.

use std::time::Duration;

use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::alerts::facts;
use crate::domain::alert::Fact;
use crate::domain::days::Day;
use crate::domain::time::Millis;
use crate::store::{Result, Store};

/// How long a turn lasts from its last use.
const TURN: Duration = Duration::from_secs(3 * 60);

/// The most schedules that are listed.
const LISTED_MAX: i64 = 1_000;

/// How far a schedule has got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleStanding {
    pub name: String,
    /// The last day of the last period that is done.
    pub done_to: Option<Day>,
    pub done_at: Option<Millis>,
    /// The first failure after the last success.
    pub failing_since: Option<Millis>,
    /// The last failure's reason. Absent after a success.
    pub last_error: Option<String>,
    /// When what failed is tried again.
    pub try_at: Option<Millis>,
}

const LIST: &str = "select name, done_to, done_at, failing_since, last_error, try_at \
     from schedule_standing order by name limit $1";

/// A turn that lies too far ahead was taken by a clock that ran ahead.
const TAKE_TURN: &str = "insert into schedule_standing (name, turn_of, turn_until) \
     values ($1, $2, $3) on conflict (name) do update set turn_of = excluded.turn_of, \
     turn_until = excluded.turn_until where schedule_standing.turn_of is null \
     or schedule_standing.turn_of = excluded.turn_of or schedule_standing.turn_until <= $4 \
     or schedule_standing.turn_until > $5 \
     returning name, done_to, done_at, failing_since, last_error, try_at";

const DONE: &str = "update schedule_standing set done_to = $1, done_at = $2, failing_since = null, \
     last_error = null, try_at = null where name = $3 and turn_of = $4";

const FAILED: &str = "update schedule_standing set failing_since = coalesce(failing_since, $1), \
     last_error = $2, try_at = $3 where name = $4 and turn_of = $5";

const RELEASE: &str =
    "update schedule_standing set turn_of = null, turn_until = null where turn_of = $1";

impl Store {
    /// Returns how far schedules have got, by name, at most 1,000. Those that have left the
    /// configuration are among them.
    pub async fn schedule_standings(&self) -> Result<Vec<ScheduleStanding>> {
        let rows = sqlx::query(LIST).bind(LISTED_MAX).fetch_all(&self.readers).await?;
        rows.iter().map(standing).collect()
    }

    /// Takes the turn of a schedule, or makes it last from now on. Returns `None` if another daemon
    /// has it.
    pub async fn take_schedule(
        &self,
        name: &str,
        holder: &str,
        now: Millis,
    ) -> Result<Option<ScheduleStanding>> {
        let (name, holder) = (name.to_owned(), holder.to_owned());
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let taken = sqlx::query(TAKE_TURN)
                        .bind(name)
                        .bind(holder)
                        .bind(now.plus(TURN).0)
                        .bind(now.0)
                        .bind(now.plus(2 * TURN).0)
                        .fetch_optional(connection)
                        .await?;
                    taken.as_ref().map(standing).transpose()
                })
            })
            .await
    }

    /// Notes that a schedule is done up to and with that day. The fact is recorded in the same
    /// transaction. Returns false, and changes nothing, if another daemon has the turn.
    pub async fn note_schedule_done(
        &self,
        name: &str,
        holder: &str,
        done_to: Day,
        fact: Option<Fact>,
        now: Millis,
    ) -> Result<bool> {
        let (name, holder) = (name.to_owned(), holder.to_owned());
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let done = sqlx::query(DONE)
                        .bind(i64::from(done_to.0))
                        .bind(now.0)
                        .bind(name)
                        .bind(holder)
                        .execute(&mut *connection)
                        .await?;
                    let is_ours = done.rows_affected() == 1;
                    if let Some(fact) = fact.filter(|_| is_ours) {
                        facts::add(connection, &[fact]).await?;
                    }
                    Ok(is_ours)
                })
            })
            .await
    }

    /// Notes that a schedule failed, and when it is tried again. Returns false, and changes
    /// nothing, if another daemon has the turn.
    pub async fn note_schedule_failed(
        &self,
        name: &str,
        holder: &str,
        why: &str,
        try_at: Millis,
        now: Millis,
    ) -> Result<bool> {
        let (name, holder, why) = (name.to_owned(), holder.to_owned(), why.to_owned());
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let failed = sqlx::query(FAILED)
                        .bind(now.0)
                        .bind(why)
                        .bind(try_at.0)
                        .bind(name)
                        .bind(holder)
                        .execute(connection)
                        .await?;
                    Ok(failed.rows_affected() == 1)
                })
            })
            .await
    }

    /// Gives the turns of all its schedules to whoever wants them next.
    pub async fn release_schedules(&self, holder: &str) -> Result<()> {
        let holder = holder.to_owned();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    sqlx::query(RELEASE).bind(holder).execute(connection).await?;
                    Ok(())
                })
            })
            .await
    }
}

fn standing(row: &AnyRow) -> Result<ScheduleStanding> {
    let done_to: Option<i64> = row.try_get("done_to")?;
    Ok(ScheduleStanding {
        name: row.try_get("name")?,
        done_to: done_to.and_then(|day| i32::try_from(day).ok()).map(Day),
        done_at: row.try_get("done_at")?,
        failing_since: row.try_get("failing_since")?,
        last_error: row.try_get("last_error")?,
        try_at: row.try_get("try_at")?,
    })
}
