//! Takes closes in: a source's notice becomes a [`Close`] or a [`Reopening`], is decided upon, and
//! is on the disk before its sender is answered.
//!
//! [`web`](crate::web) and the command line hand notices in; those in files are fetched by
//! [`spool`]. Where only an account's messages are seen, [`talks`] closes what is over.

pub mod mapped;
pub mod notice;
pub mod spool;
pub mod talks;
pub mod verify;
pub mod x_hook;

use std::collections::HashMap;
use std::sync::Arc;

use tracing::info;

use crate::clock::{Clock, ClockOfX};
use crate::config;
use crate::domain::close::{self, Close, Reopening};
use crate::domain::id::{ConversationId, SurveyId};
use crate::domain::policy::{self, AtClose};
use crate::domain::survey_type::SurveyType;
use crate::domain::time::Millis;
use crate::store::{Result, Store, Taken};
use crate::wake::Wake;

/// Where closes go in.
#[derive(Clone)]
pub struct Intake {
    pub store: Store,
    pub clock: Clock,
    /// The accounts that closes may be for, and the alarm of each one's scheduler.
    pub accounts: Arc<HashMap<String, Receiver>>,
    /// X's clock, where somebody hears of it.
    pub x_clock: Option<Arc<ClockOfX>>,
}

/// An account on its receiving side.
#[derive(Clone)]
pub struct Receiver {
    pub account: Arc<config::Account>,
    pub wake: Arc<Wake>,
}

impl Intake {
    /// Takes a close; durable when this returns. `None`: there is no such account.
    pub async fn close(&self, close: Close) -> Result<Option<Taken>> {
        self.delivered_close(close, None).await
    }

    /// The same, by the sender's event id: delivered again, it changes nothing.
    pub async fn delivered_close(
        &self,
        mut close: Close,
        event_id: Option<String>,
    ) -> Result<Option<Taken>> {
        let Some(receiver) = self.accounts.get(&close.account) else { return Ok(None) };
        let now = self.clock.now();
        // Every close but one of messages comes this way, whoever tells it.
        close.notice = close.notice.within_bounds();
        // Too late only by X's clock as well, where it is known: ours may have been set ahead. What
        // is taken in is looked at again before it is sent, and ended then.
        let (at_close, kind) = receiver.judge(&close, self.earliest(now));
        // Should it be the next close of a conversation whose last one was called off, it closed
        // just now.
        let if_next = (close.precision != close::Precision::Exact).then(|| {
            let next = Close { closed_at: now, ..close.clone() };
            receiver.judge(&next, self.earliest(now)).0
        });
        let told = CloseLog::of(&close);
        let taken = self
            .store
            .take_delivered_close(close, (at_close, if_next), kind, event_id, now)
            .await?;
        told.taken(&taken);
        receiver.wake_for(&taken);
        Ok(Some(taken))
    }

    /// The earliest instant that it may be now, by our clock and by all that is known of X's, and
    /// whether anything may end by it. Until X has been heard, ours is all that there is.
    pub fn earliest(&self, now: Millis) -> (Millis, bool) {
        let Some(x_clock) = self.x_clock.as_ref().filter(|x| x.is_heard()) else {
            return (now, true);
        };
        (Millis(now.0.saturating_add(x_clock.earliest(now))), x_clock.is_settled(now))
    }

    /// Reads what a source says as of now by our clock, and, where that refuses it and X's clock
    /// stands elsewhere, as of X's: what lies ahead of ours alone may have happened, and what is
    /// too old by ours alone was sent just now.
    pub fn by_either_clock<T, E>(
        &self,
        now: Millis,
        read: impl Fn(Millis) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let apart = self.x_clock.as_ref().map_or([0, 0], |x| [x.latest(now), x.earliest(now)]);
        read(now).or_else(|faults| {
            let apart = apart.into_iter().filter(|apart| *apart != 0);
            let by_x = apart.map(|apart| read(Millis(now.0.saturating_add(apart))));
            by_x.filter_map(Result::ok).next().ok_or(faults)
        })
    }

    /// Takes a reopening; durable when this returns. The survey it called off, if any.
    pub async fn reopening(&self, reopening: Reopening) -> Result<Option<SurveyId>> {
        self.delivered_reopening(reopening, None).await
    }

    /// The same, by the sender's event id: delivered again, it changes nothing.
    pub async fn delivered_reopening(
        &self,
        reopening: Reopening,
        event_id: Option<String>,
    ) -> Result<Option<SurveyId>> {
        let (account, conversation_id) =
            (reopening.account.clone(), reopening.conversation_id.clone());
        let now = self.clock.now();
        let (cancelled, is_new) =
            self.store.take_delivered_reopening(reopening, event_id, now).await?;
        if let Some(id) = cancelled.as_ref().filter(|_| is_new) {
            log_cancelled(&account, &conversation_id, id);
        }
        Ok(cancelled)
    }
}

impl Receiver {
    /// Decides what is known at once of the survey that a close makes, and what it will ask.
    pub fn judge(
        &self,
        close: &Close,
        (now, is_certain): (Millis, bool),
    ) -> (AtClose, (SurveyType, u32, bool)) {
        let chosen = self.account.chosen(&close.source, close.user_id.as_ref(), &close.notice);
        let at_close = policy::at_close(close, &chosen.rules(), now, is_certain);
        (at_close, (chosen.kind(), chosen.question_variant_id(), chosen.test()))
    }

    /// Rings the account's scheduler for a survey that waits.
    fn wake_for(&self, taken: &Taken) {
        if taken.state == "scheduled" {
            self.wake.due(taken.due_at);
        }
    }
}

/// Says in the log what became of a close.
struct CloseLog {
    account: String,
    source: String,
    conversation_id: ConversationId,
}

impl CloseLog {
    fn of(close: &Close) -> Self {
        Self {
            account: close.account.clone(),
            source: close.source.clone(),
            conversation_id: close.conversation_id.clone(),
        }
    }

    fn taken(&self, taken: &Taken) {
        let due_at = taken.due_at.rfc3339();
        let tell = |event: &'static str, what: &str| {
            info!(
                event,
                account = self.account,
                source = self.source,
                survey_id = taken.survey_id.as_str(),
                conversation_id = self.conversation_id.as_str(),
                reason = taken.reason,
                due_at,
                "{what} {}",
                taken.survey_id
            );
        };
        if !taken.is_new {
            tell("close.duplicate", "a close of a conversation that is known: survey");
            return;
        }
        tell("close.accepted", "a close is taken in: survey");
        match taken.state {
            "scheduled" => tell("survey.scheduled", "scheduled: survey"),
            "suppressed" => tell("survey.suppressed", "suppressed: survey"),
            "cancelled" => {
                tell("survey.cancelled", "cancelled, for the conversation went on: survey");
            }
            "expired" => tell("survey.expired", "expired, for it closed too long ago: survey"),
            _ => {}
        }
    }
}

fn log_cancelled(account: &str, conversation_id: &ConversationId, id: &SurveyId) {
    info!(
        event = "survey.cancelled",
        account,
        survey_id = id.as_str(),
        conversation_id = conversation_id.as_str(),
        reason = "reopened",
        "survey {id} is cancelled: the conversation goes on",
    );
}
