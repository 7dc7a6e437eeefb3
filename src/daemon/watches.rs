//! Runs the sources that watch an account's Direct Messages. It reads the messages repeatedly and
//! closes the conversations that are over.

use std::time::Duration;

use super::faults::{leave, or_after_fault};
use crate::config::{MessageStream, WatchedMessages};
use crate::domain::time::Millis;
use crate::poller::message_stream::{MARGIN, MessageList, MessageReader};
use crate::store::{Delivered, Result};
use crate::watcher::talks::Talks;
use crate::worker::AccountWorker;

/// How late X may deliver a message that still counts as in time. A later message still cancels the
/// survey while that waits.
const DELIVERED_WITHIN: Duration = Duration::from_secs(30);

/// How soon after the first look the address that X delivers to is open.
const OPEN_WITHIN: Duration = Duration::from_secs(3);

/// How much further the first reading goes back beyond the time in which a prompt can still be
/// sent. It finds the beginnings of conversations there.
const BEGUN_WITHIN: Duration = Duration::from_secs(24 * 60 * 60);

/// Watches until the stop signal.
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
    /// True if X delivers the messages. Then only messages that were lost on the way are read.
    is_delivered: bool,
    /// The instant by X's clock since which every delivered message has been taken in. Earlier
    /// messages are read.
    heard_since: Option<Millis>,
    /// The instant by X's clock at which the lists hold all that was said before `heard_since`.
    /// `None` if that has been read or is being read.
    readable_at: Option<Millis>,
    /// True if the first reading may begin, because the address has been open for long enough.
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

    /// Reads new messages and closes conversations that are over. Returns when to look again.
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

    /// Notes since when no delivery was missed. Once the lists hold all that was said before, it
    /// has that read. Returns when the lists will hold it, if they may not hold it yet.
    ///
    /// A missed delivery delays neither the regular readings nor the one that an earlier miss has
    /// caused.
    async fn listen(&mut self) -> Result<Option<Millis>> {
        if self.talks.take_missed() {
            self.heard_since = None;
        }
        self.worker.ask_the_time().await?;
        // X's clock decides up to when messages are read.
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
        if readable_at.is_ahead(now, OPEN_WITHIN + MARGIN) {
            return Ok(Some(self.worker.wait_until(readable_at)));
        }
        // X does not deliver again what was said while nobody listened.
        self.reader.at_once();
        self.is_open = true;
        // A delivery missed since then is left to the reading after this one.
        self.readable_at = Some(since.plus(MARGIN)).filter(|at| now < *at && readable_at <= now);
        Ok(self.readable_at.map(|at| self.worker.wait_until(at)))
    }

    /// Returns the stretch in which all messages have been delivered. `None` if X delivers none to
    /// this source. It is also `None` while earlier messages are still to be read.
    async fn delivered(&mut self) -> Result<Option<Delivered>> {
        let Some(since) = self.heard_since.filter(|_| self.is_delivered) else { return Ok(None) };
        let to = self.worker.x_now_to_ask().minus(DELIVERED_WITHIN);
        let RunningWatch { worker, talks, reader, .. } = self;
        let stream = worker.store.stream(&talks.watch.user_id).await?;
        if stream.heard_to.is_some_and(|to| to >= since) {
            return Ok(Some(Delivered { from: None, to }));
        }
        // Earlier messages cannot be read. Conversations that were under way then stay open.
        Ok(reader.is_refused().then_some(Delivered { from: Some(since), to }))
    }
}
