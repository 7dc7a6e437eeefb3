//! The facts about surveys that are due and not sent. [`crate::domain::waiting`] derives from them
//! what holds the surveys back.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::clock_ahead::DAEMONS_APART;
use super::{decide, dry_run};
use crate::domain::budget::{Call, CallWindow};
use crate::domain::id::SurveyId;
use crate::domain::policy::DAY;
use crate::domain::policy::decision::{Decision, Ground};
use crate::domain::time::Millis;
use crate::domain::waiting::{
    CallsLeft, DayOfPrompts, Expiring, Facts, Holding, Pause, Presence, PutOff, PutOffReason,
    Served, TOLD_AFTER,
};
use crate::store::account::{budgets, holds};
use crate::store::database::{identity, mark_comparison, progress};
use crate::store::writer::write_and_remove;
use crate::store::{Engine, Result, Store};

const DUE: &str = "select account, count(*) as surveys, min(due_at) as oldest from survey \
     where state = 'scheduled' and due_at <= $1 group by account";

const DUE_OF: &str = "select count(*) as surveys, min(due_at) as oldest from survey \
     where account = $2 and state = 'scheduled' and due_at <= $1";

/// Finds an account's surveys that are due but are looked at again later.
const PUT_OFF: &str = "select try_at, put_off_at, lease_until, attempts, limited_at, decision \
     from survey where account = $1 and state = 'scheduled' and try_at > $2 and due_at <= $2 \
     order by try_at, id limit 10000";

const PUT_OFF_ONE: &str = "select try_at, put_off_at, lease_until, attempts, limited_at, decision, \
     due_at from survey where id = $1 and state = 'scheduled'";

/// Counts the surveys that were tried before among the next 100 in turn.
const TRIED: &str = "select count(case when attempts > 0 then 1 end) from \
     (select attempts from survey where account = $1 and state = 'scheduled' and try_at <= $2 \
     order by try_at, id limit 100) as next";

const PROMPTS: &str = "select count(*) as surveys, min(spent_at) as oldest, \
     max(spent_at) as latest from survey where account = $1 and spent_at > $2";

const PAUSE: &str = "select paused_at, why, probe_at from paused_account \
     where account = $1 and resumed_at is null";

/// The instant at which a survey is looked at next, and why not earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextLook {
    pub due_at: Millis,
    /// Absent if the survey was not put off.
    pub put_off: Option<PutOff>,
}

impl Store {
    /// Returns the facts of each account in `served`, and of every other account with due surveys.
    /// Reads over the `onlooker` connection and so takes none from the workers.
    pub async fn waiting(&self, served: &[Served], now: Millis) -> Result<Vec<Facts>> {
        let mut connection = self.onlooker.acquire().await?;
        let mut due = BTreeMap::new();
        for row in &sqlx::query(DUE).bind(now.0).fetch_all(&mut *connection).await? {
            due.insert(row.try_get::<String, _>("account")?, due_of(row)?);
        }
        let mut all = Vec::new();
        for served in served {
            let due = due.remove(&served.account).unwrap_or_default();
            all.push(facts(&mut connection, served, due, now).await?);
        }
        for (account, (due, oldest_due)) in due {
            all.push(Facts { account, now, due, oldest_due, ..Facts::default() });
        }
        Ok(all)
    }

    /// Returns the facts of one account for its worker.
    pub async fn waiting_of(&self, served: &Served, now: Millis) -> Result<Facts> {
        let mut connection = self.readers.acquire().await?;
        let row = sqlx::query(DUE_OF).bind(now.0).bind(served.account.as_str());
        let due = due_of(&row.fetch_one(&mut *connection).await?)?;
        facts(&mut connection, served, due, now).await
    }

    /// Returns when a scheduled survey is looked at next.
    pub async fn next_look(&self, id: &SurveyId, now: Millis) -> Result<Option<NextLook>> {
        let row = sqlx::query(PUT_OFF_ONE).bind(id.as_str()).fetch_optional(&self.readers).await?;
        let Some(row) = row else { return Ok(None) };
        let due_at = row.try_get("due_at")?;
        let put_off = put_off_of(&row, now)?;
        let is_put_off = put_off.until > now
            && (put_off.until > due_at || put_off.why == PutOffReason::ClockAhead);
        Ok(Some(NextLook { due_at, put_off: is_put_off.then_some(put_off) }))
    }

