//! Leases on surveys that are due: how they are taken, given back and recovered after a crash.
//!
//! The scheduler says how long a lease lasts (`scheduler::lease`, `worker::LEASE_MARGIN`). After
//! that it expires by itself, and another worker takes the survey over. A lease is worth nothing
//! once another step has changed its row. A worker that was held up learns in [`retake`] that its
//! token is overtaken, before it has begun a send.

use std::sync::LazyLock;
use std::time::Duration;

use sqlx::{AnyConnection, AssertSqlSafe, Row};

use super::clock_ahead::DAEMONS_APART;
use super::step::{step_locked, touch};
use super::{row, wait_history};
use crate::domain::id::SurveyId;
use crate::domain::survey::{Event, Failure, State, Survey};
use crate::domain::time::Millis;
use crate::store::feedback::matching;
use crate::store::{Error, Result, Store};

/// The permission to work on one survey that is due.
#[derive(Clone, Debug)]
pub struct Leased {
    pub survey: Survey,
    pub(in crate::store) token: i64,
}

/// Sets `put_off_at` at the lease because whatever puts the survey off does so soon afterwards.
/// Without the last line two daemons on PostgreSQL would lease the same survey.
static LEASE_DUE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "update survey set try_at = $1, lease_until = $1, put_off_at = $3, \
         lease_token = lease_token + 1 \
         where id in (select id from survey where account = $2 and state = 'scheduled' \
         and try_at <= $3 and crashes <= $5 order by try_at, id limit $4) \
         and state = 'scheduled' and try_at <= $3 returning {}",
        row::COLUMNS
    )
});

/// Leases the surveys that the even pace has not drawn yet. Leaves a survey that has crashed the
/// process to [`LEASE_DUE`], which leases it alone.
static LEASE_UNDRAWN: LazyLock<String> = LazyLock::new(|| {
    LEASE_DUE.replace("crashes <= $5 order", "crashes <= $5 and paced_at is null order")
});

const SUSPECT: &str = "select crashes from survey where account = $1 and state = 'scheduled' \
     and try_at <= $2 order by try_at, id limit 1";

pub(in crate::store) const RELEASE: &str = "update survey set try_at = $1, lease_until = null, \
     lease_token = lease_token + 1, attempts = attempts + $4 \
     where id = $2 and state = 'scheduled' and lease_token = $3";

/// A survey is set aside once it has crashed the process this often.
const CRASHES_MAX: i64 = 3;

/// How long a survey waits after its second crash. The other surveys get their turn meanwhile. A
/// crash in this time is not blamed on the waiting survey.
const SUSPECT_WAITS: Duration = Duration::from_secs(15);

/// Makes leases that no worker holds any more due again.
const CRASHED: &str = "update survey set try_at = case when crashes > 0 then $1 else due_at end, \
     put_off_at = case when crashes > 0 then $2 end, lease_until = null, \
     lease_token = lease_token + 1, crashes = crashes + 1 \
     where state = 'scheduled' and lease_until is not null returning id, crashes";

/// The note in the history of a survey whose worker is gone.
const GONE: &str = "whoever sent it is gone";

/// Finds sends whose worker is gone. A send dated later than now was dated by a clock that ran
/// ahead. Its lease proves nothing and may not expire for years.
const LEFT_SENDING: &str = "select id from survey where state = 'sending' \
     and ($1 = 1 or lease_until <= $2 or begun_here > $3) order by lease_until, id limit 1000";

/// Checks the condition again because the worker may have finished the send since it was read. The
/// worker may even have begun it again.
static TAKE_LOST: LazyLock<String> = LazyLock::new(|| {
    format!(
        "update survey set lease_token = lease_token + 1 where id = $1 and state = 'sending' \
         and ($2 = 1 or lease_until <= $3 or begun_here > $4) \
         returning {}, lease_until, begun_here, spent_at",
        row::COLUMNS
    )
});

