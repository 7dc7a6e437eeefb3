//! The sources that watch an account's Direct Messages: read again and again, and ended what is
//! over.

use std::time::Duration;

use super::faults::{leave, or_after_fault};
use crate::config::{MessageStream, WatchedMessages};
use crate::domain::time::Millis;
use crate::poller::message_stream::{MARGIN, MessageList, MessageReader};
use crate::store::{Delivered, Result};
use crate::watcher::talks::Talks;
use crate::worker::AccountWorker;

/// How late X may deliver a message that counts as delivered in time. One that comes later still
/// calls the survey off, as long as that waits.
const DELIVERED_WITHIN: Duration = Duration::from_secs(30);

/// How soon after the first look the address that X delivers to is open.
const OPEN_WITHIN: Duration = Duration::from_secs(3);

/// How much further back than a prompt could still be sent the very first reading goes, to know the
/// talks from their beginnings.
const BEGUN_WITHIN: Duration = Duration::from_secs(24 * 60 * 60);

/// Watches until the word to stop.
pub async fn run(mut watch: RunningWatch) {
    let (clock, stop) = (watch.worker.clock.clone(), watch.worker.stop.clone());
    while !stop.is_stopping() {
        watch.talks.wake.listen(&clock);
        let next = watch.look().await;
        let next = or_after_fault(&watch.worker, next, "reading messages");
        watch.talks.wake.wait(next, &clock, &stop).await;
    }
    leave(&watch.worker, "reading messages");
}

/// One source at work.
pub struct RunningWatch {
    worker: AccountWorker,
    talks: Talks,
    reader: MessageReader,
    /// X delivers messages; what is read is only what was lost on the way.
    is_delivered: bool,
    /// Since when, by X's clock, all is taken that is delivered; what was said before is read.
    heard_since: Option<Millis>,
    /// When the lists hold what was said before then, by X's clock; nothing: it has been read, or
    /// is being read.
    readable_at: Option<Millis>,
    /// Whether the first reading may begin: the address has been open for long enough.
    is_open: bool,
}

impl RunningWatch {
    pub fn new(worker: AccountWorker, talks: Talks, source: &WatchedMessages) -> Self {
        let list = match source.stream {
            MessageStream::V1 | MessageStream::Webhook => MessageList::V1,
            MessageStream::V2 => MessageList::V2,
        };
        let is_delivered = source.stream == MessageStream::Webhook;
        let at_first = worker.account.longest_expire_after() + source.after + BEGUN_WITHIN;
        let reader = MessageReader::new(talks.watch.clone(), list, source.every, at_first);
        let (heard_since, readable_at, is_open) = (None, None, !is_delivered);
        Self { worker, talks, reader, is_delivered, heard_since, readable_at, is_open }
    }

    /// Reads what there is to read, and ends what is over. When to look again.
    pub async fn look(&mut self) -> Result<Option<Millis>> {
        let readable_at = match self.is_delivered {
            true => self.listen().await?,
            false => None,
        };
        if !self.is_open && readable_at.is_some() {
            return Ok(readable_at);
        }
        let read = self.reader.tick(&self.worker).await?;
        self.talks.log(&read.heard);
        let delivered = self.delivered().await?;
        self.talks.end(delivered).await?;
        let ends_at = match delivered {
            Some(delivered) => {
                self.worker.store.next_talk_end(&self.talks.watch, delivered).await?
            }
            None => None,
        };
        let ends_at = ends_at.map(|at| self.worker.wait_until(at.plus(DELIVERED_WITHIN)));
        Ok(ends_at.into_iter().chain([read.again_at]).chain(readable_at).min())
    }

    /// Notes since when nothing has been missed, and has what was said before read, once the lists
    /// hold it. When that is, where they may not hold it yet.
    ///
    /// Whatever is missed puts nothing off: neither the readings that come at their time, nor the
    /// one that an earlier miss has led to.
    async fn listen(&mut self) -> Result<Option<Millis>> {
        if self.talks.take_missed() {
            self.heard_since = None;
        }
        self.worker.ask_the_time().await?;
        // X's clock says until when.
        if self.worker.clock_apart().is_none() {
            return Ok(None);
        }
        let now = self.worker.x_now_to_ask();
        if self.heard_since.is_none() {
            self.readable_at.get_or_insert(now.plus(OPEN_WITHIN).plus(MARGIN));
        }
        let since = *self.heard_since.get_or_insert(now.plus(OPEN_WITHIN));
        let Some(readable_at) = self.readable_at else { return Ok(None) };
        // X's clock may have been set back since.
        let is_ahead = readable_at > now.plus(OPEN_WITHIN).plus(MARGIN);
        if now < readable_at && !is_ahead {
            return Ok(Some(self.worker.wait_until(readable_at)));
        }
        // What was said while nobody listened is not delivered again.
        self.reader.at_once();
        self.is_open = true;
        // Something was missed since: that is for the reading after this one.
        self.readable_at = Some(since.plus(MARGIN)).filter(|at| now < *at && !is_ahead);
        Ok(self.readable_at.map(|at| self.worker.wait_until(at)))
    }

    /// What has been delivered; `None` where nothing is, or where what was said before this process
    /// listened is still to be read.
    async fn delivered(&mut self) -> Result<Option<Delivered>> {
        let Some(since) = self.heard_since.filter(|_| self.is_delivered) else { return Ok(None) };
        let to = self.worker.x_now_to_ask().minus(DELIVERED_WITHIN);
        let RunningWatch { worker, talks, reader, .. } = self;
        let stream = worker.store.stream(&talks.watch.user_id).await?;
        if stream.heard_to.is_some_and(|to| to >= since) {
            return Ok(Some(Delivered { from: None, to }));
        }
        // What was said before is not to be had: talks that were under way then stay open.
        Ok(reader.is_refused().then_some(Delivered { from: Some(since), to }))
    }
}
