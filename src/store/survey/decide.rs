//! The last decision about a survey before its send.
//!
//! The facts that the policy needs are read in the transaction that acts on them. The decision is
//! kept on record.

use std::time::Duration;

use sqlx::{AnyConnection, Row};

use super::lease::{Leased, RELEASE, retake};
use super::prompt::SendTimes;
use super::step::{advance_state, note_decided, write_state};
use super::{dry_run, wait_history};
use crate::domain::policy::decision::{Decision, Ground, Verdict};
use crate::domain::policy::{self, DAY, History, Mode, Pacing, Rules};
use crate::domain::survey::{Event, State, Survey};
use crate::domain::time::Millis;
use crate::store::account::opt_outs;
use crate::store::database::progress::{self, Progress};
use crate::store::{Result, Store};

/// The result of a look ahead of the send.
#[derive(Debug)]
pub enum Looked {
    /// Nothing speaks against a prompt so far.
    GoesOn(Box<Leased>),
    Ended(Box<Survey>),
    /// The survey stays scheduled until it is looked at again.
    PutOff {
        until: Millis,
    },
}

const GUARD: &str = "insert into send_guard (throttle_group, passes) values ($1, 1) \
     on conflict (throttle_group) do update set passes = send_guard.passes + 1";

const DAY_OF_ACCOUNT: &str = "select count(*) as prompts, min(spent_at) as oldest from survey \
     where account = $1 and spent_at > $2";

/// A prompt from the account itself counts under any throttle group that it was sent in.
const OF_PERSON: &str = "select max(case when throttle_group = $1 or account = $2 \
     then spent_at end) as last_at, \
     cast(sum(case when account = $2 and spent_at > $3 then 1 else 0 end) as bigint) as prompts, \
     max(case when (throttle_group = $1 or account = $2) and state in ('sending', 'uncertain') \
     then spent_at end) as last_uncertain_at from survey \
     where user_id = $4 and spent_at is not null";

const DEMAND: &str = "select \
     (select count(*) from survey where account = $1 and paced_at > $2) as demand, \
     (select paced_at from survey where id = $3) as paced_at";

const FIRST_CLOSED: &str = "select first_closed_at from survey where id = $1";

const PACED: &str = "update survey set paced_at = $1 where id = $2";

const DECIDED: &str = "update survey set decision = $1 where id = $2";

/// The last line of a survey's history. [`wait`] rewrites this line if its ground is the same.
const LAST_WAIT: &str = "select step, facts from survey_history where survey_id = $1 \
     order by step desc limit 1";

const WAITS_ON: &str = "update survey_history set facts = $1 where survey_id = $2 and step = $3";

impl Store {
    /// Decides ahead of the send and so spares the look-up of a person who is not asked anyway. The
    /// survey ends, is put off, or continues to the final decision.
    pub async fn look(&self, leased: Leased, rules: Rules, times: SendTimes) -> Result<Looked> {
        self.writer.run(move |connection| Box::pin(look(connection, leased, rules, times))).await
    }
}

async fn look(
    connection: &mut AnyConnection,
    leased: Leased,
    rules: Rules,
    times: SendTimes,
) -> Result<Looked> {
    guard(connection, &rules).await?;
    let (survey, token) = retake(connection, leased).await?;
    let ground = decide(connection, &survey, &rules, times).await?;
    let decision = rules.decided(ground, times.now);
    let event = match decision.verdict() {
        Verdict::Send => return Ok(Looked::GoesOn(Box::new(Leased { survey, token }))),
        Verdict::Suppress(reason) => Event::Suppressed(reason),
        Verdict::Expire => Event::TooLate,
        Verdict::Wait { until } | Verdict::Schedule { due_at: until } => {
            let until = wait(connection, (&survey, token), &rules, decision, until, times).await?;
            return Ok(Looked::PutOff { until });
        }
    };
    let ended = step(connection, (survey, token), event, &decision).await?;
    Ok(Looked::Ended(Box::new(ended)))
}

/// Blocks every other send decision of the throttle group until this transaction ends.
pub async fn guard(connection: &mut AnyConnection, rules: &Rules) -> Result<()> {
    guard_group(connection, &rules.throttle_group).await
}

pub async fn guard_group(connection: &mut AnyConnection, throttle_group: &str) -> Result<()> {
    sqlx::query(GUARD).bind(throttle_group).execute(connection).await?;
    Ok(())
}

