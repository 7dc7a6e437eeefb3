//! Opens the daemon's database, compares it with the daemon's own mark and tells the operator what
//! came of both.

use std::path::Path;
use std::time::Duration;

use sd_notify::NotifyState;
use tracing::{debug, info, warn};

use super::service_manager::{log_status, notify};
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::domain::time::Millis;
use crate::stop::Stopper;
use crate::store::{self, Cleared, Doubt, Error, Hold, Location, Store};

/// How long a start waits between two attempts to reach an absent server. These are the first wait
/// and the longest.
const LOOK_FIRST: Duration = Duration::from_secs(1);
const LOOK_MOST: Duration = Duration::from_secs(15);

/// The number of failed attempts between two log lines.
const LOOKS_A_LINE: u32 = 20;

/// The extra time that each attempt asks of the service manager for the start.
const MORE_TIME: Duration = Duration::from_secs(60);

/// How often a shared database is compared with this daemon's mark.
const COMPARED_EVERY: Duration = Duration::from_secs(30);

/// Opens the database. It waits for a PostgreSQL server that is away, starting or a standby,
/// because such a server comes back by itself. A fault that only an operator can fix is returned at
/// once.
pub async fn open(location: &Location) -> Result<Store, Error> {
    let mut looks = 0_u32;
    loop {
        let reason = match Store::open(location).await {
            Ok(store) => {
                if looks > 0 {
                    info!(event = "store.recovered", "the database answers: the start goes on");
                }
                return Ok(store);
            }
            Err(Error::Unavailable(reason) | Error::Busy(reason)) if !location.is_sqlite() => {
                reason
            }
            Err(error) => return Err(error),
        };
        if looks.is_multiple_of(LOOKS_A_LINE) {
            warn!(
                event = "store.unavailable",
                "surveyd starts when the database answers, and waits for it: {reason}"
            );
        }
        let wait = LOOK_FIRST.saturating_mul(1 << looks.min(4)).min(LOOK_MOST);
        looks += 1;
        let more = u32::try_from((wait + MORE_TIME).as_micros()).unwrap_or(u32::MAX);
        notify(&[NotifyState::ExtendTimeoutUsec(more)]);
        log_status(&format!("waits for the database: {reason}"));
        tokio::time::sleep(wait).await;
    }
}

/// Warns of server settings under which a person might be prompted twice.
pub async fn warn_of_weaknesses(location: &Location) {
    match store::weaknesses(location).await {
        Ok(found) => {
            for weakness in found {
                warn!(
                    event = "daemon.started",
                    "store.url: {}. {}",
                    weakness.problem(),
                    weakness.remedy()
                );
            }
        }
        Err(error) => debug!("the server's settings cannot be asked: {error}"),
    }
}

/// The part of the configuration that a comparison needs.
#[derive(Clone, Debug)]
pub struct Names {
    accounts: Vec<String>,
    events_horizon: Duration,
}

impl Names {
    pub fn of(config: &Config) -> Self {
        let accounts = config.accounts.iter().map(|account| account.name.clone());
        Self { accounts: accounts.collect(), events_horizon: config.x.events_horizon }
    }
}

/// Compares the database again when the store asks for it. A shared database is also compared from
/// time to time. Runs until the stop signal.
pub async fn keep_comparing(store: Store, names: Names, clock: Clock, stop: Stopper) {
    while !stop.is_stopping() {
        let every = async {
            match store.is_shared() {
                true => tokio::time::sleep(COMPARED_EVERY).await,
                false => std::future::pending().await,
            }
        };
        tokio::select! {
            () = store.in_doubt() => {}
            () = every => {}
            () = stop.stopping() => return,
        }
        let compared = tokio::select! {
            compared = compare(&store, &names, &clock) => compared,
            () = stop.stopping() => return,
        };
        if let Err(error) = compared {
            debug!("the database cannot be compared now: {error}");
            tokio::time::sleep(LOOK_FIRST).await;
        }
        // Another daemon's commands may have erased somebody, and our own file must know.
        if let Err(error) = forget_again(&store, &clock).await {
            debug!("the marks of erased people cannot be compared now: {error}");
        }
    }
}

/// Erases again whoever the database has forgotten to erase: it may be an older copy. Waits while
/// other writers hold what is erased.
pub async fn forget_again(store: &Store, clock: &Clock) -> Result<(), Error> {
    let erased = loop {
        match store.forget_again(clock.now()).await {
            Err(Error::Busy(_)) => tokio::time::sleep(LOOK_FIRST / 10).await,
            erased => break erased?,
        }
    };
    let rows: u64 = erased.rows.values().sum();
    if rows > 0 {
        if let Cleared::Without(_) | Cleared::NotNow(_) = store.clear_space().await? {
            debug!("the space of what was erased again could not be cleared");
        }
        warn!(
            event = "person.erased_again",
            rows, "people who were erased were on record, and have been erased again: rows {rows}"
        );
    }
    Ok(())
}

/// Compares the database with this daemon's mark and logs the result. Waits while another daemon is
/// being compared.
pub async fn compare(store: &Store, names: &Names, clock: &Clock) -> Result<(), Error> {
    let compared = loop {
        match store.compare(names.accounts.clone(), clock.now()).await {
            Err(Error::Busy(_)) => tokio::time::sleep(LOOK_FIRST / 10).await,
            compared => break compared?,
        }
    };
    for account in &compared.lifted {
        info!(
            event = "account.resumed",
            account, "account {account} sends again: the mark of this daemon knows the database"
        );
    }
    if let Some(doubt) = compared.doubt {
        let is_empty = !store.knows_prompts().await?;
        log(doubt, is_empty, compared.beside.as_deref(), names.events_horizon);
    }
    Ok(())
}

/// Logs each account that is held as the daemon starts. The hold may have begun in an earlier run,
/// which could not say so or whose log is gone.
pub async fn log_holds(store: &Store, config: &Config, now: Millis) -> Result<(), Error> {
    for account in &config.accounts {
        let name = &account.name;
        let facts = store.waiting_of(&config.served(account), now).await?;
        let Some(holding) = facts.holding else { continue };
        warn!(
            event = "account.held",
            account = name,
            until = holding.until.rfc3339(),
            "account {name} is held since {}: {}",
            holding.since.rfc3339(),
            holding.words
        );
    }
    Ok(())
}

fn log(doubt: Doubt, is_empty: bool, beside: Option<&Path>, events_horizon: Duration) {
    let what = doubt.words();
    let lost = match (doubt, is_empty, beside) {
        (_, _, Some(mark)) => format!(
            ". The mark of the one before is {}: where that was another business, delete it",
            mark.display()
        ),
        (Doubt::Unknown, _, None) | (_, false, None) => String::new(),
        (_, true, None) => {
            ". It knows of no prompt: if it was lost, `surveyd rebuild` brings back \
             what X knows of them"
                .into()
        }
    };
    warn!(
        event = "daemon.held",
        reason = doubt.as_str(),
        "the database {what}: prompts that it does not know of may have gone out. Nothing is sent until \
         X's events have been read past this moment ({} from now at least). {}{lost}",
        config::format_duration(events_horizon),
        Hold::MEANWHILE
    );
}
