//! Closes conversations in Direct Messages that are over.
//!
//! The poller reads the messages or [`web`](crate::web) receives them. This module turns both into
//! closes and reopenings like those of any other source, and logs them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::info;

use super::{AccountIntake, CloseLog, Intake, log_cancelled};
use crate::config;
use crate::domain::direct_message::DirectMessage;
use crate::domain::id::UserId;
use crate::store::{Delivered, MessageWatch, Result, Taking, TalkOutcome};
use crate::wake::Wake;

/// One source that watches an account's messages.
#[derive(Clone)]
pub struct Talks {
    pub watch: MessageWatch,
    /// The alarm of the loop that ends conversations.
    pub wake: Arc<Wake>,
    /// True if a delivery could not be taken.
    has_missed: Arc<AtomicBool>,
    intake: Intake,
    receiver: AccountIntake,
}

impl Talks {
    /// `user_id` is the account's own id at X.
    pub fn new(
        source: &config::WatchedMessages,
        user_id: UserId,
        intake: Intake,
        receiver: AccountIntake,
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

    /// Takes delivered messages, which are durable when this returns.
    pub async fn hear(&self, messages: Vec<DirectMessage>) -> Result<()> {
        let now = self.intake.clock.now();
        let heard = self.intake.store.hear(&self.watch, messages, None, now).await;
        // X may or may not deliver these messages again.
        let heard = heard.inspect_err(|_| self.miss())?;
        self.log(&heard);
        // These messages may end a conversation before the loop looks again.
        self.wake.now();
        Ok(())
    }

    /// Records that a delivery could not be taken. The poller then reads its messages from X's
    /// lists.
    pub fn miss(&self) {
        self.has_missed.store(true, Ordering::Release);
        self.wake.now();
    }

    /// True if a delivery could not be taken since the last call.
    pub fn take_missed(&self) -> bool {
        self.has_missed.swap(false, Ordering::AcqRel)
    }

    /// Ends all conversations that are over by the messages delivered or read so far.
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

    /// Logs what the messages led to, and wakes the scheduler for surveys that wait.
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
