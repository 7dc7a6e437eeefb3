//! The context in which the scheduler and the poller of one account work.

mod calls;
mod news;
mod pausing;
mod trouble;
pub mod walk;

pub use calls::CallAllowance;
pub use trouble::{LogMemory, Trouble};

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::clock::{Apart, Clock};
use crate::config;
use crate::domain::freshness::Bounds;
use crate::domain::id::UserId;
use crate::domain::policy;
use crate::domain::survey::Survey;
use crate::domain::time::{Millis, look_again_at};
use crate::domain::waiting::{Served, Stretches};
use crate::meters::Meters;
use crate::stop::Stopper;
use crate::store::{Leased, Making, Outage, Store};
use crate::wake::Wake;
use crate::x;

/// X refuses a request that is signed by a clock further from its own.
pub const SIGNED_WITHIN: Duration = Duration::from_secs(5 * 60);
const SIGNED_WITHIN_MS: i64 = SIGNED_WITHIN.as_millis() as i64;

/// How much longer than its request a send may hold its lease. It covers the time until the request
/// leaves and the time to write its outcome.
pub const LEASE_MARGIN: Duration = Duration::from_secs(30);

/// One account at work.
#[derive(Clone)]
pub struct AccountWorker {
    pub store: Store,
    pub x: Arc<x::Client>,
    pub clock: Clock,
    pub stop: Stopper,
    pub account: Arc<config::Account>,
    pub user_id: UserId,
    /// The account's id and the X it belongs to. Only the events of the sender show a prompt.
    pub sent_as: String,
    pub keys: x::Keys,
    pub limits: Limits,
    pub meters: Meters,
    pub served: Arc<Served>,
    /// When this worker was opened, until it has asked X about a pause from before. Somebody who
    /// starts or reloads surveyd has probably mended what X refused.
    asks_about_pause_before: Arc<Mutex<Option<Millis>>>,
    /// The alarm of the account's scheduler.
    pub wake: Arc<Wake>,
    /// The alarm of the account's poller.
    pub reading: Arc<Wake>,
    pub said: LogMemory,
    /// Leases of passes that a failure of the database interrupted. Nobody works on them any more.
    pub dropped: Arc<Mutex<Vec<Leased>>>,
    /// What the account's due surveys wait for, as far as the log has reported it.
    pub watched: Arc<Mutex<WaitingSeen>>,
    /// When surveyd last looked for surveys that a clock running ahead had put off.
    pub pulled_back_at: Arc<Mutex<Option<Millis>>>,
    /// One permit for each request that may be under way at once. All passes share them.
    pub slots: Arc<Semaphore>,
    /// Makes sends begin one after the other.
    pub begins: Arc<tokio::sync::Mutex<()>>,
    /// The outages of X that sends have met. [`Self::reading_trouble`] has those that reading has
    /// met.
    pub sending_trouble: Trouble,
    pub reading_trouble: Trouble,
    /// The faults that the log has reported. They stop the account's work while the database
    /// answers.
    pub faults: Outage,
    /// The outages of X that [`Self::ask_the_time`] has met.
    date_trouble: Trouble,
}

/// What the log has reported of an account that waits.
#[derive(Clone, Debug, Default)]
pub struct WaitingSeen {
    pub stretches: Stretches,
    /// The last look at what due surveys wait for.
    pub looked_at: Option<Millis>,
    /// The beginning of the last pause that the log has reported.
    pub pause: Option<Millis>,
}

/// The last looks at all accounts by their names. They outlive each configuration.
#[derive(Clone, Debug, Default)]
pub struct Watches(Arc<Mutex<BTreeMap<String, Arc<Mutex<WaitingSeen>>>>>);

impl Watches {
    /// The last look at an account's surveys.
    pub fn of(&self, account: &str) -> Arc<Mutex<WaitingSeen>> {
        let mut all = self.0.lock().expect("no holder of this lock can panic");
        all.entry(account.to_owned()).or_default().clone()
    }

    /// Removes all accounts that are no longer served and returns them.
    pub fn take_others(
        &self,
        is_served: impl Fn(&str) -> bool,
    ) -> BTreeMap<String, Arc<Mutex<WaitingSeen>>> {
        let mut all = self.0.lock().expect("no holder of this lock can panic");
        let (served, others) =
            std::mem::take(&mut *all).into_iter().partition(|(name, _)| is_served(name));
        *all = served;
        others
    }
}

