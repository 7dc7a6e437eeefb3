//! Reads the account's Direct Messages before a prompt is taken for unsent.
//!
//! That X has no feedback of a request is proof that no card went out. Should X ever have sent the
//! message and made no feedback for it, only its list of messages shows that. So the list is a
//! second witness: it can keep a prompt from being sent again, never lead to one. Whatever stands
//! in the way of reading it therefore holds up nothing else, and pauses no account: accounts may
//! lack the right to read messages that they need not read.

use std::time::Duration;

use tracing::warn;

use crate::domain::budget::{COUNTED_FOR, Call};
use crate::domain::direct_message::DirectMessage;
use crate::domain::time::Millis;
use crate::store::Result;
use crate::worker::AccountWorker;
use crate::x::Error;

/// Pages of one reading. X allows 15 calls in 15 minutes.
const PAGES_MAX: usize = 10;

/// For how long a spent budget is waited for at the most.
const WAIT_MOST: Duration = COUNTED_FOR;

/// The wait is short beside the one for X's events, of which it is this part.
const PART_OF_HORIZON: u32 = 60;

/// When X, having refused the list, is asked for it again.
const REFUSED_FOR: Duration = Duration::from_secs(60 * 60);

/// When it is asked again where it could not be had: failures must not use the calls up.
const FAILED_FOR: Duration = Duration::from_secs(5 * 60);

/// What is remembered between readings. Losing it costs one wait, one refused call, one line of
/// log.
#[derive(Debug, Default)]
pub struct MessageMemory {
    /// The end of the wait for a spent budget, where there is one.
    waits_until: Option<Millis>,
    refused_until: Option<Millis>,
    /// It has been said that they cannot be read.
    is_told: bool,
}

impl MessageMemory {
    /// When the wait for a spent budget is over, where there is one.
    pub async fn waits(&self, worker: &AccountWorker) -> Result<Option<Millis>> {
        let now = worker.now();
        let Some(end) = self.waits_until.filter(|end| now < *end) else { return Ok(None) };
        let free_at = worker.calls_free_at(Call::DirectMessages).await?;
        Ok(free_at.map(|at| at.min(end).min(now.plus(WAIT_MOST))))
    }

    /// Nobody is left for whom calls are waited for.
    pub fn end_wait(&mut self) {
        self.waits_until = None;
    }

    /// All messages made since `since`, by X's clock, as far as they can be read at all; or when to
    /// ask again.
    pub async fn read(
        &mut self,
        worker: &AccountWorker,
        since: Millis,
    ) -> Result<std::result::Result<Vec<DirectMessage>, Millis>> {
        let mut messages = Vec::new();
        if is_ahead(self.refused_until, worker.now(), REFUSED_FOR) {
            return Ok(Ok(messages));
        }
        let mut cursor: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let now = worker.now();
            if worker.stop.is_stopping() {
                return Ok(Err(now));
            }
            if let Err(free_at) = worker.take_calls(Call::DirectMessages, 1).await? {
                let most = WAIT_MOST.min(worker.limits.events_horizon / PART_OF_HORIZON);
                if let Some(until) = self.wait(free_at, now, most) {
                    return Ok(Err(until));
                }
                self.log(worker, "X's limit of such calls is reached");
                return Ok(Ok(messages));
            }
            self.end_wait();
            let asked = worker.x.direct_messages(&worker.keys, cursor.as_deref(), worker.now());
            let Some(answer) = worker.unless_stopping(asked).await else { return Ok(Err(now)) };
            worker.hear(Call::DirectMessages, answer.told, 0).await?;
            let page = match answer.result {
                Ok(page) => page,
                Err(error) => {
                    self.refused(worker, &error).await?;
                    return Ok(Ok(messages));
                }
            };
            // The newest come first.
            let is_reached = page.messages.iter().any(|message| message.created_at < since);
            messages.extend(page.messages);
            match page.next_cursor {
                Some(next) if !is_reached && cursor.as_ref() != Some(&next) => cursor = Some(next),
                Some(_) | None => {
                    self.is_told = false;
                    return Ok(Ok(messages));
                }
            }
        }
        self.log(worker, "there are too many since then");
        Ok(Ok(messages))
    }

    /// When to look whether calls are free; `None`: they were waited for long enough.
    fn wait(&mut self, free_at: Millis, now: Millis, most: Duration) -> Option<Millis> {
        let latest = now.plus(most);
        // A clock that was set back must not lengthen the wait.
        let end = self.waits_until.map_or(latest, |end| end.min(latest));
        self.waits_until = (now < end).then_some(end);
        (now < end).then(|| free_at.min(end))
    }

    async fn refused(&mut self, worker: &AccountWorker, error: &Error) -> Result<()> {
        let words = match error {
            Error::Account(words) | Error::Request(words) | Error::Person { words, .. } => {
                self.refused_until = Some(worker.now().plus(REFUSED_FOR));
                words.to_string()
            }
            Error::Limited { reset_at } => {
                worker.hold(Call::DirectMessages, *reset_at).await?;
                error.to_string()
            }
            Error::Clock(_) | Error::NotNow(_) | Error::NoAnswer(_) => {
                self.refused_until = Some(worker.now().plus(FAILED_FOR));
                error.to_string()
            }
        };
        self.log(worker, &words);
        Ok(())
    }

    /// Says that they cannot be read, once until they can.
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

/// Whether an instant no further off than `most` is still to come: a clock that was set back must
/// not put it off by as much.
fn is_ahead(at: Option<Millis>, now: Millis, most: Duration) -> bool {
    at.is_some_and(|at| now < at && at <= now.plus(most))
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
        assert!(!is_ahead(Some(Millis(900_000_000)), Millis(0), REFUSED_FOR));
        assert!(is_ahead(Some(Millis(1)), Millis(0), REFUSED_FOR));
    }
}
