//! Pauses an account that X refuses, probes it, and sets it to work again.

use tracing::{error, info, warn};

use super::AccountWorker;
use crate::domain::budget::Call;
use crate::domain::policy;
use crate::domain::survey::Failure;
use crate::domain::time::{Millis, Ready};
use crate::domain::waiting::remedy_of_pause;
use crate::store::{self, Paused};
use crate::x;

/// How many answers it takes to know X's clock if the first of them differs from what was known.
const DATES: usize = 2;

/// Returns when X is asked about a paused account next.
fn asked_again_at(paused: &Paused, now: Millis) -> Millis {
    let is_ahead = paused.probe_at.is_ahead(now, paused.probe_wait + policy::PROBE_FIRST);
    if is_ahead { paused.probe_at } else { now }
}

impl AccountWorker {
    /// Stops all work for the account until X has been asked about it.
    pub async fn pause(&self, why: &Failure) -> store::Result<()> {
        let now = self.now();
        let last = self.store.last_pause(self.name()).await?;
        let wait = match last {
            Some(Paused { resumed_at: None, .. }) => return Ok(()),
            // X takes the probe but refuses the work. It is probed ever more slowly.
            Some(Paused { resumed_at: Some(resumed_at), probe_wait, .. })
                if now.since(resumed_at) < policy::PROBE_MOST =>
            {
                (probe_wait * 2).min(policy::PROBE_MOST)
            }
            Some(_) | None => policy::PROBE_FIRST,
        };
        let paused = Paused {
            account: self.name().to_owned(),
            paused_at: now,
            why: why.to_string(),
            probe_at: now.plus(wait),
            probe_wait: wait,
            resumed_at: None,
        };
        let probe_at = paused.probe_at;
        if !self.store.begin_pause(paused).await? {
            return Ok(());
        }
        self.note_pause(now);
        // The scheduler probes. It may be asleep if the poller was refused.
        self.wake.due(probe_at);
        error!(
            event = "account.paused",
            account = self.name(),
            reason = why.to_string(),
            "X refuses account {} ({why}): nothing is sent for it; X is asked about it meanwhile. {}",
            self.name(),
            remedy_of_pause(&why.to_string()),
        );
        Ok(())
    }

    /// Notes that the log reports the pause that began at `paused_at`. Returns true if that is news
    /// in this run.
    fn note_pause(&self, paused_at: Millis) -> bool {
        let mut watched = self.watched.lock().expect("no holder of this lock can panic");
        watched.pause.replace(paused_at) != Some(paused_at)
    }

    /// Logs that X is asked about a pause from before this worker. The first time in a run it is a
    /// warning.
    fn log_standing(&self, paused: &Paused) {
        let (account, since) = (self.name(), paused.paused_at.rfc3339());
        let words = format!("account {account} is paused since {since}: X is asked again now");
        match self.note_pause(paused.paused_at) {
            true => warn!(event = "account.paused", account, reason = paused.why, "{words}"),
            false => info!(event = "account.paused", account, reason = paused.why, "{words}"),
        }
    }

    /// Returns when the poller looks again at an account that is paused. The scheduler asks X about
    /// the account.
    pub async fn paused_until(&self) -> store::Result<Option<Millis>> {
        let paused = self.store.paused(self.name()).await?;
        Ok(paused.map(|_| self.now().plus(self.limits.poll_interval)))
    }

