//! Takes closes in.
//!
//! Turns a source's notice into a [`Close`] or a [`Reopening`] and judges it by the account's
//! policies. Stores the result on disk before the sender gets its answer.
//!
//! [`web`](crate::web) and the command line hand notices in, and [`spool`] reads them from files.
//! If surveyd sees only an account's messages, [`talks`] closes the conversations that are over.

pub mod message_hook;
pub mod notice;
pub mod payload;
pub mod signature;
pub mod spool;
pub mod talks;

use std::collections::HashMap;
use std::sync::Arc;

use tracing::info;

use crate::clock::{Clock, ClockOfX};
use crate::config;
use crate::domain::close::{self, Close, Reopening};
use crate::domain::id::{ConversationId, SurveyId};
use crate::domain::policy::{self, AtClose};
use crate::domain::survey::Reason;
use crate::domain::survey_type::Card;
use crate::domain::time::Millis;
use crate::store::{Result, Store, Taken};
use crate::wake::Wake;

/// Takes closes and reopenings into the store.
#[derive(Clone)]
pub struct Intake {
    pub store: Store,
    pub clock: Clock,
    /// The accounts that closes may be for. Each has the alarm of its scheduler.
    pub accounts: Arc<HashMap<String, AccountIntake>>,
    /// X's clock. `None` in a command that does not call X.
    pub x_clock: Option<Arc<ClockOfX>>,
}

/// An account as it receives closes.
#[derive(Clone)]
pub struct AccountIntake {
    pub account: Arc<config::Account>,
    pub wake: Arc<Wake>,
}

impl Intake {
    /// Takes a close, which is durable when this returns. Returns `None` if its account does not
    /// exist.
    pub async fn close(&self, close: Close) -> Result<Option<Taken>> {
        self.delivered_close(close, None).await
    }

    /// Takes a close with the sender's event id. A redelivery of that event changes nothing.
    pub async fn delivered_close(
        &self,
        mut close: Close,
        event_id: Option<String>,
    ) -> Result<Option<Taken>> {
        let Some(receiver) = self.accounts.get(&close.account) else { return Ok(None) };
        let now = self.clock.now();
        // Every close passes here whatever its source, except those of Direct Messages.
        close.notice = close.notice.within_bounds();
        // Our clock may have been set ahead. A close is therefore too late only if X's clock
        // agrees, as far as it is known. The scheduler checks each close again before it sends a
        // prompt.
        let (at_close, card) = receiver.judge(&close, self.earliest(now));
        // If the last close of this conversation was cancelled, this may be its next one. In that
        // case, it closed just now.
        let if_next = (close.precision != close::Precision::Exact).then(|| {
            let next = Close { closed_at: now, ..close.clone() };
            receiver.judge(&next, self.earliest(now)).0
        });
        let told = CloseLog::of(&close);
        let taken = self.store.take_close(close, (at_close, if_next), card, event_id, now).await?;
        told.taken(&taken);
        receiver.wake_for(&taken);
        Ok(Some(taken))
    }

    /// Returns the earliest instant that it may be now by our clock and X's. Also returns whether a
    /// survey may end by that instant. Until X has answered once, only our clock counts.
    pub fn earliest(&self, now: Millis) -> (Millis, bool) {
        let Some(x_clock) = self.x_clock.as_ref().filter(|x| x.is_heard()) else {
            return (now, true);
        };
        (Millis(now.0.saturating_add(x_clock.earliest(now))), x_clock.is_settled(now))
    }

    /// Reads what a source says as of now by our clock. If that fails and X's clock differs, reads
    /// it as of X's clock.
    ///
    /// An instant that is in the future by our clock alone may have passed. A request that is too
    /// old by our clock alone may have been sent just now.
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

    /// Takes a reopening, which is durable when this returns. Returns the survey that it cancelled,
    /// if any.
    pub async fn reopening(&self, reopening: Reopening) -> Result<Option<SurveyId>> {
        self.delivered_reopening(reopening, None).await
    }

    /// Takes a reopening with the sender's event id. A redelivery of that event changes nothing.
    pub async fn delivered_reopening(
        &self,
        reopening: Reopening,
        event_id: Option<String>,
    ) -> Result<Option<SurveyId>> {
        let (account, conversation_id) =
            (reopening.account.clone(), reopening.conversation_id.clone());
        let now = self.clock.now();
        let (cancelled, is_new) = self.store.take_reopening(reopening, event_id, now).await?;
        if let Some(id) = cancelled.as_ref().filter(|_| is_new) {
            log_cancelled(&account, &conversation_id, id);
        }
        Ok(cancelled)
    }
}

impl AccountIntake {
    /// Decides the survey of a close as far as it is known now. Also returns what its card shows.
    pub fn judge(&self, close: &Close, (now, is_certain): (Millis, bool)) -> (AtClose, Card) {
        let chosen = self.account.chosen(&close.source, close.user_id.as_ref(), &close.notice);
        let at_close = policy::at_close(close, &chosen.rules(), now, is_certain);
        let card = Card {
            kind: chosen.kind(),
            question_variant_id: chosen.question_variant_id(),
            test: chosen.test(),
        };
        (at_close, card)
    }

    /// Wakes the account's scheduler for a scheduled survey.
    fn wake_for(&self, taken: &Taken) {
        if taken.state == "scheduled" {
            self.wake.due(taken.due_at);
        }
    }
}

/// Logs the outcome of a close.
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
        // Of whoever was erased no id is written down again.
        let is_forgotten = taken.reason.as_deref() == Some(Reason::Forgotten.as_str());
        let conversation_id = if is_forgotten { "" } else { self.conversation_id.as_str() };
        let tell = |event: &'static str, what: &str| {
            info!(
                event,
                account = self.account,
                source = self.source,
                survey_id = taken.survey_id.as_str(),
                conversation_id,
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
            "suppressed" => {
                let reason = taken.reason.as_deref().unwrap_or_default();
                tell("survey.suppressed", &format!("suppressed ({reason}): survey"));
            }
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
