//! Reads an account's Direct Messages for a source that watches them: from now back to where the
//! last reading began, page by page, the newest first.
//!
//! Each tick reads at most one page, and what it holds is in the store with the place to go on at.
//! A reading that a restart, a refusal or a spent budget breaks off goes on where it was. It shares
//! X's limit with [`messages`](super::message_search), which needs it rarely and then for several
//! pages.

use std::time::Duration;

use tracing::warn;

use crate::domain::budget::Call;
use crate::domain::time::Millis;
use crate::store::{Beginning, MessageReading, MessageWatch, Result, StreamPage, TalkOutcome};
use crate::worker::AccountWorker;
use crate::x::{Answer, Error, MessagesPage};

/// By which of X's two lists messages are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageList {
    V1,
    V2,
}

/// X may list a message a little after it was made, and each page is asked for after the last.
pub const MARGIN: Duration = Duration::from_secs(2);

/// How far each reading goes back into the last.
const OVERLAP: Duration = Duration::from_secs(10 * 60);

/// So many calls are left to [`messages`](super::message_search), but for one from time to time.
const FEW: u32 = 5;

/// From one of those to the next at the least: half of what X allows.
const APART: Duration = Duration::from_secs(2 * 60);

/// What X lists: an older message can be had no more (X's page of direct_messages/events/list).
const LISTED_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// When X, having refused the list, is asked for it again.
const REFUSED_FOR: Duration = Duration::from_secs(15 * 60);

/// When X's clock is asked for again, where X does not answer.
const NO_CLOCK_FOR: Duration = Duration::from_secs(60);

/// One source's way through its account's messages. Losing it costs one early call, one line of
/// log.
pub struct MessageReader {
    pub watch: MessageWatch,
    pub list: MessageList,
    /// From one reading to the next.
    pub every: Duration,
    /// How far the very first goes back.
    pub at_first: Duration,
    /// The next to begin does not wait for its time.
    at_once: bool,
    asked_at: Option<Millis>,
    refused_until: Option<Millis>,
    /// It has been said that they cannot be read.
    is_told: bool,
}

/// What a tick came to.
#[derive(Debug, Default)]
pub struct Ticked {
    pub heard: TalkOutcome,
    /// When to tick again.
    pub again_at: Millis,
}

impl Ticked {
    fn later(again_at: Millis) -> Self {
        Self { heard: TalkOutcome::default(), again_at }
    }
}

impl MessageReader {
    pub fn new(
        watch: MessageWatch,
        list: MessageList,
        every: Duration,
        at_first: Duration,
    ) -> Self {
        let (asked_at, refused_until, is_told) = (None, None, false);
        // What X lists no longer cannot be read.
        let at_first = at_first.min(LISTED_FOR);
        Self { watch, list, every, at_first, at_once: false, asked_at, refused_until, is_told }
    }

    /// From now on the next reading does not wait until it is time for it.
    pub fn at_once(&mut self) {
        self.at_once = true;
    }

    /// Whether X does not let the account read its messages.
    pub fn is_refused(&self) -> bool {
        self.refused_until.is_some()
    }

    /// Reads one page, where it is time for it.
    pub async fn tick(&mut self, worker: &AccountWorker) -> Result<Ticked> {
        if let Some(paused) = worker.store.paused(worker.name()).await? {
            // The scheduler asks X about the account.
            let again_at = paused.probe_at.max(worker.now()).plus(worker.limits.poll_interval);
            return Ok(Ticked::later(again_at));
        }
        let now = worker.now();
        // A clock that was set back must not put it off by as much.
        let refused = self.refused_until.filter(|at| now < *at && *at <= now.plus(REFUSED_FOR));
        if let Some(until) = refused {
            return Ok(Ticked::later(until));
        }
        // Until when messages have been heard is told by X's clock.
        worker.ask_the_time().await?;
        if worker.clock_apart().is_none() {
            return Ok(Ticked::later(worker.now().plus(NO_CLOCK_FOR)));
        }
        let beginning = Beginning {
            to: worker.x_now_to_ask().minus(MARGIN),
            at_first: self.at_first,
            overlap: OVERLAP,
            every: self.every,
            at_once: self.at_once,
        };
        match worker.store.begin_reading(&self.watch.user_id, beginning, now).await? {
            Ok(reading) => {
                let is_new = reading.to == beginning.to;
                if is_new {
                    self.at_once = false;
                    self.log_gap(worker, &reading);
                }
                self.page(worker, reading).await
            }
            Err(read_at) => Ok(Ticked::later(read_at)),
        }
    }

