//! Runs the work of all accounts under one configuration. A reload starts the next generation. The
//! old one begins nothing new and finishes what is under way.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::task::{JoinError, JoinSet};

use crate::alerts::silences::Silences;
use crate::clock::Clock;
use crate::config::{self, Config, MessageStream};
use crate::domain::blocks::BlockRule;
use crate::meters::Meters;
use crate::poller::feedback_hook::HookTarget;
use crate::poller::{self, Poller};
use crate::scheduler;
use crate::stop::{StopSender, stopper};
use crate::store::Store;
use crate::watcher::message_hook::XDeliveries;
use crate::watcher::signature::{Passwords, Verifier};
use crate::watcher::spool::{LineCounts, Spool};
use crate::watcher::talks::Talks;
use crate::watcher::{AccountIntake, Intake};
use crate::web::{FeedbackHook, HttpSource, Live, MessageHook, Rate, ResultsTerms};
use crate::worker::{AccountWorker, Limits, Shared, Watches};

use super::access;
use super::alerts;
use super::blocks::Looks;
use super::database::{Names, keep_comparing};
use super::faults::{leave, or_after_fault};
use super::results::keep_fresh;
use super::retention;
use super::schedules::{self, ScheduledWork};
use super::spools;
use super::watches::{self, RunningWatch};

/// A pass that takes longer than this is waiting for X.
const SLOW_PASS: Duration = Duration::from_secs(1);

pub struct Generation {
    accounts: Vec<AccountWorker>,
    /// The sources that watch messages, by name.
    talks: HashMap<String, Talks>,
    lasting: Lasting,
    tasks: JoinSet<()>,
    stop: StopSender,
}

/// What outlives each configuration.
#[derive(Clone, Default)]
pub struct Lasting {
    /// What the log has told of waits.
    pub watches: Watches,
    /// Counts of the lines read from spool files.
    pub lines: LineCounts,
    /// The looks for ends of weeks.
    pub looks: Looks,
    pub meters: Meters,
}

impl Generation {
    /// Starts all work. Relative folders lie in `state_folder`. Those of spools exist already.
    pub fn start(
        config: &Config,
        store: &Store,
        clock: &Clock,
        state_folder: &Path,
        lasting: &Lasting,
    ) -> anyhow::Result<Self> {
        let Lasting { watches, lines, looks, meters } = lasting.clone();
        let client = Limits::client(config, &meters)?;
        let deliveries = alerts::deliveries(config, store, clock)?;
        let (stop, stopper) = stopper();
        let shared = Shared {
            store: store.clone(),
            x: client,
            clock: clock.clone(),
            stop: stopper.clone(),
            watches,
            meters,
        };
        let of_x = shared.x.clock().clone();
        let mut accounts = Vec::new();
        let mut tasks = JoinSet::new();
        for account in &config.accounts {
            let worker =
                AccountWorker::open(config, account, shared.clone()).map_err(anyhow::Error::msg)?;
            tasks.spawn(schedule(worker.clone()));
            tasks.spawn(poll(worker.clone()));
            accounts.push(worker);
        }
        let names = Names::of(config);
        tasks.spawn(keep_comparing(store.clone(), names, clock.clone(), stopper.clone()));
        let rule = BlockRule {
            zone: config.report.time_zone.clone(),
            agent_min: config.report.agent_min,
            agent_delay: config.report.agent_delay,
        };
        tasks.spawn(keep_fresh(store.clone(), rule, looks, clock.clone(), stopper.clone()));
        for delivery in deliveries {
            tasks.spawn(alerts::tell(delivery, clock.clone(), stopper.clone()));
        }
        let silences = Silences::new(config, store, clock);
        if silences.are_told() {
            tasks.spawn(alerts::look_for_silences(silences, stopper.clone()));
        }
        tasks.spawn(alerts::sweep(store.clone(), clock.clone(), stopper.clone()));
        let clocks = (clock.clone(), of_x);
        tasks.spawn(retention::run(config.retention, store.clone(), clocks, stopper.clone()));
        let work = ScheduledWork::new(config, store, clock, state_folder);
        tasks.spawn(schedules::run(work, stopper.clone()));
        let mut this =
            Self { accounts, talks: HashMap::new(), lasting: lasting.clone(), tasks, stop };
        for source in &config.spools {
            let (folder, intake) = (state_folder.join(&source.folder), this.intake(store, clock));
            let spool = Spool::new(source, folder, config.http.max_body, intake, lines.clone());
            this.tasks.spawn(spools::run(spool, source.every, stopper.clone()));
        }
        let intake = this.intake(store, clock);
        for source in &config.watched {
            let worker = this.accounts.iter().find(|worker| worker.name() == source.account);
            let worker = worker.expect("the configuration admits no other account").clone();
            let receiver = intake.accounts[&source.account].clone();
            let user_id = worker.user_id.clone();
            let talks = Talks::new(source, user_id, intake.clone(), receiver);
            this.tasks.spawn(watches::run(RunningWatch::new(worker, talks.clone(), source)));
            this.talks.insert(source.name.clone(), talks);
        }
        Ok(this)
    }

