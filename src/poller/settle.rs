//! Settles the outcome of requests that had no answer.
//!
//! A hit proves at once that the prompt was sent, and the fold records it. A miss proves the
//! opposite only after X's events have been read to their end over all that the request may have
//! caused. That stretch begins with the request. It ends `settle_after` and a margin past the
//! request's end, because X may carry out a request that surveyd has given up. X's horizon must
//! have passed it. Even after a miss the prompt is not sent again if X lists a Direct Message that
//! can only be its own.
//!
//! Our clock may be wrong, and so may X's clock as its answers show it. So the horizon must have
//! passed by both clocks. The stretch begins at the earlier instant and ends at the later one.

use std::time::Duration;

use tracing::{info, warn};

use super::message_search::MessageMemory;
use super::{Poller, evidence};
use crate::domain::direct_message::{DirectMessage, Trace};
use crate::domain::event_windows::{UnreadReason, WINDOW_MOST};
use crate::domain::survey::{State, Survey};
use crate::domain::time::{Millis, Period, Ready};
use crate::store::{CLOCKS_APART, Result, Unfinished, Unread, Unsettled};
use crate::worker::{AccountWorker, SIGNED_WITHIN};

/// X dates its events to the second and by its own clock.
const MARGIN: Duration = Duration::from_secs(2);

/// Clocks that differ by less are taken to agree. Daemons that share a database may differ by this
/// much.
const CLOCKS_TOGETHER: Duration = Duration::from_secs(60);

/// Requests this close together are settled by one reading.
const TOGETHER: Duration = Duration::from_secs(60 * 60);

