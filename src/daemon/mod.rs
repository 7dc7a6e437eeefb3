//! Wires everything together and keeps it going. The daemon is the only owner of loops.

mod access;
mod alerts;
mod blocks;
mod database;
mod faults;
mod generation;
mod listen;
mod lock;
mod results;
pub mod retention;
pub mod schedules;
mod service_manager;
mod signals;
mod summary;
pub mod spools;
pub mod watches;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use sd_notify::NotifyState;
use tokio::task::JoinSet;
use tracing::{error, info, warn};

use crate::clock::Clock;
use crate::config::{self, Config, Environment};
use crate::logging;
use crate::meters::Meters;
use crate::scheduler;
use crate::stop::{GRACE, StopSender, Stopper, stopper};
use crate::store::{self, Location, Store};
use crate::web::{Web, before_store};
use crate::worker::Limits;
use crate::x;
use generation::{Generation, Lasting};
pub use listen::unbound;
use lock::DaemonLock;
pub use lock::{
    RestoreLock, SERVICE_STATE, is_usual_state_folder, presence, state_folder, wake_running,
};
use service_manager::{Watchdog, notify};
pub use signals::{Incoming as Signals, Signal, listen as signals};

/// How long answers to requests may take once nothing can be stored any more.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// How long work may exceed its grace before the daemon leaves it.
const MOMENT: Duration = Duration::from_millis(300);

/// The arguments of a daemon's start.
pub struct Start {
    pub config: Config,
    /// The file that a reload reads again. The demonstration has none.
    pub file: Option<PathBuf>,
    pub environment: Environment,
    pub clock: Clock,
}

/// A running daemon.
pub struct Daemon {
    start: Start,
    store: Store,
    web: Arc<Web>,
    generation: Generation,
    lasting: Lasting,
    /// Generations that a reload has replaced and that still finish their requests.
    retired: Vec<Generation>,
    servers: JoinSet<()>,
    stop: StopSender,
    stopper: Stopper,
    address: std::net::SocketAddr,
    place: DaemonLock,
}

impl Daemon {
    /// Opens the store, binds the listener and sets all accounts to work.
    pub async fn start(start: Start) -> anyhow::Result<Self> {
        let config = &start.config;
        let place = DaemonLock::take(config, &start.environment, start.file.as_deref())?;
        prepare_spools(config, start.file.as_deref().unwrap_or(Path::new("")), &place.folder)?;
        let location = Location::parse(&config.store.url, &place.folder)?;
        let listener = listen::bind(config.http.listen).await?;
        let address = listener.local_addr()?;
        let store = tokio::select! {
            store = database::open(&location) => store?,
            () = before_store::answer(&listener) => unreachable!("it answers for ever"),
        };
        database::warn_of_weaknesses(&location).await;
        place.confirm()?;
        log_respelt(&store).await?;
        database::forget_again(&store, &start.clock).await?;
        database::compare(&store, &database::Names::of(config), &start.clock).await?;
        database::log_holds(&store, config, start.clock.now()).await?;
        // We hold the locks. So in a file of ours, every send on record was left by a dead daemon.
        let lost =
            store.recover(location.is_sqlite(), config.x.settle_after, start.clock.now()).await?;
        if location.is_sqlite() {
            store.end_turns().await?;
        }
        for survey in &lost {
            scheduler::log_uncertain(survey, "surveyd ended while it was being sent");
        }
        log_unserved(&store, config, "daemon.started").await?;
        log_dry_runs(config, "daemon.started");
        // Nothing waits from here on. A start that is given up at one of its waits has begun no
        // work.
        let (stop, stopper) = stopper();
        let lasting = Lasting::default();
        let generation = Generation::start(config, &store, &start.clock, &place.folder, &lasting)?;
        let web = Web::new(
            generation.live(config, &store, &start.clock),
            store.clone(),
            start.clock.clone(),
        );
        let mut servers = JoinSet::new();
        servers.spawn(crate::web::serve(listener, web.clone(), stopper.clone()));
        servers.spawn(summary::run(lasting.meters.clone(), web.clone(), stopper.clone()));
        Ok(Self {
            start,
            store,
            web,
            generation,
            lasting,
            retired: Vec::new(),
            servers,
            stop,
            stopper,
            address,
            place,
        })
    }

