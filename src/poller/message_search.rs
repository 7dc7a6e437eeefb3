//! Reads the account's Direct Messages before a prompt is taken for unsent.
//!
//! If X has no feedback for a request, that proves that no card went out. X might still have sent
//! the message and made no feedback for it. Only X's list of messages shows that.
//!
//! So the list is a second witness. It can keep a prompt from being sent again and never leads to a
//! send. For that reason a failure to read it holds up nothing else and pauses no account. An
//! account may lack the right to read messages and does not need it.

use std::time::Duration;

use tracing::warn;

use crate::domain::budget::{COUNTED_FOR, Call};
use crate::domain::direct_message::DirectMessage;
use crate::domain::time::{Millis, Ready};
use crate::store::Result;
use crate::worker::AccountWorker;
use crate::x::{Error, Remedy};

/// The most pages of one reading. X allows 15 calls in 15 minutes.
const PAGES_MAX: usize = 10;

/// The longest wait for a spent budget.
const WAIT_MOST: Duration = COUNTED_FOR;

/// The wait is at most this fraction of the wait for X's events. That keeps it short beside it.
const PART_OF_HORIZON: u32 = 60;

/// How long the list is left alone after X refused it.
const REFUSED_FOR: Duration = Duration::from_secs(60 * 60);

/// How long the list is left alone after a failure. Failures must not use the calls up.
const FAILED_FOR: Duration = Duration::from_secs(5 * 60);

/// What is remembered between readings. Losing it costs one wait, one refused call and one log
/// line.
#[derive(Debug, Default)]
pub struct MessageMemory {
    /// The end of the wait for a spent budget.
    waits_until: Option<Millis>,
    refused_until: Option<Millis>,
    /// True if the log already says that the messages cannot be read.
    is_told: bool,
}

impl MessageMemory {
    /// Returns when the wait for a spent budget ends, if there is one.
    pub async fn waits(&self, worker: &AccountWorker) -> Result<Option<Millis>> {
        let now = worker.now();
        let Some(end) = self.waits_until.filter(|end| now < *end) else { return Ok(None) };
        let free_at = worker.calls_free_at(Call::DirectMessages).await?;
        Ok(free_at.map(|at| at.min(end).min(now.plus(WAIT_MOST))))
    }

    /// Ends the wait because no survey needs the calls any more.
    pub fn end_wait(&mut self) {
        self.waits_until = None;
    }

    /// Returns all readable messages made since `since` by X's clock. [`Ready::At`] is when
    /// to ask again.
    pub async fn read(
        &mut self,
        worker: &AccountWorker,
        since: Millis,
    ) -> Result<Ready<Vec<DirectMessage>>> {
        let mut messages = Vec::new();
        let now = worker.now();
        if self.refused_until.is_some_and(|at| at.is_ahead(now, REFUSED_FOR)) {
            return Ok(Ready::Now(messages));
        }
        let mut cursor: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let now = worker.now();
            if worker.stop.is_stopping() {
                return Ok(Ready::At(now));
            }
            if let Ready::At(free_at) = worker.take_calls(Call::DirectMessages, 1).await? {
                let most = WAIT_MOST.min(worker.limits.events_horizon / PART_OF_HORIZON);
                if let Some(until) = self.wait(free_at, now, most) {
                    return Ok(Ready::At(until));
                }
                self.log(worker, "X's limit of such calls is reached");
                return Ok(Ready::Now(messages));
            }
            self.end_wait();
            let asked = worker.x.direct_messages(&worker.keys, cursor.as_deref(), worker.now());
            let Some(answer) = worker.unless_stopping(asked).await else {
                return Ok(Ready::At(now));
            };
            worker.hear(Call::DirectMessages, answer.rate, 0).await?;
            let page = match answer.result {
                Ok(page) => page,
                Err(error) => {
                    self.refused(worker, &error).await?;
                    return Ok(Ready::Now(messages));
                }
            };
            // The newest messages come first.
            let is_reached = page.messages.iter().any(|message| message.created_at < since);
            messages.extend(page.messages);
            match page.next_cursor {
                Some(next) if !is_reached && cursor.as_ref() != Some(&next) => cursor = Some(next),
                Some(_) | None => {
                    self.is_told = false;
                    return Ok(Ready::Now(messages));
                }
            }
        }
        self.log(worker, "there are too many since then");
        Ok(Ready::Now(messages))
    }

    /// Returns when to check for free calls. `None` if the wait has been long enough.
    fn wait(&mut self, free_at: Millis, now: Millis, most: Duration) -> Option<Millis> {
        let latest = now.plus(most);
        // A clock that was set back must not lengthen the wait.
        let end = self.waits_until.map_or(latest, |end| end.min(latest));
        self.waits_until = (now < end).then_some(end);
        (now < end).then(|| free_at.min(end))
    }

    async fn refused(&mut self, worker: &AccountWorker, error: &Error) -> Result<()> {
        let words = match Remedy::of(error, false) {
            Remedy::PauseAccount(words) | Remedy::GiveUp(words) | Remedy::LeavePlace(words) => {
                self.refused_until = Some(worker.now().plus(REFUSED_FOR));
                words.to_string()
            }
            Remedy::HoldCalls(reset_at) => {
                worker.hold(Call::DirectMessages, reset_at).await?;
                error.to_string()
            }
            Remedy::SignAgain | Remedy::AskLater => {
                self.refused_until = Some(worker.now().plus(FAILED_FOR));
                error.to_string()
            }
        };
        self.log(worker, &words);
        Ok(())
    }

    /// Logs once that the messages cannot be read. It is logged again only after they could be
    /// read.
    fn log(&mut self, worker: &AccountWorker, why: &str) {
        if !std::mem::replace(&mut self.is_told, true) {
            warn!(
                event = "poll.failed",
                account = worker.name(),
                reason = why,
                "the Direct Messages of account {} cannot be read ({why}): what became of prompts \
                 without an answer is told by X's feedback events alone",
                worker.name(),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spent_budget_is_waited_for_one_window_and_no_longer() {
        let mut messages = MessageMemory::default();
        let far = Millis(90_000_000);
        let end = Millis(0).plus(WAIT_MOST);
        assert_eq!(messages.wait(Millis(5_000), Millis(0), WAIT_MOST), Some(Millis(5_000)));
        assert_eq!(messages.wait(far, Millis(5_000), WAIT_MOST), Some(end));
        assert_eq!(messages.wait(far, end, WAIT_MOST), None);
        // The next reading waits anew.
        assert_eq!(messages.wait(far, end, WAIT_MOST), Some(end.plus(WAIT_MOST)));
    }

    #[test]
    fn a_wait_that_nobody_needed_any_more_shortens_no_other() {
        let mut messages = MessageMemory::default();
        messages.wait(Millis(5_000), Millis(0), WAIT_MOST);
        messages.end_wait();
        let later = Millis(90_000_000);
        assert_eq!(
            messages.wait(later.plus(WAIT_MOST * 2), later, WAIT_MOST),
            Some(later.plus(WAIT_MOST))
        );
    }

    #[test]
    fn a_clock_that_is_set_back_lengthens_no_wait() {
        let mut messages = MessageMemory::default();
        let far = Millis(i64::MAX);
        messages.wait(far, Millis(900_000_000), WAIT_MOST);
        assert_eq!(messages.wait(far, Millis(0), WAIT_MOST), Some(Millis(0).plus(WAIT_MOST)));
    }
}