    /// Proves that the database takes a write.
    pub async fn take_a_write(&self) -> Result<()> {
        self.writer.run(|connection| Box::pin(write_and_remove(connection))).await
    }

    /// Says whether a daemon that trusts this database works on it. On PostgreSQL each such daemon
    /// holds a lock. SQLite gives no answer.
    pub async fn presence(&self) -> Result<Presence> {
        if self.location.engine == Engine::Sqlite {
            return Ok(Presence::Unknown);
        }
        let mut connection = self.onlooker.acquire().await?;
        let identity = identity::read(&mut connection, self.location.engine).await?;
        Ok(match mark_comparison::is_vouched(&mut connection, &identity).await? {
            true => Presence::Works { since: None },
            false => Presence::Nobody,
        })
    }
}

fn due_of(row: &AnyRow) -> Result<(u64, Option<Millis>)> {
    Ok((row.try_get::<i64, _>("surveys")?.unsigned_abs(), row.try_get("oldest")?))
}

async fn facts(
    connection: &mut AnyConnection,
    served: &Served,
    (due, oldest_due): (u64, Option<Millis>),
    now: Millis,
) -> Result<Facts> {
    let account = served.account.as_str();
    let progress = progress::read(connection, account).await?;
    let mut facts = Facts {
        account: account.to_owned(),
        now,
        due,
        oldest_due,
        served: Some(served.clone()),
        pause: pause(connection, account).await?,
        clock_before: decide::held(&progress, now, false)
            .filter(|_| progress.restored_at.is_none()),
        ..Facts::default()
    };
    if let Some(since) = progress.restored_at {
        facts.holding = holding(connection, served, since, now).await?;
    }
    if due == 0 {
        return Ok(facts);
    }
    facts.day = day(connection, served, now).await?;
    facts.prompts = calls(connection, account, Call::Create, now).await?;
    facts.look_ups = calls(connection, account, served.look_ups, now).await?;
    if served.is_auto {
        let many = calls(connection, account, Call::Users, now).await?;
        facts.look_ups.free_at = facts.look_ups.free_at.min(many.free_at);
    }
    let tried = sqlx::query_scalar::<_, i64>(TRIED).bind(account).bind(now.0);
    facts.tried = tried.fetch_one(&mut *connection).await?.unsigned_abs();
    put_off(connection, &mut facts).await?;
    Ok(facts)
}

async fn day(connection: &mut AnyConnection, served: &Served, now: Millis) -> Result<DayOfPrompts> {
    let (account, since) = (served.account.as_str(), now.minus(DAY));
    let row = sqlx::query(PROMPTS).bind(account).bind(since.0).fetch_one(&mut *connection).await?;
    let (mut prompts, mut oldest) = due_of(&row)?;
    let mut latest_at: Option<Millis> = row.try_get("latest")?;
    if served.is_dry {
        let dry = dry_run::day(connection, account, since).await?;
        prompts += dry.prompts.unsigned_abs();
        oldest = oldest.into_iter().chain(dry.oldest).min();
        latest_at = latest_at.max(dry.latest);
    }
    Ok(DayOfPrompts { prompts, latest_at, free_at: oldest.map(|oldest| oldest.plus(DAY)) })
}

async fn pause(connection: &mut AnyConnection, account: &str) -> Result<Option<Pause>> {
    let row = sqlx::query(PAUSE).bind(account).fetch_optional(connection).await?;
    row.map(|row| {
        Ok(Pause {
            since: row.try_get("paused_at")?,
            why: row.try_get("why")?,
            asked_again_at: row.try_get("probe_at")?,
        })
    })
    .transpose()
}

