//! What the scheduler and the poller of one account work with.

mod news;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Semaphore;
use tracing::{info, warn};

use crate::clock::Clock;
use crate::config;
use crate::domain::budget::{Call, Told};
use crate::domain::freshness::Bounds;
use crate::domain::id::UserId;
use crate::domain::policy;
use crate::domain::survey::{Failure, Survey};
use crate::domain::time::Millis;
use crate::stop::Stopper;
use crate::store::{self, Leased, Making, Paused, Store};
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
    /// The alarm of the account's poller.
    pub reading: Arc<Wake>,
    pub said: Said,
    /// Claims of passes that the database broke off. Nobody works on them any more.
    pub dropped: Arc<Mutex<Vec<Leased>>>,
    /// One for each request that may be under way at once, whatever passes there are.
    pub slots: Arc<Semaphore>,
    /// Whether X answers when prompts go out, and when it is read.
    pub sending_trouble: Trouble,
    pub reading_trouble: Trouble,
}

/// X is away for all of the account: it is asked again ever more slowly, by one call at a time, so
/// that an outage neither spends the budgets nor fills the log.
#[derive(Clone, Debug, Default)]
pub struct Trouble(Arc<Mutex<(u32, Millis)>>);

/// The longest wait while X is away.
const TROUBLE_MOST: Duration = Duration::from_secs(2 * 60);

impl Trouble {
    /// A call has found X away. When it is asked again.
    pub fn met(&self, now: Millis) -> Millis {
        let mut trouble = self.0.lock().expect("no holder of this lock can panic");
        let (times, until) = *trouble;
        // Calls that were under way together are one trouble.
        if now < until && until.since(now) <= TROUBLE_MOST {
            return until;
        }
        let wait = (policy::RETRY_FIRST * (1 << times.min(8))).min(TROUBLE_MOST);
        *trouble = (times + 1, now.plus(wait));
        trouble.1
    }

    pub fn over(&self) {
        *self.0.lock().expect("no holder of this lock can panic") = (0, Millis(0));
    }

    /// Whether the last call found X away; if so, until when it is not asked.
    pub fn until(&self, now: Millis) -> Option<Millis> {
        let (times, until) = *self.0.lock().expect("no holder of this lock can panic");
        // A clock that was set back must not put off the next call by as much.
        (times > 0).then(|| if until.since(now) > TROUBLE_MOST { now } else { until })
    }
}

