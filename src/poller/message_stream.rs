//! Reads an account's Direct Messages for a source that watches them. A reading goes from now back
//! to where the last one began, page by page and newest first.
//!
//! Each tick reads at most one page. The messages and the place to continue from are stored
//! together. So a reading resumes after a restart, a refusal or a spent budget. It shares X's limit
//! with [`message_search`](super::message_search), which needs several pages but rarely.

use std::time::Duration;

use tracing::warn;

use crate::domain::budget::Call;
use crate::domain::time::{Millis, Ready};
use crate::store::{Beginning, MessageReading, MessageWatch, Result, StreamPage, TalkOutcome};
use crate::worker::AccountWorker;
use crate::x::{CallResult, Error, MessagesPage, Remedy};

/// Which of X's two lists of messages is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageList {
    V1,
    V2,
}

/// How far the newest end of a reading stays behind X's clock. X may list a message a little after
/// it was made.
pub const MARGIN: Duration = Duration::from_secs(2);

/// How far each reading overlaps the last one.
const OVERLAP: Duration = Duration::from_secs(10 * 60);

/// The number of calls left to [`message_search`](super::message_search). Beyond them one call is
/// made from time to time.
const FEW: u32 = 5;

/// The least time between two such calls. It spends half of what X allows.
const APART: Duration = Duration::from_secs(2 * 60);

/// How long X lists a message (X's page of direct_messages/events/list).
const LISTED_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How long the list is left alone after X refused it.
const REFUSED_FOR: Duration = Duration::from_secs(15 * 60);

/// When X is asked for its clock again after it did not answer.
const NO_CLOCK_FOR: Duration = Duration::from_secs(60);

/// One source's progress through its account's messages. Losing it costs one early call and one log
/// line.
pub struct MessageReader {
    pub watch: MessageWatch,
    pub list: MessageList,
    /// The interval between two readings.
    pub every: Duration,
    /// How far back the very first reading goes.
    pub at_first: Duration,
    /// True if the next reading begins without waiting for its time.
    at_once: bool,
    asked_at: Option<Millis>,
    refused_until: Option<Millis>,
    /// True if the log already says that the messages cannot be read.
    is_told: bool,
}

/// The result of one tick.
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
        // Older messages cannot be read because X no longer lists them.
        let at_first = at_first.min(LISTED_FOR);
        Self { watch, list, every, at_first, at_once: false, asked_at, refused_until, is_told }
    }

    /// Makes the next reading begin without waiting for its time.
    pub fn at_once(&mut self) {
        self.at_once = true;
    }

    /// True if X does not let the account read its messages.
    pub fn is_refused(&self) -> bool {
        self.refused_until.is_some()
    }

    /// Reads one page if it is time for it.
    pub async fn tick(&mut self, worker: &AccountWorker) -> Result<Ticked> {
        if let Some(again_at) = worker.paused_until().await? {
            return Ok(Ticked::later(again_at));
        }
        let now = worker.now();
        if let Some(until) = self.refused_until.filter(|at| at.is_ahead(now, REFUSED_FOR)) {
            return Ok(Ticked::later(until));
        }
        // X's clock says how far the messages have been read.
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
            Ready::Now(reading) => {
                let is_new = reading.to == beginning.to;
                if is_new {
                    self.at_once = false;
                    self.log_gap(worker, &reading);
                }
                self.page(worker, reading).await
            }
            Ready::At(read_at) => Ok(Ticked::later(read_at)),
        }
    }

    async fn page(&mut self, worker: &AccountWorker, reading: MessageReading) -> Result<Ticked> {
        let now = worker.now();
        let call = self.call();
        let apart = self.every.max(APART);
        let soonest = self.asked_at.map_or(now, |at| at.plus(apart));
        if soonest.is_ahead(now, apart) && worker.calls_left(call).await? <= FEW {
            return Ok(Ticked::later(soonest));
        }
        if let Ready::At(free_at) = worker.take_calls(call, 1).await? {
            return Ok(Ticked::later(free_at));
        }
        self.asked_at = Some(now);
        let asked = self.ask(worker, reading.cursor.as_deref(), now);
        let Some(answer) = worker.unless_stopping(asked).await else {
            return Ok(Ticked::later(now));
        };
        worker.hear(call, answer.rate, 0).await?;
        let mut page = match answer.result {
            Ok(page) => page,
            Err(error) => return self.failed(worker, &reading, error).await.map(Ticked::later),
        };
        worker.reading_trouble.over();
        self.refused_until = None;
        self.is_told = false;
        let is_reached = page.messages.iter().any(|message| message.created_at < reading.from);
        // A page that leads to itself would never lead back to the last reading.
        let next = page.next_cursor.filter(|next| Some(next) != reading.cursor.as_ref());
        // Older messages were read before, or are useless without the other half of their
        // conversation.
        page.messages.retain(|message| message.created_at >= reading.from);
        let page_read = StreamPage { reading, next: next.filter(|_| !is_reached) };
        let (watch, now) = (&self.watch, worker.now());
        let heard = worker.store.hear(watch, page.messages, Some(page_read), now).await?;
        Ok(Ticked { heard, again_at: now })
    }

    /// Logs the messages that X no longer listed when it was asked.
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
    ) -> CallResult<MessagesPage> {
        match self.list {
            MessageList::V1 => worker.x.direct_messages(&worker.keys, cursor, now).await,
            MessageList::V2 => worker.x.dm_events(&worker.keys, cursor, now).await,
        }
    }

    /// Judges a refusal or a failure. Returns when to try again.
    async fn failed(
        &mut self,
        worker: &AccountWorker,
        reading: &MessageReading,
        error: Error,
    ) -> Result<Millis> {
        let now = worker.now();
        let remedy = Remedy::of(&error, reading.cursor.is_some());
        let again_at = match remedy {
            Remedy::HoldCalls(_) => return worker.heed(self.call(), &remedy).await,
            Remedy::LeavePlace(_) => {
                worker.store.give_up_reading(&self.watch.user_id, now).await?;
                now.plus(self.every)
            }
            // The right to read messages is not the right to prompt. So the account is not paused.
            Remedy::PauseAccount(_) | Remedy::GiveUp(_) => {
                let until = now.plus(REFUSED_FOR);
                self.refused_until = Some(until);
                until
            }
            Remedy::SignAgain | Remedy::AskLater => worker.heed(self.call(), &remedy).await?,
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
