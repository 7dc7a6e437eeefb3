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
mod shows;
mod windows;

use crate::desk::{AccountWorker, asked_again_at};
use crate::domain::time::Millis;
use crate::store::Result;
use evidence::Settling;
use messages::MessageMemory;
use shows::Shows;
use windows::WindowsReader;

/// What one account's poller remembers between passes. Losing it costs one early look.
#[derive(Debug, Default)]
pub struct Poller {
    events_at: Option<Millis>,
    looks_at: Option<Millis>,
    reader: WindowsReader,
    settling: Settling,
    messages: MessageMemory,
    shows: Shows,
}

/// One pass. When the next is wanted.
pub async fn tick(desk: &AccountWorker, poller: &mut Poller) -> Result<Option<Millis>> {
    if let Some(paused) = desk.store.paused(desk.name()).await? {
        // The scheduler asks X about the account, and may not have come to it.
        let asked_at = asked_again_at(&paused, desk.now()).max(desk.now());
        return Ok(Some(asked_at.plus(desk.limits.poll_interval)));
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
    let show_at = shows::shows(desk, &mut poller.shows).await?;
    let looks_at = match poller.looks_at.filter(is_ahead) {
        Some(at) => Some(at),
        None => looks::tick(desk, &mut poller.reader, events_at).await?,
    };
    poller.looks_at = looks_at;
    Ok([settle_at, show_at, looks_at, Some(events_at)].into_iter().flatten().min())
}

/// A clock that was set back must not put off the next look by as much.
fn is_set_back(at: Millis, now: Millis, desk: &AccountWorker) -> bool {
    at.since(now) > desk.limits.poll_interval.max(crate::domain::budget::WINDOW)
}
