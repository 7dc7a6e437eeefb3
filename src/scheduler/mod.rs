//! Sends the surveys that are due. It works in four steps:
//!
//! - it leases the surveys
//! - it looks up which people can be messaged
//! - it begins each send durably and posts it once
//! - it writes down the outcome
//!
//! [`tick`] is one bounded pass over one account. The loop belongs to the daemon. A pass waits for
//! nothing but X's answers and the store. It does not decide who is asked, because that is
//! [`policy`](crate::domain::policy)'s work.

mod look_ahead;
mod look_up;
mod outcome;
mod send;
mod waiting;

pub use waiting::end_of_others;

use std::time::Duration;

use tracing::{info, warn};

use crate::config::CanDmBy;
use crate::domain::budget::Call;
use crate::domain::policy::{DAY, Mode, Pacing};
use crate::domain::survey::Survey;
use crate::domain::time::Millis;
use crate::domain::waiting::{held_back_by, prompts};
use crate::store::{self, AccountStatus, Leased, Result};
use crate::worker::AccountWorker;
use crate::x;

/// The number of surveys leased at once for each parallel request. It applies while people are
/// looked up one by one.
const LEASED_PER_REQUEST: usize = 4;

/// How often surveyd ends expired surveys while an account waits.
const SWEEP: Duration = Duration::from_secs(60);

/// Makes one pass. Returns when the next pass is wanted, or `None` if only new work needs one.
pub async fn tick(worker: &AccountWorker) -> Result<Option<Millis>> {
    let next = pass(worker).await?;
    // A database fault here is ignored. The next step that needs the database reports it.
    let told = waiting::log(worker).await.unwrap_or_default();
    Ok(next.into_iter().chain(told).min())
}

async fn pass(worker: &AccountWorker) -> Result<Option<Millis>> {
    give_back_dropped(worker).await?;
    recover_lost(worker).await?;
    pull_back(worker).await?;
    expire(worker).await?;
    if let Some(paused) = worker.store.paused(worker.name()).await?
        && let Some(probe_at) = worker.probe(paused).await?
    {
        return waiting(worker, probe_at).await.map(|next| next.or(Some(probe_at)));
    }
    let Some(next) = worker.store.next_due(worker.name()).await? else { return Ok(None) };
    if next > worker.now() || worker.stop.is_stopping() {
        return Ok(Some(next));
    }
    if worker.account.pacing == Pacing::Even {
        // Draw even while nothing may be sent, so that it does not depend on the hour who is left
        // out.
        look_ahead::draw(worker).await?;
    }
    let room = match room(worker).await? {
        Room::For(room) => room,
        Room::From(until) => return waiting(worker, until).await,
    };
    let lease = lease(worker, room);
    let now = worker.now();
    let leases = worker.store.lease_due(worker.name(), room, now.plus(lease), now).await?;
    if let Err(fault) = see_to(worker, leases.clone()).await {
        worker.dropped.lock().expect("no holder of this lock can panic").extend(leases);
        return Err(fault);
    }
    worker.store.next_due(worker.name()).await
}

async fn see_to(worker: &AccountWorker, leases: Vec<Leased>) -> Result<()> {
    let leases = look_ahead::look_ahead(worker, leases).await?;
    let can_be_asked = look_up::look_up(worker, leases).await?;
    send::send_all(worker, can_be_asked).await
}

/// Gives back the leases of a pass that a database fault broke off. Without this no worker would
/// touch those surveys until their leases ran out.
async fn give_back_dropped(worker: &AccountWorker) -> Result<()> {
    let dropped = || worker.dropped.lock().expect("no holder of this lock can panic");
    loop {
        let Some(leased) = dropped().pop() else { return Ok(()) };
        // A survey that has moved on since its lease stays as it is.
        if let Err(fault) = worker.store.release(leased.clone(), worker.now()).await {
            dropped().push(leased);
            return Err(fault);
        }
    }
}

/// Returns how long the leases of one round last. It covers all look-ups and all sends at their
/// timeouts.
fn lease(worker: &AccountWorker, surveys: usize) -> Duration {
    let rounds = u32::try_from(surveys.div_ceil(worker.limits.concurrency)).unwrap_or(u32::MAX);
    let round = worker.limits.request_timeout + worker.limits.send_timeout;
    round.saturating_mul(rounds.max(1)) + Duration::from_secs(60)
}