async fn holding(
    connection: &mut AnyConnection,
    served: &Served,
    since: Millis,
    now: Millis,
) -> Result<Option<Holding>> {
    let account = served.account.as_str();
    let Some(hold) = holds::read(connection, account).await? else { return Ok(None) };
    let rebuild = holds::unfinished(connection, account).await?;
    Ok(Some(Holding {
        since,
        until: hold.end_at_least(served.events_horizon, now),
        words: hold.words(served.events_horizon),
        rebuild: rebuild.filter(|it| it.makes_surveys).map(|it| it.command(account)),
    }))
}

async fn calls(
    connection: &mut AnyConnection,
    account: &str,
    call: Call,
    now: Millis,
) -> Result<CallsLeft> {
    let mut window: CallWindow = budgets::read(connection, account, call).await?;
    Ok(CallsLeft {
        left: window.left(call.limit(), now),
        allowed: window.allowed(call.limit()),
        free_at: window.take(call.limit(), now).err(),
    })
}

/// Counts the surveys that were put off, by reason. A survey leased a moment ago is being sent and
/// waits for nothing.
async fn put_off(connection: &mut AnyConnection, facts: &mut Facts) -> Result<()> {
    let (account, now) = (facts.account.clone(), facts.now);
    let mut by_why: BTreeMap<PutOffReason, PutOff> = BTreeMap::new();
    for row in &sqlx::query(PUT_OFF).bind(account).bind(now.0).fetch_all(connection).await? {
        let one = put_off_of(row, now)?;
        let age = one.since.map_or(Duration::MAX, |since| now.since(since));
        if one.why == PutOffReason::Claimed && age < TOLD_AFTER {
            facts.due = facts.due.saturating_sub(1);
            continue;
        }
        let all = by_why.entry(one.why).or_insert(PutOff { surveys: 0, expiring: None, ..one });
        all.surveys += 1;
        all.since = all.since.min(one.since);
        all.until = all.until.min(one.until);
        all.expiring = all.expiring.into_iter().chain(one.expiring).reduce(Expiring::and);
    }
    facts.put_off = by_why.into_values().collect();
    Ok(())
}

/// Returns why a survey is looked at again later, by the contents of its row.
fn put_off_of(row: &AnyRow, now: Millis) -> Result<PutOff> {
    let try_at: Millis = row.try_get("try_at")?;
    let since: Option<Millis> = row.try_get("put_off_at")?;
    let is_claimed = row.try_get::<Option<Millis>, _>("lease_until")?.is_some();
    let attempts: i64 = row.try_get("attempts")?;
    let is_limited = row.try_get::<Option<Millis>, _>("limited_at")?.is_some();
    let decision: Option<String> = row.try_get("decision")?;
    let decision = decision.and_then(|text| serde_json::from_str::<Decision>(&text).ok());
    // A decision from before this wait does not explain it.
    let decision = decision.filter(|decision| since.is_none_or(|since| decision.at >= since));
    let ground = decision.map(|decision| decision.ground);
    let until = match ground {
        // A survey that expires before its wait ends is looked at again when it expires.
        Some(
            Ground::QuietHours { until, .. }
            | Ground::DayFull { until, .. }
            | Ground::XLimit { until },
        ) => until.max(try_at),
        _ => try_at,
    };
    let why = match ground {
        _ if since.is_some_and(|since| since > now.plus(DAEMONS_APART)) => PutOffReason::ClockAhead,
        _ if is_claimed => PutOffReason::Claimed,
        Some(Ground::QuietHours { .. }) => PutOffReason::QuietHours,
        Some(Ground::Held { .. }) => PutOffReason::ClocksApart,
        Some(Ground::DayFull { .. }) => PutOffReason::DayFull,
        Some(Ground::XLimit { .. } | Ground::AccountPaused { .. }) => PutOffReason::Other,
        _ if is_limited => PutOffReason::PersonLimit,
        _ if attempts > 0 => PutOffReason::Tried,
        _ => PutOffReason::Other,
    };
    let is_known = !matches!(why, PutOffReason::ClockAhead | PutOffReason::Claimed);
    let until = if is_known { until } else { try_at };
    let expiring = (try_at < until).then_some(Expiring { surveys: 1, first_at: try_at });
    Ok(PutOff { why, surveys: 1, since, until, expiring })
}
