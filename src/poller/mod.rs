//! Reads back what people answered: the events of the past in windows, page by page, and single
//! prompts that are still fresh; and folds all of it into the store.
//!
//! [`tick`] is one bounded pass over one account; the daemon loops. What people and agents write to
//! each other is the business of [`reading`].

pub mod hook;
mod messages;
pub mod reading;
mod settle;

use std::time::Duration;

use futures_util::{StreamExt, stream};
use ring::digest::{SHA256, digest};
use tracing::{info, warn};

use crate::desk::{Calls, Desk};
use crate::domain::budget::Call;
use crate::domain::policy;
use crate::domain::time::Millis;
use crate::store::{Page, PollWindow, Result, Unknown};
use crate::x::Error;
use messages::Messages;

/// Pages of events read in one pass; a longer window goes on in the next.
const PAGES_MAX: usize = 100;

/// Prompts asked about in one pass.
const SHOWS_MAX: u32 = 60;

/// How far the clock must have been set back to be noticed.
const SET_BACK: Duration = Duration::from_secs(5);

/// What one account's poller remembers between passes. Losing it costs one early look.
#[derive(Debug, Default)]
pub struct Poller {
    events_at: Option<Millis>,
    messages: Messages,
}

/// One pass. When the next is wanted.
pub async fn tick(desk: &Desk, poller: &mut Poller) -> Result<Option<Millis>> {
    if let Some(paused) = desk.store.paused(desk.name()).await? {
        // The scheduler asks X about the account, and may not have come to it.
        return Ok(Some(paused.probe_at.max(desk.now()).plus(desk.limits.poll_interval)));
    }
    let now = desk.now();
    let events_at = match poller.events_at.filter(|at| *at > now && !is_set_back(*at, now, desk)) {
        Some(at) => at,
        None => events(desk).await?,
    };
    poller.events_at = Some(events_at);
    let settle_at = settle::settle(desk, &mut poller.messages).await?;
    settle::end_restore(desk).await?;
    let show_at = shows(desk).await?;
    Ok([settle_at, show_at, Some(events_at)].into_iter().flatten().min())
}

/// A clock that was set back must not put off the next look by as much.
fn is_set_back(at: Millis, now: Millis, desk: &Desk) -> bool {
    at.since(now) > desk.limits.poll_interval.max(crate::domain::budget::WINDOW)
}

/// Reads events up to the horizon. When to read on.
async fn events(desk: &Desk) -> Result<Millis> {
    let mut pages = 0;
    let mut count = 0;
    let Some(mut window) = window(desk).await? else {
        return Ok(desk.now().plus(desk.limits.poll_interval));
    };
    while pages < PAGES_MAX && !desk.stop.is_stopping() {
        let now = desk.now();
        if let Err(until) = desk.take_calls(Call::Events, 1).await? {
            return Ok(until);
        }
        let range = (window.from, window.to);
        let asked = desk.x.events(&desk.keys, range, window.cursor.as_deref(), now);
        let Some(answer) = desk.unless_stopping(asked).await else { break };
        desk.hear(Call::Events, answer.told, 0).await?;
        let page = match answer.result {
            Ok(page) => page,
            Err(error) => return failed(desk, &window, error).await,
        };
        desk.reading_trouble.over();
        pages += 1;
        count += page.updates.len();
        let next_cursor = page.next_cursor.clone();
        let unknown = page.unknown.into_iter().map(unknown).collect();
        let page = Page { updates: page.updates, unknown, next_cursor: page.next_cursor };
        desk.tell(&desk.store.fold_page(desk.name(), window.clone(), page, desk.now()).await?);
        if next_cursor.is_none() {
            info!(
                event = "poll.window_done",
                account = desk.name(),
                from = window.from.rfc3339(),
                to = window.to.rfc3339(),
                pages,
                updates = count,
                "the feedback events of account {} are read up to {}",
                desk.name(),
                window.to.rfc3339(),
            );
            return Ok(desk.now().plus(desk.limits.poll_interval));
        }
        window.cursor = next_cursor;
    }
    Ok(desk.now())
}

/// The window under way, or the next one; `None` where there is nothing new to read.
async fn window(desk: &Desk) -> Result<Option<PollWindow>> {
    let state = desk.store.poll_state(desk.name()).await?;
    // X refuses a window that ends later: its newest events are not settled.
    let to = settle::readable_to(desk);
    match state.window {
        // One that X has not begun to answer, and that ends later, was opened while our clock was
        // ahead: X would refuse it for as long.
        Some(window) if window.cursor.is_some() || window.to <= to => return Ok(Some(window)),
        Some(_) | None => {}
    }
    let from = match state.done_to {
        Some(done_to) => done_to,
        // All that surveyd can have sent came after the first close it took in.
        None => desk.store.first_close(desk.name()).await?.map_or(to, |at| at.min(to)),
    };
    let from = from.minus(desk.limits.poll_overlap);
    let to = match state.done_to {
        // Our clock was set back. X takes again what it took before, and its answer tells the time:
        // nothing else might, for while the clock is behind nothing is sent either.
        Some(done_to) if done_to.since(to) > SET_BACK => done_to,
        Some(done_to) if to <= done_to => return Ok(None),
        Some(_) | None => to,
    };
    desk.store.open_window(desk.name(), from, to).await?;
    Ok(Some(PollWindow { from, to, cursor: None }))
}

fn unknown(body: String) -> Unknown {
    let hash = digest(&SHA256, body.as_bytes());
    let digest = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    Unknown { digest, body }
}

async fn failed(desk: &Desk, window: &PollWindow, error: Error) -> Result<Millis> {
    // A cursor that X knows no longer: the window is read from its start.
    if matches!(error, Error::Request(_)) && window.cursor.is_some() {
        desk.store.open_window(desk.name(), window.from, window.to).await?;
    }
    failed_reading(desk, &error).await
}

/// What a refused reading of events means for the account. When to try again.
async fn failed_reading(desk: &Desk, error: &Error) -> Result<Millis> {
    let mut again = desk.now().plus(desk.limits.poll_interval.min(policy::RETRY_MOST));
    match error {
        Error::Limited { reset_at } => again = desk.hold(Call::Events, *reset_at).await?,
        Error::Account(words) => desk.pause(words).await?,
        Error::Clock(_) => again = desk.now().plus(policy::RETRY_FIRST),
        Error::NotNow(_) | Error::NoAnswer(_) => {
            again = again.max(desk.reading_trouble.met(desk.now()));
        }
        Error::Request(_) | Error::Person { .. } => {}
    }
    warn!(
        event = "poll.failed",
        account = desk.name(),
        "the feedback events of account {} cannot be read ({error}); tried again at {}",
        desk.name(),
        again.rfc3339(),
    );
    Ok(again)
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
