//! Settles what became of requests that had no answer.
//!
//! A hit is proof at once, whichever way it comes: the fold sees to that. A miss is proof only once
//! X's events have been read to their end, past the horizon, over all that the request may have
//! caused: from its beginning until `settle_after` its end, for X may carry a request out after we
//! have given it up. Even then it is not sent again where X lists a Direct Message that can only be
//! its own.

use std::time::Duration;

use tracing::{info, warn};

use super::messages::Messages;
use super::{Poller, evidence};
use crate::desk::Desk;
use crate::domain::direct_message::{DirectMessage, Trace};
use crate::domain::reading::{Range, WINDOW_MOST, Why};
use crate::domain::survey::{State, Survey};
use crate::domain::time::Millis;
use crate::store::{CLOCKS_APART, Result, Unfinished, Unread, Unsettled};
use crate::x::Apart;

/// X dates its events to the second, and by its own clock.
const MARGIN: Duration = Duration::from_secs(2);

/// Requests this close together are settled by one reading.
const TOGETHER: Duration = Duration::from_secs(60 * 60);

/// Settles what can be settled now. When there is more to settle.
pub async fn settle(desk: &Desk, poller: &mut Poller) -> Result<Option<Millis>> {
    let Poller { messages, reader, settling, .. } = poller;
    let mut unsettled = desk.store.unsettled(desk.name()).await?;
    let Some(first) = unsettled.first() else {
        messages.end_wait();
        return Ok(None);
    };
    // By whose clock X dates its events is not known before its first answer.
    let Some(apart) = desk.x.clock_apart(desk.now()) else {
        return Ok(Some(desk.now().plus(desk.limits.poll_interval)));
    };
    let gaps = gaps_since(desk, caused_from(first, apart)).await?;
    unsettled.retain(|one| !may_be_in(&gaps, one, apart));
    let Some(first) = unsettled.first() else {
        messages.end_wait();
        return Ok(Some(desk.now().plus(desk.limits.poll_interval)));
    };
    let readable = readable_to(desk);
    if provable_from(desk, first) > readable {
        messages.end_wait();
        let wait = provable_from(desk, first).since(readable);
        return Ok(Some(desk.now().plus(wait)));
    }
    if let Some(until) = messages.waits(desk).await? {
        return Ok(Some(until));
    }
    let from = first.begun_at;
    let mut together: Vec<Unsettled> = unsettled
        .into_iter()
        .filter(|one| one.begun_at <= from.plus(TOGETHER) && provable_from(desk, one) <= readable)
        .collect();
    let start = together.iter().map(|one| caused_from(one, apart)).min().unwrap_or(from);
    // Our clock, or what we knew of X's, may have been wrong when the request was begun. What is
    // read of X's events has no gap: the windows up to here, and from here on this reading.
    let Some(done_to) = desk.store.poll_state(desk.name()).await?.done_to else {
        return Ok(Some(desk.now().plus(desk.limits.poll_interval)));
    };
    if readable.since(done_to) > WINDOW_MOST + desk.limits.poll_interval {
        // After a long downtime: the windows will come to where this one is begun, and no call is
        // made twice.
        return Ok(Some(desk.now().plus(desk.limits.poll_interval)));
    }
    let start = start.min(done_to);
    let end = together.iter().map(|one| provable_from(desk, one)).max().unwrap_or(readable);
    let range = Range { from: start, to: end };
    if let Some(again) = evidence::read(desk, reader, settling, range).await? {
        return Ok(Some(again));
    }
    if readable_to(desk) < end {
        // X's answers have told meanwhile that our clock was set.
        return Ok(Some(desk.now()));
    }
    let still = desk.store.unsettled(desk.name()).await?;
    together.retain(|one| still.contains(one));
    let (shown, unsent) = match look_among_messages(desk, messages, together).await? {
        Ok(looked) => looked,
        Err(again) => return Ok(Some(again)),
    };
    let now = desk.now();
    for survey in &desk.store.settle_shown(shown, now).await? {
        tell_shown(survey);
    }
    let closed_before = desk.too_late_before();
    for survey in &desk.store.settle_unsent(unsent, closed_before, now).await? {
        match survey.state {
            State::Failed(_) => tell_shown(survey),
            _ => tell_unsent(survey),
        }
        if survey.state == State::Scheduled {
            desk.wake.due(now);
        }
    }
    Ok(Some(desk.now()))
}

/// Ends the hold after a restored backup or a rebuild once X's events have been read past it: by then
/// all that was sent before is known. While a rebuild that makes surveys is not finished, what it has
/// not read is not.
pub async fn end_restore(desk: &Desk) -> Result<()> {
    let Some(hold) = desk.store.hold(desk.name()).await? else { return Ok(()) };
    let Some(until_at) = hold.until_at else { return desk.date_hold().await };
    let unfinished = desk.store.unfinished_rebuild(desk.name()).await?;
    if let Some(unfinished) = unfinished.filter(|unfinished| unfinished.makes_surveys) {
        if desk.said.is_news("the unfinished rebuild", unfinished.from) {
            tell_unfinished(desk, unfinished);
        }
        return Ok(());
    }
    let needed = until_at.plus(desk.limits.settle_after).plus(MARGIN);
    let done_to = desk.store.poll_state(desk.name()).await?.done_to;
    if done_to.is_none_or(|done_to| done_to < needed) {
        return Ok(());
    }
    if let Some(until) = held_by_gaps(desk, until_at, needed).await? {
        if desk.said.is_news("gaps hold", until) {
            info!(
                event = "account.held",
                account = desk.name(),
                "some of X's events of before the hold cannot be read: account {} sends nothing \
                 until they can, or until what they may tell of is too late at {}",
                desk.name(),
                until.rfc3339(),
            );
        }
        return Ok(());
    }
    let ended = desk.store.end_restore(desk.name(), &desk.making(), desk.now()).await?;
    desk.tell_ended(&ended);
    desk.wake.now();
    Ok(())
}