/// What the log has said already and would only repeat: until when something waits, by what it is.
#[derive(Clone, Debug, Default)]
pub struct Said(Arc<Mutex<BTreeMap<&'static str, Millis>>>);

impl Said {
    /// Whether it is news that `what` waits until then.
    pub fn is_news(&self, what: &'static str, until: Millis) -> bool {
        let mut said = self.0.lock().expect("no holder of this lock can panic");
        said.insert(what, until).is_none_or(|before| until > before)
    }
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

    /// How often X is asked about a prompt that is fresh.
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

/// What all desks of a generation share.
#[derive(Clone)]
pub struct Shared {
    pub store: Store,
    pub x: Arc<x::Client>,
    pub clock: Clock,
    pub stop: Stopper,
}

impl Desk {
    /// Sets an account to work under a configuration. The error is about its `user_id`.
    pub fn open(
        config: &config::Config,
        account: &config::Account,
        Shared { store, x, clock, stop }: Shared,
    ) -> Result<Self, String> {
        Ok(Self {
            wake: Arc::new(Wake::of(store.is_shared())),
            reading: Arc::new(Wake::of(store.is_shared())),
            store,
            x,
            clock,
            stop,
            user_id: UserId::parse(&account.user_id)?,
            keys: keys(account),
            account: Arc::new(account.clone()),
            limits: Limits::of(config),
            said: Said::default(),
            dropped: Arc::default(),
            slots: Arc::new(Semaphore::new(config.x.concurrency)),
            sending_trouble: Trouble::default(),
            reading_trouble: Trouble::default(),
        })
    }

    pub fn name(&self) -> &str {
        &self.account.name
    }

    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Now by X's clock, as it was last heard, and not later. What X counts and dates is reckoned by
    /// that clock, so that it stays true when ours is set.
    pub fn x_now_at_least(&self) -> Millis {
        let now = self.now();
        Millis(now.0.saturating_add(self.x.clock_apart(now).unwrap_or_default().least))
    }

    /// The same, and not earlier.
    pub fn x_now_at_most(&self) -> Millis {
        let now = self.now();
        Millis(now.0.saturating_add(self.x.clock_apart(now).unwrap_or_default().most))
    }

    /// An instant by X's clock, by ours.
    pub fn by_our_clock(&self, by_xs: Millis) -> Millis {
        let now = self.now();
        let apart = self.x.clock_apart(now).unwrap_or_default();
        Millis(by_xs.0.saturating_sub(apart.least))
    }

    /// The settings of a survey, by today's configuration and what the notice said at the close.
    pub fn chosen(&self, survey: &Survey) -> config::Chosen<'_> {
        self.account.chosen(&survey.source, survey.user_id.as_ref(), &survey.notice)
    }

    /// With what surveys are made of X's own record.
    pub fn making(&self) -> Making {
        Making {
            throttle_group: self.account.survey.throttle_group.clone(),
            fresh_for: self.limits.fresh_for,
        }
    }

    /// What closed before this is too late by every rule, by our clock and by X's: one that was set
    /// ahead must not end what is still in time.
    pub fn too_late_before(&self) -> Millis {
        self.now().min(self.x_now_at_least()).minus(self.account.longest_expire_after())
    }

    /// When a survey will be too late by both clocks, by ours.
    pub fn too_late_at(&self, survey: &Survey) -> Millis {
        let at = policy::too_late_at(survey.closed_at, &self.chosen(survey).rules());
        at.max(self.by_our_clock(at))
    }

    /// What a call that only reads comes to; `None` where the word to stop comes first. Nothing is
    /// lost with such a call. A prompt is never cut short like this.
    pub async fn unless_stopping<T>(&self, reading: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            answer = reading => Some(answer),
            () = self.stop.stopping() => None,
        }
    }

    /// Takes up to `wanted` calls out of the account's budget, before they are made: how many, or
    /// when the next may be made.
    pub async fn take_calls(&self, call: Call, wanted: u32) -> store::Result<Result<u32, Millis>> {
        let taken = self.store.take_calls(self.name(), call, wanted, self.x_now_at_least()).await?;
        Ok(taken.map_err(|until| self.by_our_clock(until)))
    }

    /// When the next call may be made; `None`: now.
    pub async fn calls_free_at(&self, call: Call) -> store::Result<Option<Millis>> {
        let until = self.store.calls_free_at(self.name(), call, self.x_now_at_least()).await?;
        Ok(until.map(|until| self.by_our_clock(until)))
    }

    pub async fn calls_left(&self, call: Call) -> store::Result<u32> {
        self.store.calls_left(self.name(), call, self.x_now_at_least()).await
    }

    /// Calls that may be made now for what can wait.
    pub async fn calls_spare(&self, call: Call) -> store::Result<u32> {
        self.store.calls_spare(self.name(), call, self.x_now_at_least()).await
    }

    /// Keeps what X's headers said of a limit.
    pub async fn hear(&self, call: Call, told: Option<Told>, under_way: u32) -> store::Result<()> {
        match told {
            Some(told) => {
                self.store
                    .hear_limit(self.name(), call, told, under_way, self.x_now_at_least())
                    .await
            }
            None => Ok(()),
        }
    }

    /// Makes no more calls of a kind for a while, after a 429. The end of it.
    pub async fn hold(&self, call: Call, reset_at: Option<Millis>) -> store::Result<Millis> {
        let now = self.x_now_at_least();
        let until = self.store.hold_calls(self.name(), call, reset_at, now).await?;
        let until = self.by_our_clock(until);
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
        if let Err(until) = self.take_calls(Call::VerifyCredentials, 1).await? {
            return Ok(Some(until));
        }
        let Some(asked) = self.verify_credentials().await? else { return Ok(Some(now)) };
        match asked {
            Ok(_) => {
                self.resume().await?;
                Ok(None)
            }
            Err(error) => {
                let wait = (paused.probe_wait * 2).min(policy::PROBE_MOST);
                let probe_at = self.now().plus(wait);
                info!(
                    event = "account.paused",
                    account = self.name(),
                    "account {} stays paused ({error}); X is asked again at {}",
                    self.name(),
                    probe_at.rfc3339(),
                );
                self.store.pause(Paused { probe_at, probe_wait: wait, ..paused }).await?;
                Ok(Some(probe_at))
            }
        }
    }

    /// Hears by which clock X dates its answers, where it has not told of late.
    pub async fn ask_the_time(&self) -> store::Result<()> {
        if !self.x.has_told_the_time(self.now())
            && self.take_calls(Call::VerifyCredentials, 1).await?.is_ok()
        {
            // Whatever it answers is dated.
            self.verify_credentials().await?;
        }
        Ok(())
    }

    /// `None` where the word to stop comes first.
    async fn verify_credentials(&self) -> store::Result<Option<Result<x::Verified, x::Error>>> {
        let asked = self.x.verify_credentials(&self.keys, self.now());
        let Some(answer) = self.unless_stopping(asked).await else { return Ok(None) };
        self.hear(Call::VerifyCredentials, answer.told, 0).await?;
        Ok(Some(answer.result))
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

/// Calls of one kind that are made several at once: none is begun beyond what X, by its headers,
/// has left, less those whose answers are not in yet.
#[derive(Debug)]
pub struct Calls {
    under_way: AtomicU32,
    left: AtomicU32,
}

impl Calls {
    /// All that were taken out of the budget may be made, until X says less.
    pub fn as_budgeted() -> Self {
        Self { under_way: AtomicU32::new(0), left: AtomicU32::new(u32::MAX) }
    }

    /// Whether one more may be made; it is under way from now on.
    pub fn begin(&self) -> bool {
        let left = |left: u32| match left {
            u32::MAX => Some(u32::MAX),
            left => left.checked_sub(1),
        };
        if self.left.try_update(Ordering::AcqRel, Ordering::Acquire, left).is_err() {
            return false;
        }
        self.under_way.fetch_add(1, Ordering::AcqRel);
        true
    }

    /// No more are begun.
    pub fn halt(&self) {
        self.left.store(0, Ordering::Release);
    }

    /// One has ended, with what its answer told. How many others are under way.
    pub fn end(&self, told: Option<Told>) -> u32 {
        let under_way = self.under_way.fetch_sub(1, Ordering::AcqRel) - 1;
        if let Some(told) = told {
            self.left.fetch_min(told.remaining.saturating_sub(under_way), Ordering::AcqRel);
        }
        under_way
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Desk({})", self.account.name)
    }
}