/// Returns what the policy decides about a survey on the facts now on record. A wait ends by our
/// clock. The caller has locked the survey's row and its throttle group.
pub async fn decide(
    connection: &mut AnyConnection,
    survey: &Survey,
    rules: &Rules,
    times: SendTimes,
) -> Result<Ground> {
    let SendTimes { now, x_now, is_clock_confirmed, is_clock_settled, .. } = times;
    let progress = progress::read(connection, &survey.account).await?;
    if let Some(until) = held(&progress, now, is_clock_confirmed) {
        // X's clock may confirm ours at any moment and thereby end this wait.
        return Ok(Ground::Held { until: until.min(now.plus(HELD_AGAIN)) });
    }
    // A survey is late only if both clocks say so. A clock set ahead must not end a survey in time.
    if policy::is_too_late(survey.closed_at, rules, x_now) {
        return Ok(match is_clock_settled {
            true => policy::late(survey.closed_at, rules),
            false => Ground::Held { until: now.plus(HELD_AGAIN) },
        });
    }
    let ground = by_both_clocks(connection, survey, rules, times).await?;
    let pace = match &ground {
        Ground::Budget(pace) => Some(pace),
        Ground::DayFull { pace, .. } => pace.as_ref(),
        Ground::Clear(clear) => clear.pace.as_ref(),
        _ => None,
    };
    if pace.is_some() {
        sqlx::query(PACED).bind(x_now.0).bind(survey.id.as_str()).execute(&mut *connection).await?;
    }
    Ok(match ground.verdict() {
        Verdict::Wait { until } => ground.waiting_until(times.wait_until(until)),
        Verdict::Schedule { .. } | Verdict::Send | Verdict::Suppress(_) | Verdict::Expire => ground,
    })
}

/// Returns what the policy decides about a survey that is not too late. If the clocks differ then
/// one clock alone never drops a person. It never sends into the quiet hours of the other clock.
async fn by_both_clocks(
    connection: &mut AnyConnection,
    survey: &Survey,
    rules: &Rules,
    times: SendTimes,
) -> Result<Ground> {
    let SendTimes { now, x_now, x_latest, .. } = times;
    let at_earliest = history(connection, survey, rules, x_now).await?;
    let ground = policy::at_sending(survey, rules, &at_earliest, x_now);
    let latest = now.max(x_latest);
    if latest.since(x_now) < CLOCKS_TOGETHER {
        return Ok(ground);
    }
    match &ground {
        Ground::Throttled(_) | Ground::Budget(_) => {
            let at_latest = history(connection, survey, rules, latest).await?;
            let by_latest = policy::at_sending(survey, rules, &at_latest, latest);
            match std::mem::discriminant(&by_latest) == std::mem::discriminant(&ground) {
                true => Ok(ground),
                false => Ok(Ground::Held { until: x_now.plus(HELD_AGAIN) }),
            }
        }
        Ground::Clear(_) => Ok(policy::quiet(survey, rules, now).unwrap_or(ground)),
        _ => Ok(ground),
    }
}

/// Takes the step that was decided and keeps the decision with it.
pub async fn step(
    connection: &mut AnyConnection,
    (mut survey, token): (Survey, i64),
    event: Event,
    decision: &Decision,
) -> Result<Survey> {
    survey.state = advance_state(survey.state, event)?;
    write_state(connection, (&survey.id, token), &survey.state).await?;
    let kept = decision.json()?;
    keep(connection, &survey, &kept).await?;
    let detail = match survey.state == State::Expired {
        true => Some(wait_history::last(connection, &survey).await?),
        false => survey.state.reason(),
    };
    let (at, detail) = (decision.at, detail.as_deref());
    note_decided(connection, (&survey.id, token), at, &survey.state, detail, Some(&kept)).await?;
    Ok(survey)
}