/// Until when, by X's clock, a prompt that stands in events which could not be read may have been for
/// a close that is not too late yet.
async fn held_by_gaps(desk: &Desk, from: Millis, to: Millis) -> Result<Option<Millis>> {
    let in_time = desk.account.longest_expire_after() + CLOCKS_APART;
    let range = Range { from: from.minus(in_time), to };
    let gaps = desk.store.unread(desk.name(), range).await?;
    let until = gaps.iter().map(|gap| gap.range.to.min(to).plus(in_time)).max();
    Ok(until.filter(|until| desk.x_now_at_least() < *until))
}

fn tell_unfinished(desk: &Desk, unfinished: Unfinished) {
    let command = unfinished.command(desk.name());
    warn!(
        event = "account.held",
        account = desk.name(),
        command,
        "account {} is held: the rebuild of its surveys from X's events is not finished. Unless it \
         is at work, go on with it: {command}",
        desk.name()
    );
}

/// The latest `to_time` that X takes now, by its own clock.
pub fn readable_to(desk: &Desk) -> Millis {
    desk.x_now_at_least().minus(desk.limits.events_horizon)
}

type Shown = Vec<(Unsettled, String)>;

/// Parts those whose Direct Messages X lists, with the messages' ids, from those of whom it lists
/// none, as far as it can be read. `Err`: when to look.
async fn look_among_messages(
    desk: &Desk,
    messages: &mut Messages,
    together: Vec<Unsettled>,
) -> Result<std::result::Result<(Shown, Vec<Unsettled>), Millis>> {
    let apart = desk.x.clock_apart(desk.now()).unwrap_or_default();
    let known = together.iter().filter(|one| one.message.is_some());
    let Some(since) = known.map(|one| caused_from(one, apart)).min() else {
        messages.end_wait();
        return Ok(Ok((Vec::new(), together)));
    };
    let listed = match messages.read(desk, since).await? {
        Ok(listed) => listed,
        Err(again) => return Ok(Err(again)),
    };
    let (mut shown, mut unsent) = (Vec::new(), Vec::new());
    for one in together {
        match message_of(desk, &one, &listed).await? {
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
    desk: &Desk,
    one: &Unsettled,
    listed: &[DirectMessage],
) -> Result<Option<String>> {
    let Some(text) = &one.message else { return Ok(None) };
    let apart = desk.x.clock_apart(desk.now()).unwrap_or_default();
    let trace = Trace {
        sender: &desk.user_id,
        recipient: &one.user_id,
        text,
        from: caused_from(one, apart),
        to: provable_from(desk, one),
    };
    let left: Vec<&DirectMessage> =
        listed.iter().filter(|message| trace.is_left_by(message)).collect();
    if left.is_empty() {
        return Ok(None);
    }
    let claimed = desk.store.claimed_messages(desk.name(), &one.user_id).await?;
    let ours = left.into_iter().find(|message| !claimed.contains(&message.id));
    Ok(ours.map(|message| message.id.clone()))
}

/// Stretches of events since then that X has no end of pages for.
async fn gaps_since(desk: &Desk, since: Millis) -> Result<Vec<Unread>> {
    let range = Range { from: since.minus(CLOCKS_APART), to: Millis(i64::MAX) };
    let mut gaps = desk.store.unread(desk.name(), range).await?;
    gaps.retain(|gap| gap.why == Why::End);
    Ok(gaps)
}

/// Whether what the request caused may lie in a stretch that has not been read: then nothing that has
/// been read proves a miss. Our clock may have been wrong when it was begun: any later stretch counts.
fn may_be_in(gaps: &[Unread], unsettled: &Unsettled, apart: Apart) -> bool {
    let from = caused_from(unsettled, apart).minus(CLOCKS_APART);
    gaps.iter().any(|gap| from <= gap.range.to)
}

/// All that the request may have caused is dated after this, by X's clock.
fn caused_from(unsettled: &Unsettled, apart: Apart) -> Millis {
    unsettled.begun_at.minus(MARGIN).minus(apart.behind())
}

/// All that the request may have caused is dated before this, by X's clock.
fn provable_from(desk: &Desk, unsettled: &Unsettled) -> Millis {
    let ahead = desk.x.clock_apart(desk.now()).unwrap_or_default().ahead();
    unsettled.given_up_at.plus(desk.limits.settle_after).plus(MARGIN).plus(ahead)
}

fn tell_shown(survey: &Survey) {
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

fn tell_unsent(survey: &Survey) {
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
