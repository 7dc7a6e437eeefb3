//! Closes talks by Direct Messages that are over: the taking side of a source that watches them.
//!
//! Messages are fetched by the poller or delivered to [`web`](crate::web); this makes of both what
//! every other source makes of a notice, and says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::info;

use super::{CloseLog, Intake, Receiver, log_cancelled};
use crate::config;
use crate::domain::direct_message::DirectMessage;
use crate::domain::id::UserId;
use crate::store::{Delivered, MessageWatch, Result, Taking, TalkOutcome};
use crate::wake::Wake;

/// One source that watches an account's messages.
#[derive(Clone)]
pub struct Talks {
    pub watch: MessageWatch,
    /// The alarm of the loop that ends talks.
    pub wake: Arc<Wake>,
    /// A delivery could not be taken.
    has_missed: Arc<AtomicBool>,
    intake: Intake,
    receiver: Receiver,
}

impl Talks {
    /// `user_id`: the account's own id at X.
    pub fn new(
        source: &config::WatchedMessages,
        user_id: UserId,
        intake: Intake,
        receiver: Receiver,
    ) -> Self {
        let (judging, judged_by) = (receiver.clone(), intake.clone());
        let watch = MessageWatch {
            source: source.name.clone(),
            account: source.account.clone(),
            user_id,
            after: source.after,
            stop_words: source.stop_words.clone(),
            judge: Arc::new(move |close, now| judging.judge(close, judged_by.earliest(now))),
        };
        let wake = Arc::new(Wake::of(intake.store.is_shared()));
        Self { watch, wake, has_missed: Arc::default(), intake, receiver }
    }

    /// Takes messages that were delivered; durable when this returns.
    pub async fn hear(&self, messages: Vec<DirectMessage>) -> Result<()> {
        let now = self.intake.clock.now();
        let heard = self.intake.store.hear(&self.watch, messages, None, now).await;
        // X delivers it again, or does not.
        let heard = heard.inspect_err(|_| self.miss())?;
        self.log(&heard);
        // What was said may end sooner than the loop looks.
        self.wake.now();
        Ok(())
    }

    /// Notes that a delivery could not be taken: what it held is read from the lists.
    pub fn miss(&self) {
        self.has_missed.store(true, Ordering::Release);
        self.wake.now();
    }

    /// Whether a delivery could not be taken since this was asked last.
    pub fn take_missed(&self) -> bool {
        self.has_missed.swap(false, Ordering::AcqRel)
    }

    /// Ends all talks that are over, as far as messages have been delivered or read.
    pub async fn end(&self, delivered: Option<Delivered>) -> Result<()> {
        loop {
            let now = self.intake.clock.now();
            let heard = self.intake.store.end_talks(&self.watch, delivered, now).await?;
            self.log(&heard);
            if !heard.is_more {
                return Ok(());
            }
        }
    }

    /// Says what messages have led to, and rings for what is due.
    pub fn log(&self, heard: &TalkOutcome) {
        let (source, account) = (self.watch.source.as_str(), self.watch.account.as_str());
        for person in &heard.stopped {
            info!(
                event = "person.opted_out",
                account,
                source,
                user_id = person.as_str(),
                "person {person} has asked account {account} for no more prompts",
            );
        }
        for taking in &heard.turns {
            match taking {
                Taking::Closed { close, taken } => {
                    CloseLog::of(close).taken(taken);
                    self.receiver.wake_for(taken);
                }
                Taking::Reopened { conversation_id, cancelled: Some(id) } => {
                    log_cancelled(account, conversation_id, id);
                }
                Taking::Reopened { cancelled: None, .. } => {}
            }
        }
    }
}