/// How often surveyd looks for surveys that a clock running ahead has put off.
const PULLED_BACK_EVERY: Duration = Duration::from_secs(5 * 60);

/// The tolerance when clocks are compared. X's clock is known to no better than this. Our clock may
/// also lag this far behind another daemon's.
const DATED_WITHIN: Duration = Duration::from_secs(60);

enum Room {
    /// The number of prompts that may be worked on now.
    For(usize),
    /// No prompt may be worked on before this instant.
    From(Millis),
}

/// Returns how many prompts the account's budgets have room for.
async fn room(worker: &AccountWorker) -> Result<Room> {
    let now = worker.now();
    if let Some(until) = held(worker, now).await? {
        return Ok(Room::From(until));
    }
    let away_until = worker.sending_trouble.until(now);
    if let Some(until) = away_until.filter(|until| *until > now) {
        return Ok(Room::From(until));
    }
    let call = look_up_call(worker).await?;
    let looked_up_from = worker.calls_free_at(call).await?;
    let created_from = worker.calls_free_at(Call::Create).await?;
    if let Some(until) = looked_up_from.max(created_from) {
        return Ok(Room::From(until));
    }
    let day = day(worker).await?;
    let limit = i64::from(worker.account.daily_limit);
    if day.prompts_of_day >= limit {
        let full_until = day.oldest_of_day.unwrap_or(now).plus(DAY);
        let until = worker.by_our_clock(full_until);
        if worker.said.is_news_of_limit("day", now, until, DAY) {
            info!(
                event = "budget.exhausted",
                account = worker.name(),
                call = Call::Create.as_str(),
                endpoint = Call::Create.endpoint(),
                until = until.rfc3339(),
                "account {} {} its {} of the day: the next goes out at {}",
                worker.name(),
                if worker.account.mode.is_dry() { "would have sent" } else { "has sent" },
                prompts(worker.account.daily_limit),
                until.rfc3339(),
            );
        }
        return Ok(Room::From(worker.wait_until(full_until)));
    }
    let left = usize::try_from(limit - day.prompts_of_day).unwrap_or(0);
    let most = match call {
        Call::Users => x::USERS_MAX,
        _ => {
            let singly = worker.limits.concurrency * LEASED_PER_REQUEST;
            singly.min(worker.calls_left(call).await? as usize)
        }
    };
    // If X was away, one call is enough to show whether it still is.
    let most = if away_until.is_some() { 1 } else { most };
    Ok(Room::For(most.min(left).max(1)))
}

/// Returns the call that people are looked up with now.
async fn look_up_call(worker: &AccountWorker) -> Result<Call> {
    let by = worker.limits.can_dm;
    if by == CanDmBy::Auto && worker.calls_left(Call::Users).await? > 0 {
        return Ok(Call::Users);
    }
    Ok(by.call())
}

/// Returns the prompts of X's day. A prompt dated later than every clock was dated by a wrong
/// clock. Such a prompt counts as sent now.
async fn day(worker: &AccountWorker) -> Result<AccountStatus> {
    let of_day = async || {
        let since = worker.x_now_at_least().minus(DAY);
        let day = worker.store.account_status(worker.name(), since).await?;
        Ok::<_, store::Error>(match worker.account.mode {
            Mode::Live => day,
            Mode::Dry => day.with_dry_run(worker.store.dry_day(worker.name(), since).await?),
        })
    };
    let day = of_day().await?;
    let latest = worker.now().max(worker.x_now_at_latest());
    // A request without an answer counts until X can no longer carry it out.
    let after = latest.plus(worker.limits.settle_after + DATED_WITHIN);
    if day.latest_of_day.is_none_or(|at| at <= after) {
        return Ok(day);
    }
    let pulled = worker.store.pull_back_spent(worker.name(), latest, after).await?;
    if pulled == 0 {
        return Ok(day);
    }
    warn!(
        event = "budget.pulled_back",
        account = worker.name(),
        prompts = pulled,
        "{pulled} prompts of account {} are dated later than it is now, by a clock that was wrong: \
         they count as sent now",
        worker.name(),
    );
    of_day().await
}

