//! The calls that an account may make, by its own ledger and by X's headers.

use std::sync::atomic::{AtomicU32, Ordering};

use tracing::{info, warn};

use super::AccountWorker;
use crate::domain::budget::{Call, RateHeaders, WINDOW};
use crate::domain::policy;
use crate::domain::time::{Millis, Ready};
use crate::domain::waiting::Cause;
use crate::store;
use crate::x::Remedy;

impl AccountWorker {
    /// Takes up to `wanted` calls from the account's budget before they are made. Returns how many,
    /// or when the next may be made.
    pub async fn take_calls(&self, call: Call, wanted: u32) -> store::Result<Ready<u32>> {
        let taken = self.store.take_calls(self.name(), call, wanted, self.x_now_at_least()).await?;
        self.taken(call, taken).await
    }

    /// Gives back the calls taken at `taken_at` that were not made.
    pub async fn give_back_calls(
        &self,
        call: Call,
        taken: u32,
        made: u32,
        taken_at: Millis,
    ) -> store::Result<()> {
        match taken.saturating_sub(made) {
            0 => Ok(()),
            unmade => self.store.give_back_calls(self.name(), call, unmade, taken_at).await,
        }
    }

    /// Takes up to `wanted.0` of the calls that are spread evenly at `wanted.1` a minute. None may
    /// be due.
    pub async fn take_paced_calls(
        &self,
        call: Call,
        wanted: (u32, f64),
    ) -> store::Result<Ready<u32>> {
        let now = self.x_now_at_least();
        let taken = self.store.take_paced_calls(self.name(), call, wanted, now).await?;
        self.taken(call, taken).await
    }

    /// How many of the calls that are spread evenly may be made now.
    pub async fn calls_paced(&self, call: Call, calls_a_minute: f64) -> store::Result<u32> {
        let now = self.x_now_at_least();
        self.store.calls_paced(self.name(), call, calls_a_minute, now).await
    }

    /// When the next call may be made. `None` means now.
    pub async fn calls_free_at(&self, call: Call) -> store::Result<Option<Millis>> {
        let until = self.store.calls_free_at(self.name(), call, self.x_now_at_least()).await?;
        match until {
            Some(until) => Ok(Some(self.waits(call, until).await?)),
            None => Ok(None),
        }
    }

    pub async fn calls_left(&self, call: Call) -> store::Result<u32> {
        self.store.calls_left(self.name(), call, self.x_now_at_least()).await
    }

    /// The calls that may be made now for what can wait.
    pub async fn calls_spare(&self, call: Call) -> store::Result<u32> {
        self.store.calls_spare(self.name(), call, self.x_now_at_least()).await
    }

    /// Stores what X's headers say of a limit.
    pub async fn hear(
        &self,
        call: Call,
        told: Option<RateHeaders>,
        under_way: u32,
    ) -> store::Result<()> {
        let Some(told) = told else { return Ok(()) };
        let now = self.x_now_at_least();
        self.store.hear_limit(self.name(), call, told, under_way, now).await?;
        if told.remaining <= under_way {
            // This logs that nothing is left.
            self.calls_free_at(call).await?;
        }
        Ok(())
    }

    /// Stops calls of one kind for a while after a 429. Returns when they may resume.
    pub async fn hold(&self, call: Call, reset_at: Option<Millis>) -> store::Result<Millis> {
        let now = self.x_now_at_least();
        let until = self.store.hold_calls(self.name(), call, reset_at, now).await?;
        self.waits(call, until).await
    }

    /// Does what a refusal of such a call asks for. Returns when X may be asked again. It is for
    /// the caller to pause the account or to give something up.
    pub async fn heed(&self, call: Call, remedy: &Remedy) -> store::Result<Millis> {
        let now = self.now();
        match remedy {
            Remedy::HoldCalls(reset_at) => self.hold(call, *reset_at).await,
            Remedy::SignAgain => Ok(now.plus(policy::RETRY_FIRST)),
            Remedy::AskLater => Ok(self.reading_trouble.met(now)),
            Remedy::PauseAccount(_) | Remedy::LeavePlace(_) | Remedy::GiveUp(_) => Ok(now),
        }
    }

    async fn taken(&self, call: Call, taken: Ready<u32>) -> store::Result<Ready<u32>> {
        match taken {
            Ready::Now(taken) => Ok(Ready::Now(taken)),
            Ready::At(until) => Ok(Ready::At(self.waits(call, until).await?)),
        }
    }

