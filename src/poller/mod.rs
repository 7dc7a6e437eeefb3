//! Reads back what people answered and folds it into the store. It reads X in three ways:
//!
//! - the events of the past, in windows and page by page
//! - single prompts that are still fresh
//! - the events of the last days once more, as second looks
//!
//! [`tick`] is one bounded pass over one account. The loop belongs to the daemon. Conversations
//! between people and agents are read by [`message_stream`].

mod events;
mod evidence;
pub mod feedback_hook;
mod message_search;
pub mod message_stream;
mod pages;
mod second_looks;
mod settle;
mod shows;
mod window_reader;

use crate::domain::budget::COUNTED_FOR;
use crate::domain::time::Millis;
use crate::store::Result;
use crate::worker::AccountWorker;
use evidence::Settling;
use message_search::MessageMemory;
use shows::Shows;
use window_reader::WindowsReader;

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

/// Makes one pass. Returns when the next is wanted.
pub async fn tick(worker: &AccountWorker, poller: &mut Poller) -> Result<Option<Millis>> {
    if let Some(again_at) = worker.paused_until().await? {
        return Ok(Some(again_at));
    }
    let now = worker.now();
    let most = worker.limits.poll_interval.max(COUNTED_FOR);
    let is_ahead = |at: &Millis| at.is_ahead(now, most);
    let events_at = match poller.events_at.filter(is_ahead) {
        Some(at) => at,
        None => events::tick(worker, &mut poller.reader).await?,
    };
    poller.events_at = Some(events_at);
    let settle_at = settle::settle(worker, poller).await?;
    settle::end_restore(worker).await?;
    let show_at = shows::shows(worker, &mut poller.shows).await?;
    let looks_at = match poller.looks_at.filter(is_ahead) {
        Some(at) => Some(at),
        None => second_looks::tick(worker, &mut poller.reader, events_at).await?,
    };
    poller.looks_at = looks_at;
    Ok([settle_at, show_at, looks_at, Some(events_at)].into_iter().flatten().min())
}