/// Returns the instant until which the account sends nothing at all. Its budgets do not matter
/// here.
async fn held(worker: &AccountWorker, now: Millis) -> Result<Option<Millis>> {
    let progress = worker.store.progress(worker.name()).await?;
    let is_behind = store::held(&progress, now, false).is_some() && progress.restored_at.is_none();
    if is_behind {
        worker.ask_the_time().await?;
    }
    let until = store::held(&progress, now, worker.x.clock().confirms(now));
    if let Some(until) = until
        && is_behind
        && worker.said.is_news("clock", until)
    {
        warn!(
            event = "budget.exhausted",
            account = worker.name(),
            until = until.rfc3339(),
            "this machine's clock stands before the last instant on record, {}: nothing is sent \
             until it has passed that, or X's clock agrees with it. Check the clock",
            until.rfc3339(),
        );
    }
    Ok(until)
}

/// Waits for `until` but wakes earlier to end surveys that have become too late.
async fn waiting(worker: &AccountWorker, until: Millis) -> Result<Option<Millis>> {
    waiting::look_soon(worker);
    let next = worker.store.next_due(worker.name()).await?;
    Ok(next.map(|next| until.min(next.max(worker.now().plus(SWEEP)))))
}

/// Makes due the surveys that a clock running ahead has put off. This runs at the start and from
/// time to time. It also runs in the first pass after the clock was set back.
async fn pull_back(worker: &AccountWorker) -> Result<()> {
    let now = worker.now();
    let is_recent = |at: Millis| at.is_recent(now, PULLED_BACK_EVERY);
    let looked_at = || worker.pulled_back_at.lock().expect("no holder of this lock can panic");
    if looked_at().is_some_and(is_recent) {
        return Ok(());
    }
    let pulled = worker.store.pull_back_tries(worker.name(), worker.too_late_before(), now).await?;
    *looked_at() = Some(now);
    if pulled > 0 {
        info!(
            event = "survey.pulled_back",
            account = worker.name(),
            surveys = pulled,
            "{pulled} surveys of account {} waited for an instant that only a clock that ran ahead \
             can have set: they are due now",
            worker.name(),
        );
    }
    Ok(())
}

async fn expire(worker: &AccountWorker) -> Result<()> {
    let late = async |before| worker.store.too_late(worker.name(), before, worker.now()).await;
    if late(worker.perhaps_too_late_before()).await?.is_empty() {
        return Ok(());
    }
    // A clock that was set ahead must not end a survey. So X is asked for the time first.
    worker.ask_the_time().await?;
    loop {
        let late = late(worker.too_late_before()).await?;
        if late.is_empty() {
            return Ok(());
        }
        let facts = worker.store.waiting_of(&worker.served, worker.now()).await?;
        let held_back_by = held_back_by(&facts);
        let before = worker.too_late_before();
        for survey in &worker.store.expire(late, held_back_by, before, worker.now()).await? {
            log_end(survey);
        }
    }
}

/// Makes uncertain the sends of workers that are gone. Such a send has outlived its lease.
async fn recover_lost(worker: &AccountWorker) -> Result<()> {
    let lost = worker.store.recover(false, worker.limits.settle_after, worker.now()).await?;
    for survey in &lost {
        log_uncertain(survey, "the worker that sent it is gone");
    }
    Ok(())
}

/// Logs a survey that ended without a prompt.
fn log_end(survey: &Survey) {
    let event = match survey.state.name() {
        "suppressed" => "survey.suppressed",
        "cancelled" => "survey.cancelled",
        "expired" => "survey.expired",
        _ => "survey.failed",
    };
    let reason = survey.state.reason();
    let because = reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    info!(
        event,
        account = survey.account,
        survey_id = survey.id.as_str(),
        conversation_id = survey.conversation_id.as_str(),
        reason,
        "survey {} is {}{because}",
        survey.id,
        survey.state.name(),
    );
}

/// Logs a survey that became uncertain.
pub fn log_uncertain(survey: &Survey, why: &str) {
    warn!(
        event = "survey.uncertain",
        account = survey.account,
        survey_id = survey.id.as_str(),
        conversation_id = survey.conversation_id.as_str(),
        reason = why,
        "survey {} is uncertain ({why}): it is not sent again",
        survey.id,
    );
}