/// The settings of `[x]` and `[poll]` that affect the work.
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

    /// The bounds of how often X is asked about a fresh prompt.
    pub fn freshness(&self) -> Bounds {
        Bounds::of(self.poll_interval, self.fresh_for)
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

/// The account's id and the X it belongs to, in the form shown to people.
pub fn sent_as(config: &config::Config, account: &config::Account) -> String {
    format!("{} at {}", account.user_id, config.x.base_url.trim_end_matches('/'))
}

/// What all workers of one configuration share.
#[derive(Clone)]
pub struct Shared {
    pub store: Store,
    pub x: Arc<x::Client>,
    pub clock: Clock,
    pub stop: Stopper,
    /// Kept over reloads, so that each wait has one line at its beginning and one at its end.
    pub watches: Watches,
    pub meters: Meters,
}

impl AccountWorker {
    /// Sets an account to work under a configuration. The error is about its `user_id`.
    pub fn open(
        config: &config::Config,
        account: &config::Account,
        Shared { store, x, clock, stop, watches, meters }: Shared,
    ) -> Result<Self, String> {
        // From now on, the clock is watched for being set.
        clock.even_since();
        Ok(Self {
            wake: Arc::new(Wake::of(store.is_shared())),
            reading: Arc::new(Wake::of(store.is_shared())),
            asks_about_pause_before: Arc::new(Mutex::new(Some(clock.now()))),
            store,
            x,
            clock,
            stop,
            meters,
            sent_as: sent_as(config, account),
            user_id: UserId::parse(&account.user_id)?,
            keys: keys(account),
            account: Arc::new(account.clone()),
            limits: Limits::of(config),
            served: Arc::new(config.served(account)),
            said: LogMemory::default(),
            dropped: Arc::default(),
            watched: watches.of(&account.name),
            pulled_back_at: Arc::default(),
            slots: Arc::new(Semaphore::new(config.x.concurrency)),
            begins: Arc::default(),
            sending_trouble: Trouble::default(),
            reading_trouble: Trouble::default(),
            faults: Outage::default(),
            date_trouble: Trouble::default(),
        })
    }

    pub fn name(&self) -> &str {
        &self.account.name
    }

    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// How long a send may hold its lease. Its request has ended by then.
    pub fn lease(&self) -> Duration {
        self.limits.send_timeout + LEASE_MARGIN
    }

    /// How far X's clock is from surveyd's. `None` while too little is known of X's clock.
    pub fn clock_apart(&self) -> Option<Apart> {
        self.x.clock().apart(self.now())
    }

    /// The earliest instant that it may be now, by surveyd's clock and by all that is known of X's.
    /// X's limits are counted by this instant: a wrong clock may then put something off, but it
    /// ends nothing. If X has refused surveyd's clock, the clock that it took counts instead.
    pub fn x_now_at_least(&self) -> Millis {
        let now = self.now();
        let refused = self.clock_apart().filter(|apart| self.is_ours_refused(*apart));
        let ours = refused.map_or(self.x.signed_ahead_ms().min(0), |apart| apart.least);
        Millis(now.0.saturating_add(self.x.clock().earliest_or(now, ours)))
    }

    fn is_ours_refused(&self, apart: Apart) -> bool {
        apart.least > SIGNED_WITHIN_MS && self.x.is_signed_by(apart)
    }

    /// Now by X's clock, and not later. X is asked about nothing after it. If X's answers are dated
    /// ahead of surveyd's clock although X takes requests signed by that clock, their dates are
    /// wrong.
    pub fn x_now_to_ask(&self) -> Millis {
        let (now, apart) = (self.now(), self.clock_apart().unwrap_or_default());
        if apart.least > SIGNED_WITHIN_MS && !self.x.is_signed_by(apart) {
            return now;
        }
        Millis(now.0.saturating_add(apart.least))
    }

    /// Now by X's clock, and not earlier.
    pub fn x_now_at_most(&self) -> Millis {
        Millis(self.now().0.saturating_add(self.clock_apart().unwrap_or_default().most))
    }

    /// The latest instant that it may be now. Three clocks count: X's as far as it is known,
    /// surveyd's, and the one that X took if it refused surveyd's. If X's dates confirm that one,
    /// surveyd's clock does not count.
    pub fn x_now_at_latest(&self) -> Millis {
        let now = self.now();
        let told = self.x.clock().latest(now);
        let is_borne_out = self.x.is_signed_by(self.clock_apart().unwrap_or_default());
        let latest = if is_borne_out { told } else { told.max(0).max(self.x.signed_ahead_ms()) };
        Millis(now.0.saturating_add(latest))
    }

    /// Converts an instant of X's clock to surveyd's clock.
    pub fn by_our_clock(&self, by_xs: Millis) -> Millis {
        Millis(by_xs.0.saturating_sub(self.clock_apart().unwrap_or_default().least))
    }

    /// When to look again, by surveyd's clock, at what waits for an instant of
    /// [`Self::x_now_at_least`].
    pub fn wait_until(&self, until: Millis) -> Millis {
        let now = self.now();
        look_again_at(until, now, self.x_now_at_least())
    }

    /// The settings of a survey by today's configuration and by the notice of its close.
    pub fn chosen(&self, survey: &Survey) -> config::Chosen<'_> {
        self.account.chosen(&survey.source, survey.user_id.as_ref(), &survey.notice)
    }

    /// The settings by which surveys are made from X's own record.
    pub fn making(&self) -> Making {
        Making {
            throttle_group: self.account.survey.throttle_group.clone(),
            fresh_for: self.limits.fresh_for,
            expire_after: self.account.longest_expire_after(),
        }
    }

    /// A prompt for a close before this instant may be too late by every rule.
    pub fn perhaps_too_late_before(&self) -> Millis {
        self.x_now_at_least().minus(self.account.longest_expire_after())
    }

    /// A prompt for a close before this instant is too late by every rule. Both clocks must say so,
    /// because a clock that was set ahead must not end what is still in time. Nothing is too late
    /// while the clocks contradict each other.
    pub fn too_late_before(&self) -> Millis {
        match self.x.clock().is_settled(self.now()) {
            true => self.perhaps_too_late_before(),
            false => Millis(0),
        }
    }

    /// When a survey will be too late by both clocks. The instant is by surveyd's clock.
    pub fn too_late_at(&self, survey: &Survey) -> Millis {
        let at = policy::too_late_at(survey.closed_at, &self.chosen(survey).rules());
        at.max(self.wait_until(at))
    }

    /// Awaits a call that only reads. `None` if the stop signal comes first. Nothing is lost with
    /// such a call. A prompt is never cut short in this way.
    pub async fn unless_stopping<T>(&self, reading: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            answer = reading => Some(answer),
            () = self.stop.stopping() => None,
        }
    }
}

impl fmt::Debug for AccountWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountWorker({})", self.account.name)
    }
}