const LOST: &str = "update survey set spent_at = $1, given_up_here = $3 where id = $2";

impl Store {
    /// Leases up to `limit` due surveys of an account, the longest due first. A worker that has not
    /// begun a send by `lease_until` loses its lease.
    pub async fn lease_due(
        &self,
        account: &str,
        limit: usize,
        lease_until: Millis,
        now: Millis,
    ) -> Result<Vec<Leased>> {
        let account = account.to_owned();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let suspect: Option<i64> = sqlx::query_scalar(SUSPECT)
                        .bind(account.as_str())
                        .bind(now.0)
                        .fetch_optional(&mut *connection)
                        .await?;
                    // A survey that has crashed the process is leased alone. A second crash must
                    // not be blamed on other surveys.
                    let (limit, crashes) = match suspect {
                        Some(crashes) if crashes > 0 => (1, i64::MAX),
                        _ => (limit, 0),
                    };
                    take(connection, &LEASE_DUE, &account, (limit, crashes), lease_until, now).await
                })
            })
            .await
    }

    /// Leases up to `limit` due surveys that the even pace has not drawn yet.
    pub async fn lease_undrawn(
        &self,
        account: &str,
        limit: usize,
        lease_until: Millis,
        now: Millis,
    ) -> Result<Vec<Leased>> {
        let account = account.to_owned();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let most = (limit, 0);
                    take(connection, &LEASE_UNDRAWN, &account, most, lease_until, now).await
                })
            })
            .await
    }

    /// Gives a lease back. The survey is looked at again at `try_at`.
    pub async fn release(&self, leased: Leased, try_at: Millis) -> Result<()> {
        self.give_back(leased, try_at, None).await
    }

    /// Gives back a lease whose person could not be looked up. Counts an attempt and notes `why`.
    pub async fn put_off_failed(
        &self,
        leased: Leased,
        try_at: Millis,
        why: String,
        now: Millis,
    ) -> Result<()> {
        self.give_back(leased, try_at, Some((why, now))).await
    }

    async fn give_back(
        &self,
        leased: Leased,
        try_at: Millis,
        tried: Option<(String, Millis)>,
    ) -> Result<()> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    // If no row changes then another worker holds the survey and takes care of it.
                    let id = &leased.survey.id;
                    let released = sqlx::query(RELEASE)
                        .bind(try_at.0)
                        .bind(id.as_str())
                        .bind(leased.token)
                        .bind(i64::from(tried.is_some()))
                        .execute(&mut *connection)
                        .await?;
                    if let Some((why, now)) = tried.filter(|_| released.rows_affected() > 0) {
                        wait_history::note_not_told(connection, (id, leased.token), &why, now)
                            .await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Ends a leased survey without a send.
    pub async fn end(
        &self,
        leased: Leased,
        event: Event,
        why: Option<String>,
        now: Millis,
    ) -> Result<Survey> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let locked = retake(connection, leased).await?;
                    step_locked(connection, locked, event, now, why.as_deref()).await
                })
            })
            .await
    }

    /// Makes uncertain the sends that a worker left behind when it went away. With `all` these are
    /// all sends under way. Without it they are the sends whose lease has expired or that are dated
    /// in the future. With `all` it also makes abandoned leases due again.
    pub async fn recover(
        &self,
        all: bool,
        settle_after: Duration,
        now: Millis,
    ) -> Result<Vec<Survey>> {
        let left: Vec<String> = sqlx::query_scalar(LEFT_SENDING)
            .bind(i64::from(all))
            .bind(now.0)
            .bind(now.plus(DAEMONS_APART).0)
            .fetch_all(&self.readers)
            .await?;
        if left.is_empty() && !all {
            return Ok(Vec::new());
        }
        self.writer
            .run(move |connection| Box::pin(recover(connection, left, all, settle_after, now)))
            .await
    }
}

