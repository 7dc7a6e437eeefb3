//! Settles what became of requests that had no answer.
//!
//! A hit is proof at once, whichever way it comes: the fold sees to that. A miss is proof only once
//! X's events have been read to their end, past the horizon, over all that the request may have
//! caused: from its beginning until `settle_after` and a margin past its end, for X may carry a
//! request out after we have given it up. Even then it is not sent again where X lists a Direct
//! Message that can only be its own.
//!
//! Either clock may be wrong, ours or what X's answers tell of X's. So the horizon must have passed
//! by both, each by its own measure, and what is read begins and ends where either says.

use std::time::Duration;

use tracing::{info, warn};

use super::message_search::MessageMemory;
use super::{Poller, evidence};
use crate::domain::direct_message::{DirectMessage, Trace};
use crate::domain::event_windows::{Range, UnreadReason, WINDOW_MOST};
use crate::domain::survey::{State, Survey};
use crate::domain::time::Millis;
use crate::store::{CLOCKS_APART, Result, Unfinished, Unread, Unsettled};
use crate::worker::{AccountWorker, SIGNED_WITHIN};

/// X dates its events to the second, and by its own clock.
const MARGIN: Duration = Duration::from_secs(2);

/// Clocks that differ by less are taken to agree; of daemons that share a database, too.
const CLOCKS_TOGETHER: Duration = Duration::from_secs(60);

/// Requests this close together are settled by one reading.
const TOGETHER: Duration = Duration::from_secs(60 * 60);

/// Settles what can be settled now. When there is more to settle.
pub async fn settle(worker: &AccountWorker, poller: &mut Poller) -> Result<Option<Millis>> {
    let Poller { messages, reader, settling, .. } = poller;
    settle_as_others(worker).await?;
    let mut unsettled = worker.store.unsettled(worker.name(), &worker.sent_as).await?;
    if unsettled.is_empty() {
        messages.end_wait();
        return Ok(None);
    }
    // By whose clock X dates its events is not known before its first answers.
    if worker.clock_apart().is_none() {
        return Ok(Some(worker.now().plus(worker.limits.poll_interval)));
    }
    if redate(worker, &unsettled).await? {
        unsettled = worker.store.unsettled(worker.name(), &worker.sent_as).await?;
    }
    let caused = unsettled.iter().map(|one| caused_from(worker, one)).min();
    let gaps = gaps_since(worker, caused.unwrap_or_default()).await?;
    unsettled.retain(|one| !may_be_in(worker, &gaps, one));
    let Some(wait) = unsettled.iter().map(|one| proof_in(worker, one)).min() else {
        messages.end_wait();
        return Ok(Some(worker.now().plus(worker.limits.poll_interval)));
    };
    if !wait.is_zero() {
        messages.end_wait();
        return Ok(Some(worker.now().plus(wait)));
    }
    if let Some(until) = messages.waits(worker).await? {
        return Ok(Some(until));
    }
    let is_ready = |one: &Unsettled| proof_in(worker, one).is_zero();
    unsettled.retain(is_ready);
    let Some(first) = unsettled.first() else { return Ok(Some(worker.now())) };
    let from = first.begun_at;
    let readable = readable_to(worker);
    let mut together: Vec<Unsettled> =
        unsettled.into_iter().filter(|one| one.begun_at <= from.plus(TOGETHER)).collect();
    let start = together.iter().map(|one| caused_from(worker, one)).min().unwrap_or(from);
    // Our clock, or what we knew of X's, may have been wrong when the request was begun. What is
    // read of X's events has no gap: the windows up to here, and from here on this reading.
    let Some(done_to) = worker.store.poll_state(worker.name()).await?.done_to else {
        return Ok(Some(worker.now().plus(worker.limits.poll_interval)));
    };
    if readable.since(done_to) > WINDOW_MOST + worker.limits.poll_interval {
        // After a long downtime: the windows will come to where this one is begun, and no call is
        // made twice.
        return Ok(Some(worker.now().plus(worker.limits.poll_interval)));
    }
    let start = start.min(done_to);
    let end = together.iter().map(|one| provable_from(worker, one)).max().unwrap_or(readable);
    let range = Range { from: start, to: end };
    if let Some(again) = evidence::read(worker, reader, settling, range).await? {
        return Ok(Some(again));
    }
    if !together.iter().all(is_ready) {
        // X's answers have told meanwhile that a clock was set.
        return Ok(Some(worker.now()));
    }
    let still = worker.store.unsettled(worker.name(), &worker.sent_as).await?;
    together.retain(|one| still.contains(one));
    let (shown, unsent) = match look_among_messages(worker, messages, together).await? {
        Ok(looked) => looked,
        Err(again) => return Ok(Some(again)),
    };
    let now = worker.now();
    for survey in &worker.store.settle_shown(shown, now).await? {
        log_shown(survey);
    }
    let closed_before = worker.too_late_before();
    for survey in &worker.store.settle_unsent(unsent, closed_before, now).await? {
        match survey.state {
            State::Failed(_) => log_shown(survey),
            _ => log_unsent(survey),
        }
        if survey.state == State::Scheduled {
            worker.wake.due(now);
        }
    }
    Ok(Some(worker.now()))
}