    /// Returns the address that the daemon listens on.
    pub fn address(&self) -> std::net::SocketAddr {
        self.address
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    pub fn web(&self) -> &Arc<Web> {
        &self.web
    }

    /// Works until the stop signal. A part that ends by itself is an error.
    async fn work(&mut self, signals: &mut Signals) -> anyhow::Result<()> {
        let mut wakeups = self.place.wakeups();
        let mut watchdog = Watchdog::new();
        loop {
            tokio::select! {
                signal = signals.next() => match signal {
                    Signal::Reload => self.reload().await,
                    Signal::Stop => return Ok(()),
                },
                () = wakeups.recv() => self.generation.wake_all(),
                () = watchdog.due() => watchdog.feed(&self.store).await,
                failed = self.store.failed() => return Err(failed.into()),
                Some(ended) = self.servers.join_next() => {
                    ended.context("the HTTP server has failed")?;
                    anyhow::bail!("the HTTP server has ended by itself");
                }
                // The surveys that the old generation had leased and not sent are due again.
                () = one_over(&mut self.retired) => self.generation.wake_all(),
                ended = self.generation.ended() => {
                    ended.context("the work of an account has failed")?;
                    anyhow::bail!("the work of an account has ended by itself");
                }
            }
        }
    }

    /// Reads the configuration again and keeps the old one if the new one is faulty.
    async fn reload(&mut self) {
        let Some(file) = self.start.file.clone() else { return };
        notify(&[
            NotifyState::Reloading,
            NotifyState::monotonic_usec_now().unwrap_or(NotifyState::Reloading),
        ]);
        match self.apply(&file).await {
            Ok(()) => info!(
                event = "config.reloaded",
                file = file.display().to_string(),
                "the configuration {} is in force",
                file.display()
            ),
            Err(reason) => error!(
                event = "config.rejected",
                file = file.display().to_string(),
                reason = format!("{reason:#}"),
                "the configuration {} is faulty, the old one stays in force: {reason:#}",
                file.display()
            ),
        }
        notify(&[NotifyState::Ready]);
    }

    async fn apply(&mut self, file: &Path) -> anyhow::Result<()> {
        let config = config::load(file, &self.start.environment)?;
        let before = &self.start.config;
        for (key, has_changed) in [
            ("store.url", config.store != before.store),
            ("http.listen", config.http.listen != before.http.listen),
        ] {
            if has_changed {
                warn!(
                    event = "config.reloaded",
                    key, "{key} has changed, and takes effect at the next start"
                );
            }
        }
        spools::prepare(&config, file, &self.place.folder)?;
        let folder = &self.place.folder;
        let clock = &self.start.clock;
        let next = Generation::start(&config, &self.store, clock, folder, &self.lasting)?;
        logging::set_level(config.log.level);
        self.web.replace(next.live(&config, &self.store, &self.start.clock));
        let old = std::mem::replace(&mut self.generation, next);
        // A reload must not give up a prompt that is under way.
        old.stop_within(self.start.config.x.send_timeout);
        self.retired.push(old);
        self.start.config = config;
        let is_served = |name: &str| self.start.config.account(name).is_some();
        scheduler::end_of_others(&self.lasting.watches, is_served, self.start.clock.now());
        log_dry_runs(&self.start.config, "config.reloaded");
        if let Err(error) = log_unserved(&self.store, &self.start.config, "config.reloaded").await {
            warn!(event = "store.unavailable", "{error}");
        }
        Ok(())
    }

    /// Ends with a store that can no longer write. Requests that come in meanwhile are told so. The
    /// requests under way at X are found at the next start.
    async fn abandon(mut self) {
        self.stop.stop_within(LAST_ANSWERS);
        while self.servers.join_next().await.is_some() {}
        if self.store.is_gone() {
            // A write-ahead log that has lost only its name can still be written to the database.
            let _ = tokio::time::timeout(LAST_ANSWERS, self.store.close()).await;
        }
    }

    /// Stops in order. No new work begins, requests under way are finished or marked, and the store
    /// is closed.
    pub async fn stop(mut self) {
        self.stop.stop_within(GRACE);
        for generation in self.retired.iter().chain([&self.generation]) {
            generation.stop_within(GRACE);
        }
        let over = async {
            while self.servers.join_next().await.is_some() {}
            self.generation.over().await;
            for generation in &mut self.retired {
                generation.over().await;
            }
        };
        // Work that waits for an absent database would wait on.
        if tokio::time::timeout(GRACE + MOMENT, over).await.is_err() {
            warn!("some work has not ended in time: what is under way is found at the next start");
        }
        drop(self.stopper);
        self.store.close().await;
    }
}

/// Logs once which ids on record were written with leading zeros.
async fn log_respelt(store: &Store) -> crate::store::Result<()> {
    let (respelt, more) = store.respelt().await?;
    for found in &respelt {
        warn!(
            event = "person.respelt",
            user_id = found.user_id,
            was = found.was,
            entries = found.entries,
            "an id on record had zeros before it, and X takes it for another: {found}",
        );
    }
    if more > 0 {
        let told = respelt.len();
        warn!(
            event = "person.respelt",
            "{more} more ids on record beside these {told} had zeros before them: each survey's \
             history says so, and the reason of each opt-out"
        );
    }
    match respelt.is_empty() {
        true => Ok(()),
        false => store.forget_respelt().await,
    }
}

/// Makes the folders of all spools. A failure that shows without making the folder is a fault of
/// the configuration. Otherwise the disk may only not be there yet.
fn prepare_spools(config: &Config, file: &Path, folder: &Path) -> anyhow::Result<()> {
    spools::check(config, file, folder)?;
    spools::prepare(config, file, folder).map_err(|faults| anyhow::anyhow!("{faults}"))
}

/// Logs the accounts that have open surveys but are no longer configured.
async fn log_unserved(
    store: &Store,
    config: &Config,
    event: &'static str,
) -> crate::store::Result<()> {
    for (name, count) in store.open_surveys().await? {
        if config.accounts.iter().all(|account| account.name != name) {
            warn!(
                event,
                account = name,
                "{count} surveys wait for account {name}, which is not configured: they stay as \
                 they are until it is, or until they are called off",
            );
        }
    }
    Ok(())
}

/// Logs the accounts that send nothing because of their configuration.
fn log_dry_runs(config: &Config, event: &'static str) {
    for account in config.accounts.iter().filter(|account| account.mode.is_dry()) {
        let name = account.name.as_str();
        info!(event, account = name, mode = "dry", "account {name}: dry run, nothing is sent");
    }
}

/// Waits for the oldest generation that a reload has replaced, and drops it.
async fn one_over(retired: &mut Vec<Generation>) {
    match retired.first_mut() {
        Some(oldest) => oldest.over().await,
        None => std::future::pending().await,
    }
    retired.remove(0);
}

/// How a daemon ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Stopped,
    /// The disk fails or the database has gone. The log has said so.
    StoreFailed,
}