    async fn page(&mut self, worker: &AccountWorker, reading: MessageReading) -> Result<Ticked> {
        let now = worker.now();
        let call = self.call();
        let apart = self.every.max(APART);
        let soonest = self.asked_at.map_or(now, |at| at.plus(apart));
        if now < soonest && soonest <= now.plus(apart) && worker.calls_left(call).await? <= FEW {
            return Ok(Ticked::later(soonest));
        }
        if let Err(free_at) = worker.take_calls(call, 1).await? {
            return Ok(Ticked::later(free_at));
        }
        self.asked_at = Some(now);
        let asked = self.ask(worker, reading.cursor.as_deref(), now);
        let Some(answer) = worker.unless_stopping(asked).await else {
            return Ok(Ticked::later(now));
        };
        worker.hear(call, answer.told, 0).await?;
        let mut page = match answer.result {
            Ok(page) => page,
            Err(error) => return self.failed(worker, &reading, error).await.map(Ticked::later),
        };
        worker.reading_trouble.over();
        self.refused_until = None;
        self.is_told = false;
        let is_reached = page.messages.iter().any(|message| message.created_at < reading.from);
        // The same page for ever would be no way back.
        let next = page.next_cursor.filter(|next| Some(next) != reading.cursor.as_ref());
        // What is older was heard before, or is of no use without the half of its talk.
        page.messages.retain(|message| message.created_at >= reading.from);
        let page_read = StreamPage { reading, next: next.filter(|_| !is_reached) };
        let (watch, now) = (&self.watch, worker.now());
        let heard = worker.store.hear(watch, page.messages, Some(page_read), now).await?;
        Ok(Ticked { heard, again_at: now })
    }

    /// Says what X cannot have listed any more by the time it is asked.
    fn log_gap(&self, worker: &AccountWorker, reading: &MessageReading) {
        let listed_from = reading.to.minus(LISTED_FOR);
        if reading.from < listed_from {
            warn!(
                event = "poll.gap",
                account = worker.name(),
                source = self.watch.source,
                from = reading.from.rfc3339(),
                to = listed_from.rfc3339(),
                "what was said to account {} from {} to {} is lost to source {}: X lists the \
                 Direct Messages of 30 days",
                worker.name(),
                reading.from.rfc3339(),
                listed_from.rfc3339(),
                self.watch.source,
            );
        }
    }

    fn call(&self) -> Call {
        match self.list {
            MessageList::V1 => Call::DirectMessages,
            MessageList::V2 => Call::DmEvents,
        }
    }

    async fn ask(
        &self,
        worker: &AccountWorker,
        cursor: Option<&str>,
        now: Millis,
    ) -> Answer<MessagesPage> {
        match self.list {
            MessageList::V1 => worker.x.direct_messages(&worker.keys, cursor, now).await,
            MessageList::V2 => worker.x.dm_events(&worker.keys, cursor, now).await,
        }
    }

    /// What a refusal means. When to try again.
    async fn failed(
        &mut self,
        worker: &AccountWorker,
        reading: &MessageReading,
        error: Error,
    ) -> Result<Millis> {
        let now = worker.now();
        let again_at = match &error {
            Error::Limited { reset_at } => return worker.hold(self.call(), *reset_at).await,
            // A cursor that X knows no longer: the reading begins anew.
            Error::Request(_) if reading.cursor.is_some() => {
                worker.store.give_up_reading(&self.watch.user_id, now).await?;
                now.plus(self.every)
            }
            // The right to read messages is not the right to prompt: the account is not paused.
            Error::Account(_) | Error::Request(_) | Error::Person { .. } => {
                let until = now.plus(REFUSED_FOR);
                self.refused_until = Some(until);
                until
            }
            Error::Clock(_) => now,
            Error::NotNow(_) | Error::NoAnswer(_) => worker.reading_trouble.met(now),
        };
        if !std::mem::replace(&mut self.is_told, true) {
            warn!(
                event = "poll.failed",
                account = worker.name(),
                source = self.watch.source,
                "source {} cannot read the Direct Messages of account {} ({error}): what is over \
                 there is closed once it can; tried again at {}",
                self.watch.source,
                worker.name(),
                again_at.rfc3339(),
            );
        }
        Ok(again_at)
    }
}