    /// Returns what the HTTP server needs to answer requests under this generation.
    pub fn live(&self, config: &Config, store: &Store, clock: &Clock) -> Live {
        let sources = config.sources.iter().map(|source| (source.name.clone(), as_seen(source)));
        Live {
            intake: self.intake(store, clock),
            sources: sources.collect(),
            message_hooks: self.message_hooks(config),
            feedback_hook: config.x.webhook.as_ref().map(|webhook| {
                let hook = HookTarget::new(&self.accounts, store);
                FeedbackHook::new(Passwords::of(webhook), hook)
            }),
            lines: self.lasting.lines.clone(),
            meters: self.lasting.meters.clone(),
            max_body: config.http.max_body,
            events_horizon: config.x.events_horizon,
            served: config.accounts.iter().map(|account| config.served(account)).collect(),
            connections_per_peer: config.http.connections_per_peer as usize,
            alerts: config.alerts.iter().map(|alert| alert.wanted.name.clone()).collect(),
            schedules: config.schedules.iter().map(|schedule| schedule.name.clone()).collect(),
            access: access::of(config),
            results: ResultsTerms {
                zone: config.report.time_zone.clone(),
                fresh_for: config.poll.fresh_for,
                min_group: config.report.min_group,
                agent_min: config.report.agent_min,
                agent_delay: config.report.agent_delay,
            },
        }
    }

    /// Returns the sources that X delivers Direct Messages to.
    fn message_hooks(&self, config: &Config) -> HashMap<String, MessageHook> {
        let delivered =
            config.watched.iter().filter(|source| source.stream == MessageStream::Webhook);
        let hooks = delivered.filter_map(|source| {
            let talks = self.talks.get(&source.name)?.clone();
            let account = config.account(&source.account)?;
            let deliveries = XDeliveries::new(account, talks.watch.user_id.clone());
            Some((source.name.clone(), MessageHook { talks, deliveries }))
        });
        hooks.collect()
    }

    /// Returns the intake for closes under this generation.
    fn intake(&self, store: &Store, clock: &Clock) -> Intake {
        let accounts: HashMap<String, AccountIntake> = self
            .accounts
            .iter()
            .map(|worker| {
                let receiver =
                    AccountIntake { account: worker.account.clone(), wake: worker.wake.clone() };
                (worker.name().to_owned(), receiver)
            })
            .collect();
        let x_clock = self.accounts.first().map(|worker| worker.x.clock().clone());
        Intake { store: store.clone(), clock: clock.clone(), accounts: Arc::new(accounts), x_clock }
    }

    pub fn wake_all(&self) {
        for worker in &self.accounts {
            worker.wake.now();
        }
        for talks in self.talks.values() {
            talks.wake.now();
        }
    }

    /// Waits for a part that ends by itself. None should.
    pub async fn ended(&mut self) -> Result<(), JoinError> {
        match self.tasks.join_next().await {
            Some(ended) => ended,
            None => std::future::pending().await,
        }
    }

    /// Begins nothing new. Requests under way may take `grace`.
    pub fn stop_within(&self, grace: Duration) {
        self.stop.stop_within(grace);
    }

    /// Waits until all work has ended.
    pub async fn over(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

fn as_seen(source: &config::Source) -> HttpSource {
    HttpSource {
        name: source.name.clone(),
        account: source.account.clone(),
        accounts: source.accounts.clone(),
        verifier: Verifier::of(source).expect("the configuration admits no other secret"),
        mapping: source.mapping.clone(),
        rate: Rate::per_minute(source.rate_limit),
    }
}

async fn schedule(worker: AccountWorker) {
    let mut passes = FuturesUnordered::new();
    while !worker.stop.is_stopping() {
        worker.wake.listen(&worker.clock);
        passes.push(scheduler::tick(&worker));
        let mut next = tokio::select! {
            Some(done) = passes.next() => or_after_fault(&worker, done, "sending"),
            // A request that hangs must not hold up what comes due meanwhile. So its pass runs on
            // beside the next one.
            () = tokio::time::sleep(SLOW_PASS) => Some(worker.now()),
        };
        loop {
            let has_room = passes.len() < worker.limits.concurrency;
            tokio::select! {
                () = worker.wake.wait(next, &worker.clock, &worker.stop), if has_room => break,
                Some(done) = passes.next() => {
                    let sooner = or_after_fault(&worker, done, "sending");
                    next = next.into_iter().chain(sooner).min();
                }
            }
        }
    }
    while let Some(done) = passes.next().await {
        or_after_fault(&worker, done, "sending");
    }
    leave(&worker, "sending");
}

async fn poll(worker: AccountWorker) {
    let mut poller = Poller::default();
    while !worker.stop.is_stopping() {
        worker.reading.listen(&worker.clock);
        let next = or_after_fault(&worker, poller::tick(&worker, &mut poller).await, "polling");
        worker.reading.wait(next, &worker.clock, &worker.stop).await;
    }
    leave(&worker, "polling");
}