/// Settles what can be settled now. Returns when there is more to settle.
pub async fn settle(worker: &AccountWorker, poller: &mut Poller) -> Result<Option<Millis>> {
    let Poller { messages, settling, .. } = poller;
    settle_as_others(worker).await?;
    let mut unsettled = worker.store.unsettled(worker.name(), &worker.sent_as).await?;
    if unsettled.is_empty() {
        messages.end_wait();
        return Ok(None);
    }
    // Before X's first answers it is not known by which clock X dates its events.
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
    // Our clock or our estimate of X's may have been wrong when the request was begun. So the
    // reading starts no later than the windows have come. Together they have no gap.
    let Some(done_to) = worker.store.poll_state(worker.name()).await?.done_to else {
        return Ok(Some(worker.now().plus(worker.limits.poll_interval)));
    };
    if readable.since(done_to) > WINDOW_MOST + worker.limits.poll_interval {
        // After a long downtime the windows first catch up to where this reading begins. So no call
        // is made twice.
        return Ok(Some(worker.now().plus(worker.limits.poll_interval)));
    }
    let start = start.min(done_to);
    let end = together.iter().map(|one| provable_from(worker, one)).max().unwrap_or(readable);
    let range = Period { from: start, to: end };
    if let Some(again) = evidence::read(worker, settling, range).await? {
        return Ok(Some(again));
    }
    if !together.iter().all(is_ready) {
        // X's answers have shown meanwhile that a clock was set.
        return Ok(Some(worker.now()));
    }
    let still = worker.store.unsettled(worker.name(), &worker.sent_as).await?;
    together.retain(|one| still.contains(one));
    let (shown, unsent) = match look_among_messages(worker, messages, together).await? {
        Ready::Now(looked) => looked,
        Ready::At(again) => return Ok(Some(again)),
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

/// Handles the prompts that the account sent under another user id or to another X. The events of
/// the present account do not show them and prove nothing. Such a survey waits until the account is
/// the former one again or until it is too late.
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

/// Ends the hold after a restored backup or a rebuild once X's events have been read past it. By
/// then every earlier prompt is known. The hold stays while a rebuild that makes surveys is
/// unfinished, because its unread events may hold a prompt.
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
        // X's clock told a time that has not come yet, and has been put right since.
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

/// True if our clock has not measured X's horizon since the hold began. A beginning in the future
/// was dated by a clock that ran ahead and does not count.
async fn has_not_passed(worker: &AccountWorker) -> Result<bool> {
    let now = worker.now();
    let began = worker.store.progress(worker.name()).await?.restored_at;
    let began = began.filter(|began| *began <= now.plus(CLOCKS_TOGETHER));
    Ok(began.is_some_and(|began| now < passed_at(worker, began)))
}

/// Returns until when an unread stretch holds the account by X's clock. It may hide a prompt for a
/// close that is not too late yet.
async fn held_by_gaps(worker: &AccountWorker, from: Millis, to: Millis) -> Result<Option<Millis>> {
    let in_time = worker.account.longest_expire_after() + CLOCKS_APART;
    let range = Period { from: from.minus(in_time), to };
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

/// Returns the latest `to_time` that X accepts now by its own clock.
pub fn readable_to(worker: &AccountWorker) -> Millis {
    worker.x_now_to_ask().minus(worker.limits.events_horizon)
}

type ShownPrompts = Vec<(Unsettled, String)>;

/// Separates the surveys whose Direct Message X lists from the others, as far as X's list can be
/// read. The former come with the message's id. [`Ready::At`] is when to look again.
async fn look_among_messages(
    worker: &AccountWorker,
    messages: &mut MessageMemory,
    together: Vec<Unsettled>,
) -> Result<Ready<(ShownPrompts, Vec<Unsettled>)>> {
    let known = together.iter().filter(|one| one.message.is_some());
    let Some(since) = known.map(|one| caused_from(worker, one)).min() else {
        messages.end_wait();
        return Ok(Ready::Now((Vec::new(), together)));
    };
    let listed = match messages.read(worker, since).await? {
        Ready::Now(listed) => listed,
        Ready::At(again) => return Ok(Ready::At(again)),
    };
    let (mut shown, mut unsent) = (Vec::new(), Vec::new());
    for one in together {
        match message_of(worker, &one, &listed).await? {
            Some(id) => shown.push((one, id)),
            None => unsent.push(one),
        }
    }
    Ok(Ready::Now((shown, unsent)))
}

/// Returns the Direct Message that the request for a prompt has put out. A message known to belong
/// to another prompt does not count. A message that two uncertain prompts may have put out keeps
/// both from being sent again.
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
    let on_record = worker.store.messages_on_record(worker.name(), &one.user_id).await?;
    let ours = left.into_iter().find(|message| !on_record.contains(&message.id));
    Ok(ours.map(|message| message.id.clone()))
}

/// Returns the stretches since `since` that X has no end of pages for.
async fn gaps_since(worker: &AccountWorker, since: Millis) -> Result<Vec<Unread>> {
    let range = Period { from: since.minus(CLOCKS_APART), to: Millis(i64::MAX) };
    let mut gaps = worker.store.unread(worker.name(), range).await?;
    gaps.retain(|gap| gap.why == UnreadReason::End);
    Ok(gaps)
}

/// True if an unread stretch may hold what the request caused. Then no reading proves a miss. Any
/// later stretch counts, because our clock may have been wrong when the request was begun.
fn may_be_in(worker: &AccountWorker, gaps: &[Unread], unsettled: &Unsettled) -> bool {
    let from = caused_from(worker, unsettled).minus(CLOCKS_APART);
    gaps.iter().any(|gap| from <= gap.range.to)
}

/// Returns an instant by X's clock. All that the request may have caused is dated after it.
fn caused_from(worker: &AccountWorker, unsettled: &Unsettled) -> Millis {
    let behind = worker.clock_apart().unwrap_or_default().least.min(0);
    Millis(unsettled.begun_at.minus(MARGIN).0.saturating_add(behind))
}

/// Returns an instant by X's clock. All that the request may have caused is dated before it. The
/// request's end is the latest of three instants:
///
/// - the end as it was reckoned then by X's clock
/// - the end by our clock, moved by the present difference between the clocks
/// - the request's beginning
///
/// The difference does not move the end back unless X itself refuses our clock. The dates of X's
/// answers alone may be wrong for any length of time.
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

/// Returns how long after it was given up a request may still be carried out. Both clocks may be
/// wrong by as much as X accepts. Beside a horizon of a day that costs nothing. A stand-in of X
/// with a shorter horizon caps this part at that horizon.
fn carried_out_within(worker: &AccountWorker) -> Duration {
    worker.limits.settle_after + MARGIN + SIGNED_WITHIN.min(worker.limits.events_horizon)
}

/// Returns the time until a miss can prove that the request was not carried out. Zero means now.
/// X's clock must have passed the horizon, and ours must have measured as long.
fn proof_in(worker: &AccountWorker, unsettled: &Unsettled) -> Duration {
    let at_x = provable_from(worker, unsettled).since(readable_to(worker));
    let here = passed_at(worker, ended_here(worker, unsettled)).since(worker.now());
    at_x.max(here)
}

/// Returns when the request ended by our clock. If X never tells the time, our clock is trusted
/// only for as long as it has not been set. The end is then counted from the last time it may have
/// been set.
fn ended_here(worker: &AccountWorker, unsettled: &Unsettled) -> Millis {
    let even_since =
        worker.clock.even_since().filter(|_| worker.x.clock().is_undated(worker.now()));
    even_since.map_or(unsettled.given_up_here, |since| since.max(unsettled.given_up_here))
}

/// Returns when all is known by our clock about a request that ended at `ended_here`.
fn passed_at(worker: &AccountWorker, ended_here: Millis) -> Millis {
    ended_here.plus(worker.limits.events_horizon + carried_out_within(worker))
}

/// Dates requests with an end in the future as ended now. The clock that dated them was wrong and
/// has been put right. Returns true if there were any. Nothing is dated anew while the clocks
/// contradict each other. A wrong date would then prove a miss too early.
async fn redate(worker: &AccountWorker, unsettled: &[Unsettled]) -> Result<bool> {
    let here = worker.now();
    // All clocks may be behind. So no request is dated anew before X has accepted one by that
    // clock.
    if !worker.x.clock().is_settled(here) || !worker.x.has_taken(here) {
        return Ok(false);
    }
    // Another daemon's request that is still under way ends within its lease.
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
