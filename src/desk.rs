//! What the scheduler and the poller of one account work with.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use crate::clock::Clock;
use crate::config;
use crate::domain::budget::{Call, Told};
use crate::domain::id::UserId;
use crate::domain::policy::{self, Rules};
use crate::domain::survey::Failure;
use crate::domain::time::Millis;
use crate::stop::Stopper;
use crate::store::{self, Paused, Store};
use crate::wake::Wake;
use crate::x;

/// One account at work.
#[derive(Clone)]
pub struct Desk {
    pub store: Store,
    pub x: Arc<x::Client>,
    pub clock: Clock,
    pub stop: Stopper,
    pub account: Arc<config::Account>,
    pub user_id: UserId,
    pub keys: x::Keys,
    pub limits: Limits,
    /// The alarm of the account's scheduler.
    pub wake: Arc<Wake>,
}

/// The settings of `[x]` and `[poll]` that bear on the work.
#[derive(Clone, Debug)]
pub struct Limits {
    pub request_timeout: Duration,
    pub send_timeout: Duration,
    pub settle_after: Duration,
    pub events_horizon: Duration,
    pub concurrency: usize,
    pub can_dm: config::CanDmBy,
    pub poll_interval: Duration,
    pub poll_overlap: Duration,
    pub fresh_for: Duration,
}

impl Limits {
    pub fn of(config: &config::Config) -> Self {
        Self {
            request_timeout: config.x.request_timeout,
            send_timeout: config.x.send_timeout,
            settle_after: config.x.settle_after,
            events_horizon: config.x.events_horizon,
            concurrency: config.x.concurrency,
            can_dm: config.x.can_dm,
            poll_interval: config.poll.interval,
            poll_overlap: config.poll.overlap,
            fresh_for: config.poll.fresh_for,
        }
    }
}

pub fn keys(account: &config::Account) -> x::Keys {
    x::Keys {
        consumer_key: account.consumer_key.expose().to_owned(),
        consumer_secret: account.consumer_secret.expose().to_owned(),
        access_token: account.access_token.expose().to_owned(),
        access_token_secret: account.access_token_secret.expose().to_owned(),
    }
}

pub fn rules(account: &config::Account) -> Rules {
    Rules {
        delay: account.survey.delay,
        expire_after: account.survey.expire_after,
        throttle: account.survey.throttle,
        sample: account.survey.sample,
        daily_limit: account.daily_limit,
        daily_limit_per_user: account.daily_limit_per_user,
    }
}

impl Desk {
    pub fn name(&self) -> &str {
        &self.account.name
    }

    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Keeps what X's headers said of a limit.
    pub async fn hear(&self, call: Call, told: Option<Told>, under_way: u32) -> store::Result<()> {
        match told {
            Some(told) => {
                self.store.hear_limit(self.name(), call, told, under_way, self.now()).await
            }
            None => Ok(()),
        }
    }

    /// Makes no more calls of a kind for a while, after a 429. The end of it.
    pub async fn hold(&self, call: Call, reset_at: Option<Millis>) -> store::Result<Millis> {
        let until = self.store.hold_calls(self.name(), call, reset_at, self.now()).await?;
        warn!(
            event = "budget.exhausted",
            account = self.name(),
            call = call.as_str(),
            until = until.rfc3339(),
            "X limits {}: account {} makes no such call until {}",
            call.as_str(),
            self.name(),
            until.rfc3339(),
        );
        Ok(until)
    }

    /// Stops all work for the account until X has been asked about it.
    pub async fn pause(&self, why: &Failure) -> store::Result<()> {
        let now = self.now();
        let last = self.store.last_pause(self.name()).await?;
        let wait = match last {
            Some(Paused { resumed_at: None, .. }) => return Ok(()),
            // It works when asked and fails when used: asked about ever more slowly.
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
        self.store.pause(paused).await?;
        // The scheduler asks; where the poller was refused it may be asleep.
        self.wake.due(probe_at);
        tracing::error!(
            event = "account.paused",
            account = self.name(),
            reason = why.to_string(),
            "X refuses account {} ({why}): nothing is sent for it. Check its keys and its access \
             to the feedback API, then reload; X is asked about it meanwhile",
            self.name(),
        );
        Ok(())
    }

    /// Asks X about a paused account once its time has come. When to ask again; `None`: it works.
    pub async fn probe(&self, paused: Paused) -> store::Result<Option<Millis>> {
        let now = self.now();
        if now < paused.probe_at {
            return Ok(Some(paused.probe_at));
        }
        if let Err(until) =
            self.store.take_calls(self.name(), Call::VerifyCredentials, 1, now).await?
        {
            return Ok(Some(until));
        }
        let answer = self.x.verify_credentials(&self.keys, now).await;
        self.hear(Call::VerifyCredentials, answer.told, 0).await?;
        match answer.result {
            Ok(_) => {
                self.resume().await?;
                Ok(None)
            }
            Err(error) => {
                let wait = (paused.probe_wait * 2).min(policy::PROBE_MOST);
                let probe_at = self.now().plus(wait);
                info!(account = self.name(), "account {} stays paused: {error}", self.name());
                self.store.pause(Paused { probe_at, probe_wait: wait, ..paused }).await?;
                Ok(Some(probe_at))
            }
        }
    }

    /// Ends a pause, where there is one.
    pub async fn resume(&self) -> store::Result<()> {
        if self.store.resume(self.name(), self.now()).await? {
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

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Desk({})", self.account.name)
    }
}