    /// When calls of one kind may be made again, by surveyd's clock. `until_at_x` is that instant
    /// by X's clock. Logs the wait once a window. It does not matter what has ended the calls:
    /// surveyd's own count, X's headers or X's refusal.
    async fn waits(&self, call: Call, until_at_x: Millis) -> store::Result<Millis> {
        let until = self.by_our_clock(until_at_x);
        if self.is_told_to_wait(call) {
            return Ok(self.wait_until(until_at_x));
        }
        if self.said.is_news_of_limit(call.as_str(), self.now(), until, WINDOW) {
            let (account, endpoint) = (self.name(), call.endpoint());
            let why = match self.is_caution(call, until_at_x).await? {
                true => format!(
                    "as the database may have been restored, it is not known how many calls of \
                     {endpoint} were spent: account {account} makes none"
                ),
                false => {
                    format!(
                        "X's limit of {endpoint} is reached: account {account} makes no such call"
                    )
                }
            };
            let (call_name, until) = (call.as_str(), until.rfc3339());
            // A wait of surveys is warned of by `sends.waiting`.
            match Cause::of_limit(call) {
                Some(_) => info!(
                    event = "budget.exhausted",
                    account,
                    call = call_name,
                    endpoint,
                    until,
                    "{why} until {until}",
                ),
                None => warn!(
                    event = "budget.exhausted",
                    account,
                    call = call_name,
                    endpoint,
                    until,
                    "{why} until {until}",
                ),
            }
        }
        Ok(self.wait_until(until_at_x))
    }

    /// True if the log has reported that surveys wait for such calls and not yet that they do not.
    /// A further window is then no news.
    fn is_told_to_wait(&self, call: Call) -> bool {
        let watched = self.watched.lock().expect("no holder of this lock can panic");
        Cause::of_limit(call).is_some_and(|cause| watched.stretches.is_told(cause))
    }

    /// True if no limit was reached and the wait is only a caution. A restored or replaced database
    /// knows nothing of the last calls, so surveyd waits for a whole window
    /// ([`Store::compare`](store::Store::compare)).
    async fn is_caution(&self, call: Call, until_at_x: Millis) -> store::Result<bool> {
        if call != Call::Show {
            return Ok(false);
        }
        let restored_at = self.store.progress(self.name()).await?.restored_at;
        Ok(restored_at.is_some_and(|restored_at| restored_at.plus(WINDOW) == until_at_x))
    }
}

/// Limits calls of one kind that are made several at once. No call begins beyond what X's headers
/// leave. Calls whose answers are not in yet are subtracted.
#[derive(Debug)]
pub struct CallAllowance {
    begun: AtomicU32,
    under_way: AtomicU32,
    left: AtomicU32,
}

impl CallAllowance {
    /// Allows all calls that were taken from the budget until X's headers say less.
    pub fn as_budgeted() -> Self {
        Self {
            begun: AtomicU32::new(0),
            under_way: AtomicU32::new(0),
            left: AtomicU32::new(u32::MAX),
        }
    }

    /// True if one more call may be made. It counts as under way from now on.
    pub fn begin(&self) -> bool {
        let left = |left: u32| match left {
            u32::MAX => Some(u32::MAX),
            left => left.checked_sub(1),
        };
        if self.left.try_update(Ordering::AcqRel, Ordering::Acquire, left).is_err() {
            return false;
        }
        self.under_way.fetch_add(1, Ordering::AcqRel);
        self.begun.fetch_add(1, Ordering::AcqRel);
        true
    }

    /// How many calls have begun.
    pub fn begun(&self) -> u32 {
        self.begun.load(Ordering::Acquire)
    }

    /// Lets no more calls begin.
    pub fn halt(&self) {
        self.left.store(0, Ordering::Release);
    }

    /// Ends a call and applies the headers of its answer. Returns how many others are under way.
    pub fn end(&self, told: Option<RateHeaders>) -> u32 {
        let under_way = self.under_way.fetch_sub(1, Ordering::AcqRel) - 1;
        if let Some(told) = told {
            self.left.fetch_min(told.remaining.saturating_sub(under_way), Ordering::AcqRel);
        }
        under_way
    }
}