async fn take(
    connection: &mut AnyConnection,
    statement: &'static str,
    account: &str,
    (limit, crashes): (i64, i64),
    lease_until: Millis,
    now: Millis,
) -> Result<Vec<Leased>> {
    let rows = sqlx::query(AssertSqlSafe(statement))
        .bind(lease_until.0)
        .bind(account)
        .bind(now.0)
        .bind(limit)
        .bind(crashes)
        .fetch_all(connection)
        .await?;
    let leased =
        rows.iter().map(|row| row::survey(row).map(|(survey, token)| Leased { survey, token }));
    let mut leased = leased.collect::<Result<Vec<_>>>()?;
    leased.sort_by(|a, b| (a.survey.due_at, &a.survey.id).cmp(&(b.survey.due_at, &b.survey.id)));
    Ok(leased)
}

/// Locks the row of a lease and checks that the lease is still valid.
pub(in crate::store) async fn retake(
    connection: &mut AnyConnection,
    leased: Leased,
) -> Result<(Survey, i64)> {
    let id = leased.survey.id;
    match touch(connection, &id).await? {
        Some((survey, token)) if token == leased.token + 1 && survey.state == State::Scheduled => {
            Ok((survey, token))
        }
        _ => Err(Error::LeaseLost(id.to_string())),
    }
}

async fn recover(
    connection: &mut AnyConnection,
    left: Vec<String>,
    all: bool,
    settle_after: Duration,
    now: Millis,
) -> Result<Vec<Survey>> {
    if all {
        let suspects_at = now.plus(SUSPECT_WAITS);
        for row in
            sqlx::query(CRASHED).bind(suspects_at.0).bind(now.0).fetch_all(&mut *connection).await?
        {
            if row.try_get::<i64, _>("crashes")? < CRASHES_MAX {
                continue;
            }
            let id = row.try_get("id")?;
            let Some((survey, token)) = touch(connection, &id).await? else { continue };
            let message = format!(
                "set aside: surveyd ended {CRASHES_MAX} times while it worked on this survey"
            );
            let event = Event::Refused(Failure { code: None, message });
            step_locked(connection, (survey, token), event, now, None).await?;
        }
    }
    let mut recovered = Vec::new();
    for id in left {
        let id = SurveyId::new(id);
        let row = sqlx::query(AssertSqlSafe(TAKE_LOST.as_str()))
            .bind(id.as_str())
            .bind(i64::from(all))
            .bind(now.0)
            .bind(now.plus(DAEMONS_APART).0)
            .fetch_optional(&mut *connection)
            .await?;
        let Some(row) = row else { continue };
        let lost = row::survey(&row)?;
        // If our clock was set back since then it does not tell when the request ended. The latest
        // possible end is assumed.
        let lease_until: Option<Millis> = row.try_get("lease_until")?;
        let begun_here: Option<Millis> = row.try_get("begun_here")?;
        let is_set_back = begun_here.is_some_and(|begun| now < begun);
        let mut ended_at = lease_until.filter(|_| is_set_back).map_or(now, |until| until.max(now));
        if !all {
            // The lease may have expired by our clock alone while the request is still under way. A
            // request lasts one lease at most.
            let lease = lease_until.zip(begun_here).map(|(until, begun)| until.since(begun));
            ended_at = ended_at.plus(lease.unwrap_or_default());
        }
        // The end is no earlier than the latest beginning by X's clock.
        let begun_at: Option<Millis> = row.try_get("spent_at")?;
        let given_up_at = begun_at.map_or(ended_at, |begun| begun.max(ended_at));
        let event = Event::NoAnswer { at: given_up_at };
        let survey = step_locked(connection, lost, event, now, Some(GONE)).await?;
        sqlx::query(LOST)
            .bind(given_up_at.plus(settle_after).0)
            .bind(id.as_str())
            .bind(ended_at.0)
            .execute(&mut *connection)
            .await?;
        matching::match_waiting(connection, &survey, now).await?;
        recovered.push(survey);
    }
    Ok(recovered)
}