/// Leaves the prompts alone that the account sent as another handle, or to another X: its own
/// events do not show them, and prove nothing. They wait for the account to be that again, until
/// they are too late.
async fn settle_as_others(worker: &AccountWorker) -> Result<()> {
    let others = worker.store.unsettled_as_others(worker.name(), &worker.sent_as).await?;
    if others.is_empty() {
        return Ok(());
    }
    let all = others.iter().map(|(_, surveys)| surveys).sum();
    if worker.said.is_news("prompts as another", Millis(all)) {
        others.iter().for_each(|(sent_as, surveys)| log_as_other(worker, sent_as, *surveys));
    }
    let closed_before = worker.too_late_before();
    let settled =
        worker.store.settle_as_others(worker.name(), &worker.sent_as, closed_before, worker.now());
    settled.await?.iter().for_each(log_shown);
    Ok(())
}

fn log_as_other(worker: &AccountWorker, sent_as: &str, surveys: i64) {
    warn!(
        event = "account.changed",
        account = worker.name(),
        sent_as,
        surveys,
        "account {} is {} now, and sent {surveys} prompts whose outcome is not known as {sent_as}: \
         they stay uncertain, and are given up once it is too late for them. To have them settled, \
         let the account be {sent_as} again (user_id, x.base_url)",
        worker.name(),
        worker.sent_as,
    );
}

/// Ends the hold after a restored backup or a rebuild once X's events have been read past it: by
/// then all that was sent before is known. While a rebuild that makes surveys is not finished, what
/// it has not read is not.
pub async fn end_restore(worker: &AccountWorker) -> Result<()> {
    let Some(hold) = worker.store.hold(worker.name()).await? else { return Ok(()) };
    let Some(until_at) = hold.until_at else { return worker.date_hold().await };
    let unfinished = worker.store.unfinished_rebuild(worker.name()).await?;
    if let Some(unfinished) = unfinished.filter(|unfinished| unfinished.makes_surveys) {
        if worker.said.is_news("the unfinished rebuild", unfinished.from) {
            log_unfinished(worker, unfinished);
        }
        return Ok(());
    }
    let latest = worker.now().max(worker.x_now_at_latest());
    if until_at > latest.plus(CLOCKS_TOGETHER) && worker.x.has_taken(worker.now()) {
        // X told a time that has not come yet, by a clock that has been put right since.
        worker.store.undate_hold(worker.name(), until_at).await?;
        return worker.date_hold().await;
    }
    if has_not_passed(worker).await? {
        return Ok(());
    }
    let needed = until_at.plus(carried_out_within(worker));
    let done_to = worker.store.poll_state(worker.name()).await?.done_to;
    if done_to.is_none_or(|done_to| done_to < needed) {
        return Ok(());
    }
    if let Some(until) = held_by_gaps(worker, until_at, needed).await? {
        if worker.said.is_news("gaps hold", until) {
            info!(
                event = "account.held",
                account = worker.name(),
                "some of X's events of before the hold cannot be read: account {} sends nothing \
                 until they can, or until what they may tell of is too late at {}",
                worker.name(),
                until.rfc3339(),
            );
        }
        return Ok(());
    }
    let ended = worker.store.end_restore(worker.name(), &worker.making(), worker.now()).await?;
    worker.log_ended(&ended);
    worker.wake.now();
    Ok(())
}

/// Whether our clock has not yet measured X's horizon since the hold began. One that was ahead then
/// tells nothing.
async fn has_not_passed(worker: &AccountWorker) -> Result<bool> {
    let now = worker.now();
    let began = worker.store.progress(worker.name()).await?.restored_at;
    let began = began.filter(|began| *began <= now.plus(CLOCKS_TOGETHER));
    Ok(began.is_some_and(|began| now < passed_at(worker, began)))
}