/// Gives a lease back until `until` and keeps the reason for the wait. The history gets one line
/// for each reason instead of one for each look. Returns the instant at which the wait really ends.
pub async fn wait(
    connection: &mut AnyConnection,
    (survey, token): (&Survey, i64),
    rules: &Rules,
    decision: Decision,
    until: Millis,
    times: SendTimes,
) -> Result<Millis> {
    // The survey is looked at again once it is too late, so that it can end then.
    let too_late_at = policy::too_late_at(survey.closed_at, rules);
    let until = match too_late_at <= times.x_now {
        true => until,
        false => until.min(too_late_at.max(times.wait_until(too_late_at))),
    };
    sqlx::query(RELEASE)
        .bind(until.0)
        .bind(survey.id.as_str())
        .bind(token)
        .bind(0_i64)
        .execute(&mut *connection)
        .await?;
    let kept = decision.json()?;
    keep(connection, survey, &kept).await?;
    let last =
        sqlx::query(LAST_WAIT).bind(survey.id.as_str()).fetch_optional(&mut *connection).await?;
    if let Some(last) = last {
        let facts: Option<String> = last.try_get("facts")?;
        let before = facts.and_then(|facts| serde_json::from_str::<Decision>(&facts).ok());
        let same = |before: &Decision| {
            std::mem::discriminant(&before.ground) == std::mem::discriminant(&decision.ground)
        };
        if before.as_ref().is_some_and(same) {
            sqlx::query(WAITS_ON)
                .bind(kept)
                .bind(survey.id.as_str())
                .bind(last.try_get::<i64, _>("step")?)
                .execute(&mut *connection)
                .await?;
            return Ok(until);
        }
    }
    let (at, state) = (decision.at, &State::Scheduled);
    let detail = Some("waits");
    note_decided(connection, (&survey.id, token), at, state, detail, Some(&kept)).await?;
    Ok(until)
}

async fn keep(connection: &mut AnyConnection, survey: &Survey, decision: &str) -> Result<()> {
    sqlx::query(DECIDED).bind(decision).bind(survey.id.as_str()).execute(connection).await?;
    Ok(())
}

/// How far our clock may lag the last instant on record. Concurrent requests are recorded in any
/// order.
const CLOCK_SLACK: Duration = Duration::from_secs(1);

/// Clocks that differ by less than this agree. X tells its time to the second only.
const CLOCKS_TOGETHER: Duration = Duration::from_secs(5);

/// How long until surveyd checks again whether a hold has ended.
const HELD_AGAIN: Duration = Duration::from_secs(30);

/// Returns the instant until which no send may begin. There are two causes:
///
/// - Our clock is earlier than the last instant on record.
/// - A restored backup has not caught up with X.
///
/// If X confirms our clock then the record is wrong because a clock ran ahead when it was made.
pub fn held(progress: &Progress, now: Millis, is_clock_confirmed: bool) -> Option<Millis> {
    if progress.restored_at.is_some() {
        return Some(now.plus(HELD_AGAIN));
    }
    if is_clock_confirmed {
        return None;
    }
    progress.last_at.filter(|last_at| now.plus(CLOCK_SLACK) < *last_at)
}

async fn history(
    connection: &mut AnyConnection,
    survey: &Survey,
    rules: &Rules,
    now: Millis,
) -> Result<History> {
    let since = now.minus(DAY).0;
    let of_account = sqlx::query(DAY_OF_ACCOUNT)
        .bind(survey.account.as_str())
        .bind(since)
        .fetch_one(&mut *connection)
        .await?;
    let of_person = sqlx::query(OF_PERSON)
        .bind(rules.throttle_group.as_str())
        .bind(survey.account.as_str())
        .bind(since)
        .bind(survey.person())
        .fetch_one(&mut *connection)
        .await?;
    let count = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
    let (mut demand, mut is_paced) = (0, false);
    if rules.pacing == Pacing::Even {
        let row = sqlx::query(DEMAND)
            .bind(survey.account.as_str())
            .bind(since)
            .bind(survey.id.as_str())
            .fetch_one(&mut *connection)
            .await?;
        demand = count(row.try_get("demand")?);
        is_paced = row.try_get::<Option<Millis>, _>("paced_at")?.is_some();
    }
    let opted_out = opt_outs::find(connection, survey).await?;
    let first_closed_at: Option<i64> = sqlx::query_scalar(FIRST_CLOSED)
        .bind(survey.id.as_str())
        .fetch_one(&mut *connection)
        .await?;
    let last_to_person: Option<Millis> = of_person.try_get("last_at")?;
    let last_uncertain: Option<Millis> = of_person.try_get("last_uncertain_at")?;
    let history = History {
        is_last_uncertain: last_uncertain.is_some() && last_uncertain == last_to_person,
        is_last_dry: false,
        opted_out,
        first_closed_at: first_closed_at.map(Millis),
        demand,
        is_paced,
        last_to_person,
        day_to_person: count(of_person.try_get::<Option<i64>, _>("prompts")?.unwrap_or(0)),
        day_of_account: count(of_account.try_get("prompts")?),
        oldest_of_day: of_account.try_get("oldest")?,
    };
    Ok(match rules.mode {
        Mode::Live => history,
        Mode::Dry => {
            history.with_dry_run(&dry_run::history(connection, survey, rules, since).await?)
        }
    })
}
