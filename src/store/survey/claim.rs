//! Who works on a survey that is due: claims, their return, and what a crash leaves of them.
//!
//! A claim runs out by itself, and is worth nothing once its row has been touched: a worker that
//! was held up finds its token overtaken ([`retake`]) before it has begun anything.

use std::sync::LazyLock;
use std::time::Duration;

use sqlx::{AnyConnection, AssertSqlSafe, Row};

use super::clock_ahead::CLOCKS_APART;
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

/// Whatever puts the survey off again does so soon after this: `put_off_at` is of the claim.
/// Without the last line two daemons on PostgreSQL would take the same survey.
static CLAIM: LazyLock<String> = LazyLock::new(|| {
    format!(
        "update survey set try_at = $1, lease_until = $1, put_off_at = $3, \
         lease_token = lease_token + 1 \
         where id in (select id from survey where account = $2 and state = 'scheduled' \
         and try_at <= $3 and crashes <= $5 order by try_at, id limit $4) \
         and state = 'scheduled' and try_at <= $3 returning {}",
        row::COLUMNS
    )
});

/// Those that the even pace has not drawn yet. What the process ended on before is left to
/// [`CLAIM`], which takes it alone.
static CLAIM_UNDRAWN: LazyLock<String> = LazyLock::new(|| {
    CLAIM.replace("crashes <= $5 order", "crashes <= $5 and paced_at is null order")
});

const SUSPECT: &str = "select crashes from survey where account = $1 and state = 'scheduled' \
     and try_at <= $2 order by try_at, id limit 1";

pub(in crate::store) const RELEASE: &str = "update survey set try_at = $1, lease_until = null, \
     lease_token = lease_token + 1, attempts = attempts + $4 \
     where id = $2 and state = 'scheduled' and lease_token = $3";

/// Starts after which a survey that the process ends on is set aside.
const CRASHES_MAX: i64 = 3;

/// How long a survey waits that the process has ended on twice: whatever else ends it meanwhile is
/// not laid at its door, and the others get their turn.
const SUSPECT_WAITS: Duration = Duration::from_secs(15);

/// Claims that nobody holds any more are due again.
const CRASHED: &str = "update survey set try_at = case when crashes > 0 then $1 else due_at end, \
     put_off_at = case when crashes > 0 then $2 end, lease_until = null, \
     lease_token = lease_token + 1, crashes = crashes + 1 \
     where state = 'scheduled' and lease_until is not null returning id, crashes";

/// Why a survey that nobody works on any more is uncertain.
const GONE: &str = "whoever sent it is gone";

/// What was begun later than it is now was begun by a clock that is, or was, ahead: its lease tells
/// nothing, and may not be over for years.
const LEFT_SENDING: &str = "select id from survey where state = 'sending' \
     and ($1 = 1 or lease_until <= $2 or begun_here > $3) order by lease_until, id limit 1000";

/// Its worker may have finished it since it was read, and even begun it anew.
static TAKE_LOST: LazyLock<String> = LazyLock::new(|| {
    format!(
        "update survey set lease_token = lease_token + 1 where id = $1 and state = 'sending' \
         and ($2 = 1 or lease_until <= $3 or begun_here > $4) \
         returning {}, lease_until, begun_here, spent_at",
        row::COLUMNS
    )
});

/// Behind the survey and its token.
const LEASE_UNTIL: usize = 23;
const BEGUN_HERE: usize = 24;
const SPENT_AT: usize = 25;

const LOST: &str = "update survey set spent_at = $1, given_up_here = $3 where id = $2";

impl Store {
    /// Takes up to `limit` surveys that are due, oldest first. Whoever does not begin them before
    /// `lease_until` has lost them.
    pub async fn claim(
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
                    // One that the process ended on before is taken alone: whether it does so
                    // again must not be laid at the door of others.
                    let (limit, crashes) = match suspect {
                        Some(crashes) if crashes > 0 => (1, i64::MAX),
                        _ => (limit, 0),
                    };
                    take(connection, &CLAIM, &account, (limit, crashes), lease_until, now).await
                })
            })
            .await
    }

    /// The same of those that are yet to be drawn where prompts are spread evenly.
    pub async fn claim_undrawn(
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
                    take(connection, &CLAIM_UNDRAWN, &account, most, lease_until, now).await
                })
            })
            .await
    }

    /// Gives a claim back; the survey is looked at again at `try_at`.
    pub async fn release(&self, leased: Leased, try_at: Millis) -> Result<()> {
        self.give_back(leased, try_at, None).await
    }

    /// Gives a claim back whose person could not be looked up, and why: it counts as a try.
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
                    // Nothing changed: another has it, and will see to it.
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

    /// Ends a claimed survey without a send.
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

    /// Makes uncertain what a worker that is gone has left sending: all of it with `all`, else what
    /// has outlived its lease. Claims that nobody holds any more are due again.
    pub async fn recover(
        &self,
        all: bool,
        settle_after: Duration,
        now: Millis,
    ) -> Result<Vec<Survey>> {
        let left: Vec<String> = sqlx::query_scalar(LEFT_SENDING)
            .bind(i64::from(all))
            .bind(now.0)
            .bind(now.plus(CLOCKS_APART).0)
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

/// Locks the row of a claim and makes sure that it is still ours.
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
            if row.try_get::<i64, _>(1)? < CRASHES_MAX {
                continue;
            }
            let id = SurveyId::new(row.try_get::<String, _>(0)?);
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
            .bind(now.plus(CLOCKS_APART).0)
            .fetch_optional(&mut *connection)
            .await?;
        let Some(row) = row else { continue };
        let lost = row::survey(&row)?;
        // A clock that was set back since does not tell when it ended: then as late as it may.
        let lease_until = row.try_get::<Option<i64>, _>(LEASE_UNTIL)?.map(Millis);
        let begun_here = row.try_get::<Option<i64>, _>(BEGUN_HERE)?.map(Millis);
        let is_set_back = begun_here.is_some_and(|begun| now < begun);
        let mut ended_at = lease_until.filter(|_| is_set_back).map_or(now, |until| until.max(now));
        if !all {
            // Its lease may be over by our clock alone, and its request under way: from whatever
            // the instant really is, that lasts as long as a lease at most.
            let lease = lease_until.zip(begun_here).map(|(until, begun)| until.since(begun));
            ended_at = ended_at.plus(lease.unwrap_or_default());
        }
        // As late as it may have been by X's clock when it was begun.
        let begun_at = row.try_get::<Option<i64>, _>(SPENT_AT)?.map(Millis);
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