/// Until when, by X's clock, a prompt that stands in events which could not be read may have been
/// for a close that is not too late yet.
async fn held_by_gaps(worker: &AccountWorker, from: Millis, to: Millis) -> Result<Option<Millis>> {
    let in_time = worker.account.longest_expire_after() + CLOCKS_APART;
    let range = Range { from: from.minus(in_time), to };
    let gaps = worker.store.unread(worker.name(), range).await?;
    let until = gaps.iter().map(|gap| gap.range.to.min(to).plus(in_time)).max();
    Ok(until.filter(|until| worker.x_now_at_least() < *until))
}

fn log_unfinished(worker: &AccountWorker, unfinished: Unfinished) {
    let command = unfinished.command(worker.name());
    warn!(
        event = "account.held",
        account = worker.name(),
        command,
        "account {} is held: the rebuild of its surveys from X's events is not finished. Unless it \
         is at work, go on with it: {command}",
        worker.name()
    );
}

/// The latest `to_time` that X takes now, by its own clock.
pub fn readable_to(worker: &AccountWorker) -> Millis {
    worker.x_now_to_ask().minus(worker.limits.events_horizon)
}

type ShownPrompts = Vec<(Unsettled, String)>;

/// Parts those whose Direct Messages X lists, with the messages' ids, from those of whom it lists
/// none, as far as it can be read. `Err`: when to look.
async fn look_among_messages(
    worker: &AccountWorker,
    messages: &mut MessageMemory,
    together: Vec<Unsettled>,
) -> Result<std::result::Result<(ShownPrompts, Vec<Unsettled>), Millis>> {
    let known = together.iter().filter(|one| one.message.is_some());
    let Some(since) = known.map(|one| caused_from(worker, one)).min() else {
        messages.end_wait();
        return Ok(Ok((Vec::new(), together)));
    };
    let listed = match messages.read(worker, since).await? {
        Ok(listed) => listed,
        Err(again) => return Ok(Err(again)),
    };
    let (mut shown, mut unsent) = (Vec::new(), Vec::new());
    for one in together {
        match message_of(worker, &one, &listed).await? {
            Some(id) => shown.push((one, id)),
            None => unsent.push(one),
        }
    }
    Ok(Ok((shown, unsent)))
}

/// The Direct Message that the request for a prompt put out. One that is known to be of another
/// prompt is not of this one; one that two prompts of unknown outcome may have put out keeps both
/// from being sent again.
async fn message_of(
    worker: &AccountWorker,
    one: &Unsettled,
    listed: &[DirectMessage],
) -> Result<Option<String>> {
    let Some(text) = &one.message else { return Ok(None) };
    let trace = Trace {
        sender: &worker.user_id,
        recipient: &one.user_id,
        text,
        from: caused_from(worker, one),
        to: provable_from(worker, one),
    };
    let left: Vec<&DirectMessage> =
        listed.iter().filter(|message| trace.is_left_by(message)).collect();
    if left.is_empty() {
        return Ok(None);
    }
    let claimed = worker.store.claimed_messages(worker.name(), &one.user_id).await?;
    let ours = left.into_iter().find(|message| !claimed.contains(&message.id));
    Ok(ours.map(|message| message.id.clone()))
}

/// Stretches of events since then that X has no end of pages for.
async fn gaps_since(worker: &AccountWorker, since: Millis) -> Result<Vec<Unread>> {
    let range = Range { from: since.minus(CLOCKS_APART), to: Millis(i64::MAX) };
    let mut gaps = worker.store.unread(worker.name(), range).await?;
    gaps.retain(|gap| gap.why == UnreadReason::End);
    Ok(gaps)
}

/// Whether what the request caused may lie in a stretch that has not been read: then nothing that
/// has been read proves a miss. Our clock may have been wrong when it was begun: any later stretch
/// counts.
fn may_be_in(worker: &AccountWorker, gaps: &[Unread], unsettled: &Unsettled) -> bool {
    let from = caused_from(worker, unsettled).minus(CLOCKS_APART);
    gaps.iter().any(|gap| from <= gap.range.to)
}

/// All that the request may have caused is dated after this, by X's clock.
fn caused_from(worker: &AccountWorker, unsettled: &Unsettled) -> Millis {
    let behind = worker.clock_apart().unwrap_or_default().least.min(0);
    Millis(unsettled.begun_at.minus(MARGIN).0.saturating_add(behind))
}

