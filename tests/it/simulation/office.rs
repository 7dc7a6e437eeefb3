//! surveyd as a process: everything it holds in memory, started as the daemon starts it, and gone
//! at a crash. The loops of the daemon are the simulation's own.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use futures_util::FutureExt;
use surveyd::clock::Clock;
use surveyd::config::Config;
use surveyd::domain::time::Millis;
use surveyd::poller::Poller;
use surveyd::stop::{StopSender, stopper};
use surveyd::store::{Location, Store};
use surveyd::watcher::{AccountIntake, Intake};
use surveyd::worker::{AccountWorker, Shared, Watches};
use surveyd::x;

/// The least time between two passes that want to go on at once, as in the daemon.
pub const BREATH: Duration = Duration::from_millis(10);

/// One account's workers and when they are wanted next.
pub struct Worker {
    pub worker: AccountWorker,
    pub poller: Poller,
    pub schedule_at: Option<Millis>,
    pub poll_at: Millis,
}

/// The daemon's scheduler looks so often even where nothing is due.
const LOOK_ANYWAY: Duration = Duration::from_secs(10 * 60);

impl Worker {
    /// Waits for the time of one look, as the daemon's loop does all the time: the scheduler is
    /// due, is rung for, or sleeps on.
    pub fn look(&mut self) {
        let AccountWorker { wake, clock, stop, .. } = &self.worker;
        wake.listen(clock);
        if wake.wait(self.schedule_at, clock, stop).now_or_never().is_some() {
            self.schedule_at = Some(clock.now());
        }
    }

    fn look_by(&mut self, at: Millis) {
        self.schedule_at = Some(self.schedule_at.map_or(at, |before| before.min(at)));
    }
}

pub struct Office {
    pub store: Store,
    pub workers: Vec<Worker>,
    pub intake: Intake,
    /// Its end would tell the workers to stop.
    _stop: StopSender,
}

impl Office {
    /// The client is made once a run: it remembers nothing but how far X's clock is off, which here
    /// it never is, and reads the machine's certificates anew each time it is made.
    pub async fn open(
        config: &Config,
        location: &Location,
        client: &Arc<x::Client>,
        now: &Arc<AtomicI64>,
    ) -> Self {
        let clock = Clock::Manual(now.clone());
        let store = Store::open(location).await.unwrap();
        let names = config.accounts.iter().map(|account| account.name.clone()).collect();
        let is_behind = store.compare(names, clock.now()).await.unwrap().doubt.is_some();
        assert!(!is_behind, "a crash is taken for a restored backup");
        store.recover(true, config.x.settle_after, clock.now()).await.unwrap();
        let (stop, stopper) = stopper();
        let shared = Shared {
            store: store.clone(),
            x: client.clone(),
            clock: clock.clone(),
            stop: stopper,
            watches: Watches::default(),
            meters: Default::default(),
        };
        let mut receivers = HashMap::new();
        let mut workers = Vec::new();
        for account in &config.accounts {
            let worker = AccountWorker::open(config, account, shared.clone()).unwrap();
            let receiver =
                AccountIntake { account: worker.account.clone(), wake: worker.wake.clone() };
            receivers.insert(account.name.clone(), receiver);
            let now = clock.now();
            workers.push(Worker {
                worker,
                poller: Poller::default(),
                schedule_at: Some(now),
                poll_at: now,
            });
        }
        let intake = Intake {
            store: store.clone(),
            clock,
            accounts: Arc::new(receivers),
            x_clock: Some(client.clock().clone()),
        };
        Self { store, workers, intake, _stop: stop }
    }

    /// A close that is due sooner than the daemon would look anyway must ring for the scheduler;
    /// one that is due later is found by those looks, which the simulation leaves out.
    pub fn finds(&mut self, account: &str, due_at: Millis) {
        let is_of = |worker: &&mut Worker| worker.worker.name() == account;
        let worker = self.workers.iter_mut().find(is_of).expect("the account is configured");
        if due_at >= worker.worker.now().plus(LOOK_ANYWAY) {
            worker.look_by(due_at);
        }
    }

    /// What a fault has changed, a pause for instance, is found by those looks too.
    pub fn looks_anyway(&mut self, now: Millis) {
        self.workers.iter_mut().for_each(|worker| worker.look_by(now.plus(LOOK_ANYWAY)));
    }

    /// All that was held in memory is gone. What the store had been given to write, it has written.
    pub async fn close(&mut self) {
        self.workers.clear();
        self.store.clone().close().await;
    }
}

pub fn client(config: &Config) -> Arc<x::Client> {
    let settings = x::XSettings {
        base_url: config.x.base_url.clone(),
        request_timeout: config.x.request_timeout,
        send_timeout: config.x.send_timeout,
    };
    Arc::new(x::Client::new(&settings).unwrap())
}