    /// Probes a paused account once its time has come, and at once if the pause is from before this
    /// worker. Returns when to ask again, or `None` if the account works.
    pub async fn probe(&self, paused: Paused) -> store::Result<Option<Millis>> {
        let now = self.now();
        let probe_at = asked_again_at(&paused, now);
        let asks_before =
            || self.asks_about_pause_before.lock().expect("no holder of this lock can panic");
        let is_from_before = asks_before().is_some_and(|opened_at| paused.paused_at < opened_at);
        let is_out_of_turn = now < probe_at && is_from_before;
        if now < probe_at && !is_out_of_turn {
            return Ok(Some(probe_at));
        }
        if let Ready::At(until) = self.take_calls(Call::VerifyCredentials, 1).await? {
            return Ok(Some(until));
        }
        if is_from_before {
            self.log_standing(&paused);
        }
        let Some(asked) = self.verify_credentials().await? else { return Ok(Some(now)) };
        *asks_before() = None;
        match asked {
            Ok(_) => {
                self.resume().await?;
                Ok(None)
            }
            Err(error) => {
                // A question out of turn leaves the next one in its turn where it was.
                let (probe_at, probe_wait) = match is_out_of_turn {
                    true => (probe_at, paused.probe_wait),
                    false => {
                        let wait = (paused.probe_wait * 2).min(policy::PROBE_MOST);
                        (self.now().plus(wait), wait)
                    }
                };
                info!(
                    event = "account.paused",
                    account = self.name(),
                    "account {} stays paused ({error}); X is asked again at {}",
                    self.name(),
                    probe_at.rfc3339(),
                );
                self.store.pause(Paused { probe_at, probe_wait, ..paused }).await?;
                Ok(Some(probe_at))
            }
        }
    }

    /// Asks X for the time unless one of its recent answers told it. It asks twice if the first
    /// answer differs from all that was known.
    pub async fn ask_the_time(&self) -> store::Result<()> {
        for _ in 0..DATES {
            if self.x.clock().is_fresh(self.now())
                || self.is_x_away()
                || matches!(self.take_calls(Call::VerifyCredentials, 1).await?, Ready::At(_))
            {
                break;
            }
            // Every answer carries a date.
            self.hear_a_date().await?;
        }
        Ok(())
    }

    /// True if X did not answer the last reading call and is not to be asked yet.
    fn is_x_away(&self) -> bool {
        let now = self.now();
        let troubles = [&self.reading_trouble, &self.date_trouble];
        troubles.iter().any(|trouble| trouble.until(now).is_some_and(|until| until > now))
    }

    async fn hear_a_date(&self) -> store::Result<()> {
        match self.verify_credentials().await? {
            Some(Err(error)) if x::Remedy::of(&error, false) == x::Remedy::AskLater => {
                self.date_trouble.met(self.now());
            }
            Some(_) => self.date_trouble.over(),
            None => {}
        }
        Ok(())
    }

    /// Gives a hold without an end its end by X's clock. Three faults could end it too early: a
    /// clock of surveyd's that is slow, an answer from before the hold, or a single wrong date.
    pub async fn date_hold(&self) -> store::Result<()> {
        let hold = self.store.hold(self.name()).await?;
        if hold.is_none_or(|hold| hold.until_at.is_some()) {
            return Ok(());
        }
        let asked_at = self.now();
        for _ in 0..DATES {
            // Half of the calls are reserved for paused accounts.
            if self.is_x_away() || self.calls_spare(Call::VerifyCredentials).await? == 0 {
                return Ok(());
            }
            if let Ready::At(_) = self.take_calls(Call::VerifyCredentials, 1).await? {
                return Ok(());
            }
            self.hear_a_date().await?;
            if let Some(at_x) = self.x.clock().told_since(asked_at) {
                // What was read before does not count as read past the hold, whichever clock it was
                // read by.
                let done_to = self.store.poll_state(self.name()).await?.done_to;
                // X's dates may be wrong for any length of time. A hold that ends late costs
                // nothing.
                let latest = at_x.max(self.x_now_at_latest());
                let until_at = done_to.map_or(latest, |done_to| done_to.max(latest));
                return self.store.date_hold(self.name(), until_at).await;
            }
        }
        Ok(())
    }

    /// `None` if the stop signal comes first.
    async fn verify_credentials(&self) -> store::Result<Option<Result<x::Verified, x::Error>>> {
        let asked = self.x.verify_credentials(&self.keys, self.now());
        let Some(answer) = self.unless_stopping(asked).await else { return Ok(None) };
        self.hear(Call::VerifyCredentials, answer.rate, 0).await?;
        Ok(Some(answer.result))
    }

    /// Ends a pause because X has taken a request.
    async fn resume(&self) -> store::Result<()> {
        if self.store.resume(self.name(), self.now()).await? {
            self.reading.now();
            info!(
                event = "account.resumed",
                account = self.name(),
                "account {} works again",
                self.name()
            );
        }
        Ok(())
    }
}