/// All that the request may have caused is dated before this, by X's clock: as X's told it then, or
/// as ours did, if it stood then as it does now; and as ours did, unless X itself refuses our
/// clock: the dates of its answers may be wrong for as long as they like.
fn provable_from(worker: &AccountWorker, unsettled: &Unsettled) -> Millis {
    let apart = worker.clock_apart().unwrap_or_default();
    let ahead = match worker.x.is_signed_by(apart) {
        true => apart.most,
        false => apart.most.max(0),
    };
    let by_ours = Millis(ended_here(worker, unsettled).0.saturating_add(ahead));
    let given_up_at = unsettled.given_up_at.max(by_ours).max(unsettled.begun_at);
    given_up_at.plus(carried_out_within(worker))
}

/// How long after it was given up, by the later clock, a request may be carried out. The clocks may
/// be wrong alike by as much as X takes; next to a day that costs nothing. An X that tells its
/// events at once is a stand-in.
fn carried_out_within(worker: &AccountWorker) -> Duration {
    worker.limits.settle_after + MARGIN + SIGNED_WITHIN.min(worker.limits.events_horizon)
}

/// How long until a miss can prove that the request was not carried out; zero: now. X's clock must
/// have passed the horizon, and ours must have measured as long.
fn proof_in(worker: &AccountWorker, unsettled: &Unsettled) -> Duration {
    let at_x = provable_from(worker, unsettled).since(readable_to(worker));
    let here = passed_at(worker, ended_here(worker, unsettled)).since(worker.now());
    at_x.max(here)
}

/// When the request ended by our clock. Where X never tells the time, nothing bears ours out but
/// that it has not been set since: then it counts from the last time that it may have been.
fn ended_here(worker: &AccountWorker, unsettled: &Unsettled) -> Millis {
    let even_since =
        worker.clock.even_since().filter(|_| worker.x.clock().is_undated(worker.now()));
    even_since.map_or(unsettled.given_up_here, |since| since.max(unsettled.given_up_here))
}

/// When, by our clock, all is known of what ended at `ended_here` by it.
fn passed_at(worker: &AccountWorker, ended_here: Millis) -> Millis {
    ended_here.plus(worker.limits.events_horizon + carried_out_within(worker))
}

/// Dates requests whose end lies ahead of the clock that dated it as ended now: that clock was
/// wrong, and has been put right. Whether there were any. While the clocks contradict each other it
/// is not known which is right: a date that is taken for too late, and is not, would prove a miss
/// too early.
async fn redate(worker: &AccountWorker, unsettled: &[Unsettled]) -> Result<bool> {
    let here = worker.now();
    // All clocks may be behind: none of them dates anything anew before X has taken a request by
    // it.
    if !worker.x.clock().is_settled(here) || !worker.x.has_taken(here) {
        return Ok(false);
    }
    // A request that another daemon still has under way ends within its lease.
    let now_at_x = worker.x_now_at_latest();
    let (at_x, here) = (now_at_x.plus(worker.lease()), here.plus(worker.lease()));
    let is_ahead = |one: &Unsettled| {
        one.given_up_at > at_x.plus(CLOCKS_TOGETHER)
            || one.given_up_here > here.plus(CLOCKS_TOGETHER)
    };
    if !unsettled.iter().any(is_ahead) {
        return Ok(false);
    }
    let spent_at = at_x.max(here).plus(worker.limits.settle_after);
    let redated = worker.store.redate_unsettled(worker.name(), now_at_x, (at_x, here), spent_at);
    let redated = redated.await?;
    warn!(
        event = "survey.pulled_back",
        account = worker.name(),
        surveys = redated,
        "{redated} requests of account {} without an answer are dated later than it is now, by a clock \
         that was wrong: what became of them is reckoned from now",
        worker.name(),
    );
    Ok(true)
}

fn log_shown(survey: &Survey) {
    let reason = survey.state.reason();
    warn!(
        event = "survey.failed",
        account = survey.account,
        survey_id = survey.id.as_str(),
        conversation_id = survey.conversation_id.as_str(),
        reason,
        "survey {} is failed: {}",
        survey.id,
        reason.as_deref().unwrap_or_default(),
    );
}

fn log_unsent(survey: &Survey) {
    info!(
        event = "survey.resolved",
        account = survey.account,
        survey_id = survey.id.as_str(),
        conversation_id = survey.conversation_id.as_str(),
        "survey {} was not sent: X's events, read past its request, hold nothing of it; it is {}",
        survey.id,
        survey.state.name(),
    );
    if survey.state == State::Expired {
        info!(
            event = "survey.expired",
            account = survey.account,
            survey_id = survey.id.as_str(),
            conversation_id = survey.conversation_id.as_str(),
            "survey {} is expired",
            survey.id,
        );
    }
}
