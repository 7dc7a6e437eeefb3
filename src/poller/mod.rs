//! Reads back what people answered: the events of the past in windows, page by page, single prompts
//! that are still fresh, and the last days' events once more; and folds all of it into the store.
//!
//! [`tick`] is one bounded pass over one account; the daemon loops. What people and agents write to
//! each other is the business of [`reading`].

mod events;
mod evidence;
pub mod hook;
mod looks;
mod messages;
mod pages;
pub mod reading;
mod settle;
mod windows;

use futures_util::{StreamExt, stream};
use tracing::warn;

use crate::desk::{Calls, Desk};
use crate::domain::budget::Call;
use crate::domain::policy;
use crate::domain::time::Millis;
use crate::store::Result;
use crate::x::Error;
use evidence::Settling;
use messages::Messages;
use windows::Reader;

/// Prompts asked about in one pass.
const SHOWS_MAX: u32 = 60;

/// What one account's poller remembers between passes. Losing it costs one early look.
#[derive(Debug, Default)]
pub struct Poller {
    events_at: Option<Millis>,
    looks_at: Option<Millis>,
    reader: Reader,
    settling: Settling,
    messages: Messages,
}

/// One pass. When the next is wanted.
pub async fn tick(desk: &Desk, poller: &mut Poller) -> Result<Option<Millis>> {
    if let Some(paused) = desk.store.paused(desk.name()).await? {
        // The scheduler asks X about the account, and may not have come to it.
        return Ok(Some(paused.probe_at.max(desk.now()).plus(desk.limits.poll_interval)));
    }
    let now = desk.now();
    let is_ahead = |at: &Millis| *at > now && !is_set_back(*at, now, desk);
    let events_at = match poller.events_at.filter(is_ahead) {
        Some(at) => at,
        None => events::tick(desk, &mut poller.reader).await?,
    };
    poller.events_at = Some(events_at);
    let settle_at = settle::settle(desk, poller).await?;
    settle::end_restore(desk).await?;
    let show_at = shows(desk).await?;
    let looks_at = match poller.looks_at.filter(is_ahead) {
        Some(at) => Some(at),
        None => looks::tick(desk, &mut poller.reader, events_at).await?,
    };
    poller.looks_at = looks_at;
    Ok([settle_at, show_at, looks_at, Some(events_at)].into_iter().flatten().min())
}

/// A clock that was set back must not put off the next look by as much.
fn is_set_back(at: Millis, now: Millis, desk: &Desk) -> bool {
    at.since(now) > desk.limits.poll_interval.max(crate::domain::budget::WINDOW)
}

/// Asks about fresh prompts. When the next wants to be asked about.
async fn shows(desk: &Desk) -> Result<Option<Millis>> {
    let now = desk.now();
    let due = desk.store.to_show(desk.name(), SHOWS_MAX, now).await?;
    if due.is_empty() || desk.stop.is_stopping() {
        return desk.store.next_show(desk.name()).await;
    }
    let wanted = u32::try_from(due.len()).unwrap_or(u32::MAX);
    let allowed = match desk.take_calls(Call::Show, wanted).await? {
        Ok(allowed) => allowed,
        Err(until) => return Ok(Some(until)),
    };
    let asked = due.into_iter().take(allowed as usize);
    let calls = Calls::as_budgeted();
    let answers = stream::iter(asked).map(|prompt| async {
        if !calls.begin() {
            return None;
        }
        let asked = desk.x.show(&desk.keys, &prompt.feedback_id, desk.now());
        let answer = desk.unless_stopping(asked).await;
        calls.end(answer.as_ref().and_then(|answer| answer.told));
        Some((prompt, answer?))
    });
    let mut answers = answers.buffer_unordered(desk.limits.concurrency);
    let (mut updates, mut next) = (Vec::new(), Vec::new());
    let mut under_way = allowed;
    let mut held_until = None;
    while let Some(asked) = answers.next().await {
        under_way = under_way.saturating_sub(1);
        // X has said meanwhile that nothing is left, or surveyd stops: the prompt stays due.
        let Some((prompt, answer)) = asked else { continue };
        desk.hear(Call::Show, answer.told, under_way).await?;
        let (interval, fresh_for) = (desk.limits.poll_interval, desk.limits.fresh_for);
        let again = policy::next_show(prompt.sent_at, interval, fresh_for, desk.now());
        match answer.result {
            Ok(update) => updates.push(update),
            Err(Error::Limited { reset_at }) => {
                held_until = Some(desk.hold(Call::Show, reset_at).await?);
                continue;
            }
            Err(Error::Account(words)) => desk.pause(&words).await?,
            // X does not know it, or will never tell: the events still may.
            Err(Error::Request(_) | Error::Person { .. }) => {
                next.push((prompt.survey_id, None));
                continue;
            }
            Err(error @ (Error::Clock(_) | Error::NotNow(_) | Error::NoAnswer(_))) => warn!(
                event = "poll.failed",
                account = desk.name(),
                survey_id = prompt.survey_id.as_str(),
                feedback_id = prompt.feedback_id.as_str(),
                "feedback {} cannot be asked about ({error})",
                prompt.feedback_id,
            ),
        }
        next.push((prompt.survey_id, again));
    }
    // Put off before the fold, which ends the questions about what is complete.
    desk.store.show_again(next).await?;
    desk.tell(&desk.store.fold(desk.name(), updates, desk.now()).await?);
    match held_until {
        Some(until) => Ok(Some(until)),
        None => desk.store.next_show(desk.name()).await,
    }
}