/// Runs `surveyd run` until a signal ends it.
pub async fn run(start: Start, mut signals: Signals) -> anyhow::Result<End> {
    info!(
        event = "daemon.started",
        version = env!("SURVEYD_VERSION"),
        store = start.config.store.redacted_url(),
        accounts = start.config.accounts.len(),
        sources = start.config.source_count(),
        "surveyd {} starts (accounts: {}, sources: {})",
        env!("SURVEYD_VERSION"),
        start.config.accounts.len(),
        start.config.source_count(),
    );
    let has_pages = !start.config.logins.is_empty();
    let started = tokio::select! {
        biased;
        () = signals.stop() => None,
        started = Daemon::start(start) => Some(started?),
    };
    let Some(mut daemon) = started else {
        info!(event = "daemon.stopped", "surveyd was stopped before it was ready");
        return Ok(End::Stopped);
    };
    let address = daemon.address();
    let pages = match has_pages {
        true => format!(", people sign in at http://{address}/"),
        false => String::new(),
    };
    info!(
        event = "daemon.ready",
        listen = address.to_string(),
        "ready: closes are taken at http://{address}/v1/sources/{pages}",
    );
    notify(&[NotifyState::Ready, NotifyState::Status("")]);
    let worked = daemon.work(&mut signals).await;
    if let Err(error) = &worked
        && matches!(error.downcast_ref(), Some(store::Error::Io(_) | store::Error::Gone(_)))
    {
        error!(event = "store.unavailable", "surveyd ends: {error}");
        daemon.abandon().await;
        return Ok(End::StoreFailed);
    }
    info!(event = "daemon.stopping", "surveyd stops: requests under way are finished");
    notify(&[NotifyState::Stopping]);
    daemon.stop().await;
    info!(event = "daemon.stopped", "surveyd has stopped");
    worked.map(|()| End::Stopped)
}

impl Limits {
    pub fn client(config: &Config, meters: &Meters) -> anyhow::Result<Arc<x::Client>> {
        let settings = x::XSettings {
            base_url: config.x.base_url.clone(),
            request_timeout: config.x.request_timeout,
            send_timeout: config.x.send_timeout,
        };
        let client = x::Client::new(&settings).map_err(anyhow::Error::msg)?;
        Ok(Arc::new(client.counting(meters.clone())))
    }
}
