//! Handles a pass that failed on the database. It writes a log line and schedules another pass
//! soon.

use std::time::{Duration, Instant};

use tracing::{debug, error, info, warn};

use crate::domain::time::Millis;
use crate::store::{self, Result};
use crate::worker::AccountWorker;

/// How long an account's work waits after a fault of the store.
const AFTER_FAULT: Duration = Duration::from_secs(2);

/// The least time between two passes that follow each other at once.
const BREATH: Duration = Duration::from_millis(10);

/// Names the work as in the log.
fn work_of(worker: &AccountWorker, what: &str) -> String {
    format!("{what} for account {}", worker.name())
}

/// Forgets the faults of work that ends with its configuration. Its end says nothing about the
/// database.
pub(super) fn leave(worker: &AccountWorker, what: &str) {
    worker.store.outage().leave(&work_of(worker, what));
}

pub(super) fn or_after_fault(
    worker: &AccountWorker,
    next: Result<Option<Millis>>,
    what: &str,
) -> Option<Millis> {
    let work = || work_of(worker, what);
    match next {
        Ok(next) => {
            if worker.store.outage().over(&work()) {
                info!(event = "store.recovered", "the database answers again: all work goes on");
            }
            if worker.faults.over(what) {
                let account = worker.name();
                info!(event = "store.recovered", account, "{} goes on", work());
            }
            // A pass that makes no headway must not take the whole machine.
            return next.map(|next| next.max(worker.now().plus(BREATH)));
        }
        // Another daemon holds the lock. It does so for moments, or until the server ends it.
        Err(store::Error::Busy(why)) => {
            debug!(account = worker.name(), "{} waits: {why}", work());
        }
        // The process ends for this fault and logs it once.
        Err(store::Error::Io(_) | store::Error::Gone(_)) => {}
        Err(fault @ (store::Error::Unavailable(_) | store::Error::Refused(_))) => {
            if worker.store.outage().met(&work(), Instant::now()) {
                let account = worker.name();
                let work = work();
                warn!(
                    event = "store.unavailable",
                    account, "{work} waits for the database: {fault}"
                );
            }
        }
        Err(fault) => {
            if worker.faults.met(what, Instant::now()) {
                let account = worker.name();
                error!(event = "store.unavailable", account, "{} waits: {fault}", work());
            }
        }
    }
    Some(worker.now().plus(AFTER_FAULT))
}
